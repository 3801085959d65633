import { createHash } from 'node:crypto';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { exists } from '../base/exists.ts';
import type { Logger } from '../base/log.ts';
import { Baseline } from './baseline.ts';
import { baselineFolder } from './baselineCopies.ts';
import { aheadBytes, bulkCount, BulkUpload } from './bulk.ts';
import type { CarryRequest } from './carrier.ts';
import type { EngineParts } from './engine.ts';
import { sizeOf, type Entry } from './entry.ts';
import { AgentSide, type AgentFolder } from './guest/agentSide.ts';
import type { ShellSide } from './guest/shellSide.ts';
import { startAgent } from './guest/startAgent.ts';
import { joinAgent } from './guest/waitingAgent.ts';
import { HostSide } from './host/hostSide.ts';
import type { HostThread } from './host/hostThread.ts';
import { LargeStream } from './largeStream.ts';
import { fromText } from './path.ts';
import { defaultIgnore, parsePatterns, PathRules, Protection, type Rule } from './patterns.ts';
import { Session } from './session.ts';
import { wholeFileBytes } from './side.ts';
import { Unpacker } from './unpacker.ts';

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
  /** How much each side's trash may hold, in bytes; 2 GiB by default. */
  readonly trashBytes?: number;
  /** The files (absolute paths) of which an editor holds unsaved changes by now: nothing writes under them. */
  readonly unsavedFiles?: () => Promise<readonly string[]>;
}

/** What a session tells, and what it is given. */
export type SessionContext = Pick<EngineParts, 'onProgress' | 'onSent'> & {
  /** One that stands already; it is the session's from then on. */
  readonly takeThread: () => HostThread | undefined;
};

/** Opens both sides and the baseline between them. @throws what they throw; then nothing stays open */
export async function openSession(
  options: WorkspaceSyncOptions,
  request: CarryRequest,
  { takeThread, ...told }: SessionContext,
  signal: AbortSignal,
): Promise<Session> {
  const { hostFolder, stateFolder, log } = options;
  const trashBytes = options.trashBytes ?? 2 * 1024 ** 3;
  const key = createHash('sha256').update(request.guestFolder).digest('hex').slice(0, 16);
  const folders = {
    ...{ root: hostFolder, staging: await stagingFolder(hostFolder, stateFolder) },
    ...{ trash: path.join(stateFolder, 'trash'), trashBytes },
  };
  const patterns = [...defaultIgnore, ...options.ignore, ...(await ignoreFile(hostFolder))];
  const { rules } = PathRules.parse(patterns);
  const isFirst = !(await exists(path.join(baselineFolder(stateFolder), 'baseline')));
  const unpacker = new Unpacker(request.connection);
  const openHost = async (): Promise<HostSide> => {
    const side = await HostSide.open(folders, signal, takeThread());
    if (isFirst) lookAhead(side, rules, unpacker, signal);
    return side;
  };
  try {
    const [guest, host] = await bothOrNeither(
      openAgent(request, { path: request.guestFolder, key, trashBytes }, log, signal),
      openHost(),
    );
    return await join(options, request, { guest, host, unpacker, rules, told });
  } catch (error) {
    unpacker.endAhead();
    throw error;
  }
}

/** Of a host of which no guest had anything yet, all that can be done while the agent starts. */
function lookAhead(host: HostSide, rules: readonly Rule[], unpacker: Unpacker, signal: AbortSignal): void {
  let [files, bytes] = [0, 0];
  const seen = (entry: Entry): void => {
    const size = sizeOf(entry);
    if (size > wholeFileBytes) return;
    files += 1;
    bytes += size;
    if (files >= bulkCount && bytes >= aheadBytes) unpacker.beginAhead(signal);
  };
  host.scanAhead(rules, seen, signal);
}

interface Parts {
  readonly guest: AgentSide | ShellSide;
  readonly host: HostSide;
  readonly unpacker: Unpacker;
  readonly rules: readonly Rule[];
  readonly told: Omit<SessionContext, 'takeThread'>;
}

async function join(
  { hostFolder, stateFolder, protect, log, unsavedFiles }: WorkspaceSyncOptions,
  { guestFolder, guestId }: CarryRequest,
  { guest, host, unpacker, rules, told }: Parts,
): Promise<Session> {
  try {
    const identity = [guestId, guestFolder, guest.identity.root, host.identity.root];
    const baseline = await Baseline.load(
      baselineFolder(stateFolder),
      createHash('sha256').update(identity.join('\0')).digest('hex'),
      `${host.identity.boot} ${guest.identity.boot}`,
      log,
    );
    return new Session({
      ...told,
      sides: { host, guest },
      ...{ baseline, rules, log },
      protection: new Protection(protect),
      ...(guest instanceof AgentSide
        ? {
            bulk: new BulkUpload(hostFolder, { host, guest }, unpacker, log),
            stream: new LargeStream(host, guest, guestFolder, log),
          }
        : { bulk: undefined, stream: undefined }),
      now: () => new Date(),
      unsavedOnHost: async () => {
        const files = (await unsavedFiles?.()) ?? [];
        return new Set(
          files.map((file) => fromText(path.relative(hostFolder, file).replaceAll(path.sep, '/'))),
        );
      },
    });
  } catch (error) {
    guest.dispose();
    host.dispose();
    throw error;
  }
}

/** The one that waits, else a new one. */
async function openAgent(
  { connection, waitingAgent }: CarryRequest,
  folder: AgentFolder,
  log: Logger,
  signal: AbortSignal,
): Promise<AgentSide | ShellSide> {
  if (waitingAgent !== undefined) {
    const joined = await joinAgent(connection, waitingAgent, folder, log, signal);
    if (joined) return joined;
  }
  return startAgent(connection, folder, log, signal);
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
