/** Where a machine is reached. */
export interface MachineAddress {
  readonly host: string;
  /** Of this computer, passed on to the machine's SSH server; undefined where that is reached at its own port. */
  readonly port?: number;
}

export function isSameAddress(one: MachineAddress | undefined, other: MachineAddress | undefined): boolean {
  return one?.host === other?.host && one?.port === other?.port;
}
