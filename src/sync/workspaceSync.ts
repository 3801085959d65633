import * as l10n from '@vscode/l10n';
import { createHash } from 'node:crypto';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { isCancellation, SwitchyardError, toSwitchyardError } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { Progress } from '../base/progress.ts';
import { Baseline } from './baseline.ts';
import type { CarryReport, CarryRequest, WorkspaceCarrier } from './carrier.ts';
import { AgentFault, AgentLost } from './guest/agentClient.ts';
import type { AgentSide } from './guest/agentSide.ts';
import { startAgent } from './guest/startAgent.ts';
import { HostSide } from './host/hostSide.ts';
import { SyncLock } from './lock.ts';
import { toText } from './path.ts';
import { defaultIgnore, parsePatterns, PathRules, Protection } from './patterns.ts';
import { Emptied, round, type RoundReport } from './round.ts';
import type { TransferCount } from './transfer.ts';

export interface WorkspaceSyncOptions {
  /** Real absolute path of the workspace folder. */
  readonly hostFolder: string;
  /** Absolute path of a folder outside the workspace, for this workspace and environment alone. */
  readonly stateFolder: string;
  /** gitignore patterns, on top of the defaults and of `.switchyardignore`. */
  readonly ignore: readonly string[];
  /** gitignore patterns of what a guest's change does not reach unasked, on top of the defaults. */
  readonly protect: readonly string[];
  readonly log: Logger;
  /** How much each side's trash may hold, in bytes. */
  readonly trashBytes?: number;
}

const defaultTrashBytes = 2 * 1024 ** 3;
/** How often a person sees the figures move, in milliseconds. */
const tellEveryMs = 200;

/** Keeps the workspace of one project the same on the host and in one environment. */
export class WorkspaceSync implements WorkspaceCarrier {
  readonly #options: WorkspaceSyncOptions;
  readonly #protection: Protection;

  constructor(options: WorkspaceSyncOptions) {
    this.#options = options;
    this.#protection = new Protection(options.protect);
  }

