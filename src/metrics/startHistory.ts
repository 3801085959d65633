/** What kind of start it was: made new, started from a halt, or resumed with its memory. */
export type StartHow = 'create' | 'start' | 'resume';

/** One measured start: from the command to the environment being ready for a terminal. */
export interface StartRecord {
  readonly how: StartHow;
  readonly durationMs: number;
  /** True where nothing had to be built or fetched. */
  readonly warmCache: boolean;
  /** When it began, ISO 8601 in UTC. */
  readonly at: string;
}
