import * as l10n from '@vscode/l10n';
import type { SwitchyardError } from '../base/errors.ts';
import type { Progress } from '../base/progress.ts';
import type { CarryReport } from './carrier.ts';
import type { StepReport } from './stepReport.ts';
import type { HeldChange, SyncConflict, SyncHalt, SyncHealth } from './liveSync.ts';
import { toText, type BytePath } from './path.ts';
import { diskFull, skipReason } from './reasons.ts';
import type { Session } from './session.ts';
import type { TransferCount } from './transferBook.ts';

/** How often, at most, a person sees the figures move, in milliseconds. */
export const tellEveryMs = 200;
const examples = 5;

/** A transfer that has not ended. `since` in milliseconds of `performance.now`. */
export interface UnderWay {
  readonly done: TransferCount;
  readonly all: TransferCount;
  readonly since: number;
}

/** Of a sync that was never begun. */
export const detached: SyncHealth = {
  state: 'detached',
  inSyncSince: undefined,
  pending: 0,
  bytesPerSecond: 0,
  filesPerSecond: 0,
  transfer: undefined,
  conflicts: [],
  heldBack: [],
  skipped: [],
  lastScan: undefined,
  halt: undefined,
  watching: undefined,
  problem: undefined,
};

/** What a person sees of a sync. */
export function healthOf(parts: {
  readonly session: Session | undefined;
  readonly isWorking: boolean;
  readonly problem: SwitchyardError | undefined;
  readonly conflicts: readonly SyncConflict[];
  readonly rate: { readonly filesPerSecond: number; readonly bytesPerSecond: number };
  readonly transfer: UnderWay | undefined;
}): SyncHealth {
  const { session } = parts;
  const engine = session?.engine;
  const halt = haltOf(session);
  return {
    state:
      session && !session.isHeld
        ? stateOf(session, halt)
        : parts.problem
          ? 'failed'
          : parts.isWorking
            ? 'syncing'
            : 'detached',
    inSyncSince: session?.inSyncSince,
    pending: session?.pending ?? 0,
    ...parts.rate,
    transfer: parts.transfer && transferOf(parts.transfer),
    conflicts: parts.conflicts,
    heldBack: engine ? [...engine.heldBack].map((at) => heldChange(at, engine.trees)) : [],
    skipped: session ? skippedOf(session) : [],
    lastScan: session?.lastScan,
    halt,
    watching: session && {
      host: session.isPolling.host ? 'polling' : 'events',
      guest: session.isPolling.guest ? 'polling' : 'events',
    },
    problem: parts.problem ?? [...(session?.full ?? [])].map(diskFull)[0],
  };
}

function stateOf(session: Session, halt: SyncHalt | undefined): SyncHealth['state'] {
  // Not before the step under way has ended.
  if (session.isPaused && !session.isBusy) return 'paused';
  if (halt) return 'halted';
  return session.inSyncSince ? 'inSync' : 'syncing';
}

function haltOf(session: Session | undefined): SyncHalt | undefined {
  if (session?.emptied) return { saw: 'emptied', side: session.emptied };
  const [held] = session?.engine.guard.held(session.baseline.entries.size) ?? [];
  if (!held) return undefined;
  const paths = [...held.paths];
  return {
    saw: 'deletions',
    on: held.on,
    count: paths.length,
    of: held.of,
    examples: paths.slice(0, examples).map(toText),
  };
}

function skippedOf({ engine }: Session): { path: string; reason: string }[] {
  return [...engine.skipped].map(([at, reason]) => ({ path: toText(at), reason: skipReason(reason) }));
}

function heldChange(at: BytePath, { host, guest }: Session['engine']['trees']): HeldChange {
  const change = !guest.has(at) ? 'deleted' : host.has(at) ? 'changed' : 'created';
  return { path: toText(at), change };
}

function transferOf({ done, all, since }: UnderWay): SyncHealth['transfer'] {
  const share = shareOf(done, all);
  const seconds = (performance.now() - since) / 1_000;
  return {
    files: done.files,
    allFiles: all.files,
    bytes: done.bytes,
    allBytes: all.bytes,
    secondsLeft: seconds > 1 && share > 0 ? Math.round((seconds / share) * (1 - share)) : undefined,
  };
}

/** What a whole round did, for whoever asked for it. */
export function carryReport(session: Session, report: StepReport): CarryReport {
  const { engine } = session;
  const skipped = skippedOf(session);
  for (const at of report.again) {
    skipped.push({ path: toText(at), reason: l10n.t('It kept changing; the next sync takes it.') });
  }
  for (const at of engine.postponed) {
    skipped.push({ path: toText(at), reason: l10n.t('It waits for git or an editor to let go of it.') });
  }
  for (const { paths, of } of engine.guard.held(engine.baseline.entries.size)) {
    const reason = l10n.t('{0} of {1} files would be deleted at once: not done unasked.', paths.size, of);
    for (const at of paths) skipped.push({ path: toText(at), reason });
  }
  return {
    toGuest: report.changed.guest,
    toHost: report.changed.host,
    conflicts: report.conflicts.map(({ path, copy }) => ({ path: toText(path), copy: toText(copy) })),
    heldBack: [...engine.heldBack].map(toText),
    skipped,
  };
}

/** From 0 to 1; a file costs about as much as 4 KiB of content. */
function shareOf(done: TransferCount, all: TransferCount): number {
  return Math.min(1, (done.files + done.bytes / 4096) / Math.max(1, all.files + all.bytes / 4096));
}

/** Passes figures on to a progress, no more often than a person can read them. */
export function throttled(progress: Progress): (told: { done: TransferCount; all: TransferCount }) => void {
  let last = 0;
  return ({ done, all }) => {
    const now = performance.now();
    if (now - last < tellEveryMs && done.files < all.files) return;
    last = now;
    const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0);
    progress.line(
      l10n.t(
        '{0} of {1} files, {2} of {3} MB',
        done.files,
        all.files,
        megabytes(done.bytes),
        megabytes(all.bytes),
      ),
    );
    progress.fraction?.(shareOf(done, all));
  };
}