  async carry(request: CarryRequest, progress: Progress, signal: AbortSignal): Promise<CarryReport> {
    progress.step(l10n.t('Bringing the workspace across'));
    try {
      const lock = await SyncLock.acquire(path.join(this.#options.stateFolder, 'lock'), signal);
      try {
        return await this.#carry(request, progress, signal);
      } finally {
        await lock.release();
      }
    } catch (error) {
      throw explain(error, request.guestFolder);
    }
  }

  async #carry(request: CarryRequest, progress: Progress, signal: AbortSignal): Promise<CarryReport> {
    const { hostFolder, stateFolder, log } = this.#options;
    const trashBytes = this.#options.trashBytes ?? defaultTrashBytes;
    const key = createHash('sha256').update(request.guestFolder).digest('hex').slice(0, 16);
    const guestFolder = { path: request.guestFolder, key, trashBytes };
    const staging = await stagingFolder(hostFolder, stateFolder);
    const opening = startAgent(request.connection, guestFolder, log, signal);
    const openingHost = HostSide.open(
      {
        root: hostFolder,
        staging,
        trash: path.join(stateFolder, 'trash'),
        trashBytes,
      },
      signal,
    );
    const [guest, host] = await bothOrNeither(opening, openingHost);
    try {
      const identity = [request.guestId, request.guestFolder, guest.identity.root, host.identity.root];
      const baseline = await Baseline.load(
        path.join(stateFolder, 'baseline'),
        createHash('sha256').update(identity.join('\0')).digest('hex'),
        log,
      );
      const rules = PathRules.parse([
        ...defaultIgnore,
        ...this.#options.ignore,
        ...(await ignoreFile(hostFolder)),
      ]).rules;
      try {
        const report = await round(
          {
            sides: { host, guest },
            baseline,
            rules,
            protection: this.#protection,
            log,
            now: () => new Date(),
          },
          throttled(progress),
          signal,
        );
        return asCarryReport(report, log);
      } finally {
        await settle({ host, guest }, baseline, log);
      }
    } finally {
      guest.dispose();
      host.dispose();
    }
  }
}

/** Makes good for ever what both sides acknowledged, also after a round that failed half-way. */
async function settle(
  sides: { host: HostSide; guest: AgentSide },
  baseline: Baseline,
  log: Logger,
): Promise<void> {
  if (!baseline.hasUncommitted || sides.guest.client.isLost) return;
  const pending = baseline.pending();
  const bounded = AbortSignal.timeout(60_000);
  try {
    await Promise.all([sides.host.settle(bounded), sides.guest.settle(bounded)]);
    await baseline.commit(pending);
  } catch (error) {
    // The baseline on disk stays the older one, which costs the next round a comparison and no data.
    log.warn(`Sync: the baseline was not written: ${String(error)}`);
  }
}

/** Temporaries lie on the workspace's own file system, where a rename is one step; outside it if possible. */
async function stagingFolder(hostFolder: string, stateFolder: string): Promise<string> {
  await fs.mkdir(stateFolder, { recursive: true });
  const [workspace, state] = await Promise.all([fs.stat(hostFolder), fs.stat(stateFolder)]);
  if (workspace.dev === state.dev) return path.join(stateFolder, 'staging');
  const inside = path.join(hostFolder, '.switchyard-sync');
  await fs.mkdir(inside, { recursive: true });
  await fs.writeFile(path.join(inside, '.gitignore'), '*\n');
  return path.join(inside, 'staging');
}

async function ignoreFile(hostFolder: string): Promise<string[]> {
  try {
    return parsePatterns(await fs.readFile(path.join(hostFolder, '.switchyardignore'), 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

async function bothOrNeither<A extends { dispose(): void }, B extends { dispose(): void }>(
  first: Promise<A>,
  second: Promise<B>,
): Promise<[A, B]> {
  const [a, b] = await Promise.allSettled([first, second]);
  if (a.status === 'fulfilled' && b.status === 'fulfilled') return [a.value, b.value];
  if (a.status === 'fulfilled') a.value.dispose();
  if (b.status === 'fulfilled') b.value.dispose();
  throw a.status === 'rejected' ? a.reason : (b as PromiseRejectedResult).reason;
}

function throttled(progress: Progress): (told: { done: TransferCount; all: TransferCount }) => void {
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
    progress.fraction?.((done.files + done.bytes / 4096) / Math.max(1, all.files + all.bytes / 4096));
  };
}

function asCarryReport(report: RoundReport, log: Logger): CarryReport {
  const skipped = [...report.skipped].map(([at, reason]) => ({ path: toText(at), reason }));
  for (const at of report.pending) {
    skipped.push({ path: toText(at), reason: l10n.t('It kept changing; the next sync takes it.') });
  }
  for (const { on, paths, of } of report.deletions) {
    log.warn(`Sync: ${paths.length} of ${of} paths would be deleted on the ${on}: not done.`);
    const reason = l10n.t('{0} of {1} files would be deleted at once: not done unasked.', paths.length, of);
    for (const at of paths) skipped.push({ path: toText(at), reason });
  }
  return {
    toGuest: report.changed.guest,
    toHost: report.changed.host,
    conflicts: report.conflicts.map(({ path: at, copy }) => ({ path: toText(at), copy: toText(copy) })),
    heldBack: report.heldBack.map(toText),
    skipped,
  };
}

function explain(error: unknown, guestFolder: string): SwitchyardError {
  const what = l10n.t('The workspace could not be synced.');
  const failed = (why: string, next: string): SwitchyardError =>
    new SwitchyardError({
      code: 'sync.failed',
      what,
      why,
      next,
      remedies: [{ do: 'retry' }, { do: 'showLog' }],
      cause: error,
    });
  if (isCancellation(error)) return toSwitchyardError(error, what);
  if (error instanceof Emptied) {
    return new SwitchyardError({
      code: 'sync.halted',
      what: l10n.t('The sync was stopped before it deleted anything.'),
      why:
        error.side === 'host'
          ? l10n.t('The workspace folder on the host is empty, and it was not before.')
          : l10n.t('The workspace folder in the environment is empty, and it was not before.'),
      next: l10n.t('See whether its disk is there. To fill the environment anew, rebuild it.'),
      remedies: [{ do: 'retry' }, { do: 'showLog' }],
      cause: error,
    });
  }
  if (error instanceof AgentFault && error.why === 'denied') {
    return failed(
      l10n.t('The folder {0} in the environment is not writable for its user.', guestFolder),
      l10n.t('Give it to that user, or rebuild the environment.'),
    );
  }
  if (error instanceof AgentLost) {
    return failed(
      l10n.t('The connection to the environment was lost.'),
      l10n.t('Nothing is lost: what is not across yet goes with the next sync.'),
    );
  }
  return toSwitchyardError(error, what);
}
