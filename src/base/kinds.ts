/** Where the project's code runs. */
export type EnvironmentKind = 'host' | 'container' | 'vm';

/** The kinds that are made, started and destroyed; the host just is. */
export type GuestKind = Exclude<EnvironmentKind, 'host'>;

export const guestKinds: readonly GuestKind[] = ['container', 'vm'];
