import type { Baseline } from './baseline.ts';
import type { Entry } from './entry.ts';
import type { BytePath } from './path.ts';
import type { Protection } from './patterns.ts';
import { reconcile, type Plan, type ReconcileInput } from './reconcile.ts';
import type { Side } from './side.ts';
import { inSlices } from './slices.ts';
import type { Sides } from './transfer.ts';
import type { Trees } from './transferBook.ts';

const hashBatch = 200;
const restless: Entry = { print: 'e', target: 'it changes all the time', racy: false };

interface PlannerParts {
  readonly sides: Sides;
  readonly baseline: Baseline;
  readonly protection: Protection;
}

/**
 * Has the reconciler decide, and brings it the hashes that it asks for.
 * @param trees what each side is known to hold; a file that is hashed is entered as it was found then
 * @param touched what to look at; everything by default
 */
export async function makePlan(
  { sides, baseline, protection }: PlannerParts,
  trees: Trees,
  touched: ReadonlySet<BytePath> | undefined,
  trustsPrints: boolean,
  signal: AbortSignal,
): Promise<Plan> {
  const input = {
    ...{ baseline: baseline.entries, host: trees.host, guest: trees.guest },
    hostHashes: new Map<BytePath, string>(),
    guestHashes: new Map<BytePath, string>(),
    trustsPrints,
    isProtected: (path: BytePath, isFolder: boolean) => protection.covers(path, isFolder),
  } satisfies ReconcileInput;
  for (;;) {
    const plan = await inSlices(reconcile(input, touched), signal);
    const { host, guest } = plan.unsure;
    if (host.length + guest.length === 0) return plan;
    await Promise.all([
      hash(sides.host, host, trees.host, input.hostHashes, signal),
      hash(sides.guest, guest, trees.guest, input.guestHashes, signal),
    ]);
  }
}

async function hash(
  side: Side,
  paths: readonly BytePath[],
  tree: Map<BytePath, Entry>,
  hashes: Map<BytePath, string>,
  signal: AbortSignal,
): Promise<void> {
  for (let at = 0; at < paths.length; at += hashBatch) {
    const batch = paths.slice(at, at + hashBatch);
    const found = await side.hash(batch, signal);
    for (const [index, path] of batch.entries()) {
      const hashed = found[index];
      // Gone, or never still: nothing is decided about it now.
      tree.set(path, hashed?.entry ?? restless);
      if (hashed) hashes.set(path, hashed.hash);
    }
  }
}
