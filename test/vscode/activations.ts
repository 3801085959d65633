/** What VS Code's extension host measured of one activation, in milliseconds. */
export interface ActivationTime {
  readonly loadMs: number;
  readonly callMs: number;
  readonly resolveMs: number;
}

/** Ours and that of the built-in git extension, in the same window. */
export interface Activations {
  readonly ours: ActivationTime;
  readonly git: ActivationTime;
}

/** How many windows are opened to measure: one alone says more about what else the machine did just then. */
export const activationWindows = 5;

/** Everything that the extension host did for it: loading its code, the call, and what the call waited for. */
export function totalMs({ loadMs, callMs, resolveMs }: ActivationTime): number {
  return loadMs + callMs + resolveMs;
}

/** The middle one by its total; of an even number the later of both. */
export function median(times: readonly ActivationTime[]): ActivationTime {
  const sorted = [...times].sort((a, b) => totalMs(a) - totalMs(b));
  const middle = sorted[Math.floor(sorted.length / 2)];
  if (!middle) throw new Error('There is no median of nothing.');
  return middle;
}

export function describeTime(time: ActivationTime): string {
  return `${totalMs(time)} ms (load ${time.loadMs}, call ${time.callMs}, until resolved ${time.resolveMs})`;
}
