import type { BytePath } from './path.ts';
import type { SideName } from './side.ts';

/** What one step of a sync did and could not do. */
export interface StepReport {
  readonly changed: Record<SideName, number>;
  readonly conflicts: readonly { readonly path: BytePath; readonly copy: BytePath }[];
  /** Changed while it was worked on: to be looked at again. */
  readonly again: ReadonlySet<BytePath>;
  readonly full: ReadonlySet<SideName>;
}

/** Nothing to do, and nothing left. */
export const nothing: StepReport = {
  changed: { host: 0, guest: 0 },
  conflicts: [],
  again: new Set(),
  full: new Set(),
};

/** Two steps, one after the other. */
export function add(a: StepReport, b: StepReport): StepReport {
  return {
    changed: { host: a.changed.host + b.changed.host, guest: a.changed.guest + b.changed.guest },
    conflicts: [...a.conflicts, ...b.conflicts],
    again: b.again,
    full: new Set([...a.full, ...b.full]),
  };
}
