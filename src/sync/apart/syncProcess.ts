/**
 * The process of one sync. What it knows of a large workspace, and the garbage that comes with it, would otherwise be the
 * extension host's, which all extensions share; and whatever it computes holds up nobody's event loop. It lives as
 * long as the extension host wants it, and not a moment longer than that lives.
 */
import * as l10n from '@vscode/l10n';
import type { Logger } from '../../base/log.ts';
import type { Progress } from '../../base/progress.ts';
import type { CarryRequest, CarryReport } from '../carrier.ts';
import type { SyncHealth } from '../liveSync.ts';
import { WorkspaceSync } from '../workspaceSync.ts';
import { LentConnections } from './lentConnection.ts';
import type { ToHost } from './lentStream.ts';
import type { Errand, SyncPlace } from './messages.ts';
import { packError } from './packedError.ts';
import { Peer } from './peer.ts';
import { Tidying } from './tidying.ts';

const host: ToHost = new Peer(process);
const connections = new LentConnections(host);
const tidying = new Tidying();
const log = {} as Record<keyof Logger, (message: string | Error) => void>;
for (const level of ['trace', 'debug', 'info', 'warn', 'error'] as const) {
  log[level] = (message) => host.tell('log', { level, message: String(message) });
}
let sync: WorkspaceSync | undefined;
let rules: Pick<Errand, 'ignore' | 'protect'> = { ignore: [], protect: [] };

function begin(place: SyncPlace): WorkspaceSync {
  if (place.sentences) l10n.config({ contents: { ...place.sentences } });
  const begun = new WorkspaceSync({
    hostFolder: place.hostFolder,
    stateFolder: place.stateFolder,
    ...(place.trashBytes === undefined ? {} : { trashBytes: place.trashBytes }),
    get ignore() {
      return rules.ignore;
    },
    get protect() {
      return rules.protect;
    },
    log,
    unsavedFiles: () => host.ask('unsavedFiles', {}),
  });
  begun.prepare();
  begun.onDidChangeHealth((health) => tellHealth(begun, health));
  return begun;
}

function tellHealth(of: WorkspaceSync, health: SyncHealth): void {
  const problem = health.problem && packError(health.problem);
  tidying.touch();
  host.tell('health', { health: { ...health, problem }, isIdle: of.isIdle });
}

function need(): WorkspaceSync {
  if (!sync) throw new Error('The sync was not begun.');
  return sync;
}

/** Whoever gets an answer knows the health that goes with it. */
async function then<T>(work: (sync: WorkspaceSync) => Promise<T>): Promise<T> {
  const of = need();
  try {
    return await work(of);
  } finally {
    tellHealth(of, of.health);
  }
}

type Carrying = (request: CarryRequest, progress: Progress, signal: AbortSignal) => Promise<CarryReport>;

function errand(of: (sync: WorkspaceSync) => Carrying) {
  return (given: Errand, signal: AbortSignal): Promise<CarryReport> => {
    const { ignore, protect, progress, connection, ...request } = given;
    rules = { ignore, protect };
    const telling: Progress = {
      step: (step) => host.tell('progress', { progress, step }),
      line: (line) => host.tell('progress', { progress, line }),
      fraction: (fraction) => host.tell('progress', { progress, fraction }),
    };
    return then((begun) =>
      of(begun)({ ...request, connection: connections.of(connection) }, telling, signal),
    );
  };
}

host.answer('begin', (place) => {
  sync ??= begin(place);
  return Promise.resolve();
});
host.answer(
  'carry',
  errand((begun) => begun.carry.bind(begun)),
);
host.answer(
  'attach',
  errand((begun) => begun.attach.bind(begun)),
);
host.answer(
  'syncNow',
  errand((begun) => begun.syncNow.bind(begun)),
);
host.answer('detach', (_given, signal) => then((begun) => begun.detach(signal)));
host.answer('hold', (_given, signal) => then((begun) => begun.hold(signal)));
host.answer('keepBaseline', ({ folder }) => then((begun) => begun.keepBaseline(folder)));
host.answer('flush', (_given, signal) => then((begun) => begun.flush(signal)));
host.answer('resolveConflict', ({ path, keep }, signal) =>
  then((begun) => begun.resolveConflict(path, keep, signal)),
);
host.answer('decideHeldBack', ({ path, decision }, signal) =>
  then((begun) => begun.decideHeldBack(path, decision, signal)),
);
host.answer('versions', ({ path }, signal) => then((begun) => begun.versions(path, signal)));
host.hear('letGo', () => sync?.letGo());
host.hear('rescan', () => sync?.rescan());
host.hear('pause', () => sync?.pause());
host.hear('resume', () => sync?.resume());
host.hear('answerHalt', ({ answer }) => sync?.answerHalt(answer));

/** The extension host ended it, or is itself no more: nothing goes on without it. */
process.once('disconnect', () => {
  host.dispose();
  connections.dispose();
  sync?.dispose();
  process.exit(0);
});
// An interrupt of the terminal that the editor was started from is for the editor to heed.
process.on('SIGINT', () => undefined);
host.listen();
