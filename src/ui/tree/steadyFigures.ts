import type { Usage } from '../../environments/environment.ts';

/** How long figures stand before ones that hardly differ replace them, in milliseconds. */
const standMs = 10_000;
/** A difference that is shown at once: processor use in percentage points, bytes as a share. */
const telling = { cpuPoints: 10, share: 0.1 };

/**
 * The figures that an environment's rows show. They follow at once what a person would notice, and the rest
 * now and then: VS Code draws a row whole, and whatever is under the pointer goes with it, a button that is
 * being pressed, a tooltip that is being read.
 */
export class SteadyFigures {
  readonly #standing = new Map<string, { readonly usage: Usage; readonly since: number }>();

  /** @param id of whose they are, @param now as milliseconds of any one clock */
  next(id: string, usage: Usage | undefined, now: number): Usage | undefined {
    const standing = this.#standing.get(id);
    if (!usage) {
      this.#standing.delete(id);
      return undefined;
    }
    if (standing && now - standing.since < standMs && isAlike(standing.usage, usage)) return standing.usage;
    this.#standing.set(id, { usage, since: now });
    return usage;
  }

  clear(): void {
    this.#standing.clear();
  }
}

function isAlike(shown: Usage, usage: Usage): boolean {
  return (
    isNear(shown.cpuPercent, usage.cpuPercent, telling.cpuPoints) &&
    isNear(shown.memoryBytes, usage.memoryBytes, (shown.memoryBytes ?? 0) * telling.share) &&
    isNear(shown.diskBytes, usage.diskBytes, (shown.diskBytes ?? 0) * telling.share)
  );
}

function isNear(shown: number | undefined, figure: number | undefined, within: number): boolean {
  if (shown === undefined || figure === undefined) return shown === figure;
  return Math.abs(figure - shown) <= within;
}
