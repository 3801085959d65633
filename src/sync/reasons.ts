import * as l10n from '@vscode/l10n';
import { isCancellation, SwitchyardError, toSwitchyardError } from '../base/errors.ts';
import { AgentFault, AgentLost } from './guest/agentClient.ts';
import { Emptied } from './halts.ts';
import type { SideName } from './side.ts';

/** Why a path is not synced, as the sides say it, for a person. */
export function skipReason(reason: string): string {
  switch (reason) {
    case 'the link leads out of the workspace':
      return l10n.t('The link leads out of the workspace.');
    case 'it is no file, folder or link':
      return l10n.t('It is no file, folder or link.');
    case 'it changes all the time':
      return l10n.t('It changes all the time.');
    case 'a folder above it could not be read, or is none':
      return l10n.t('A folder above it could not be read.');
    default:
      return l10n.t('It could not be read or written ({0}).', reason);
  }
}

/** A disk with no room for what the other side has. */
export function diskFull(side: SideName): SwitchyardError {
  return new SwitchyardError({
    code: 'disk.full',
    what: l10n.t('The workspace could not be synced whole.'),
    why:
      side === 'host'
        ? l10n.t('The disk of the host is full.')
        : l10n.t('The disk of the environment is full.'),
    next: l10n.t('Make room on it; the rest then follows by itself.'),
    remedies: [{ do: 'retry' }, { do: 'showLog' }],
  });
}

/** @param how what the system and the process itself say of it, in English */
export function processEnded(how: string): SwitchyardError {
  return new SwitchyardError({
    code: 'sync.failed',
    what: l10n.t('The workspace is no longer synced.'),
    why: l10n.t('The process that does it ended unexpectedly.'),
    next: l10n.t('Nothing is lost: Sync Now starts it again, and looks at everything.'),
    remedies: [{ do: 'retry' }, { do: 'showLog' }],
    detail: how,
  });
}

/** Anything that a sync threw, as an error for a person. */
export function explain(error: unknown, guestFolder: string): SwitchyardError {
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
      next: l10n.t('Say whether that is meant: restore what is gone, or delete it on the other side too.'),
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
  if (error instanceof AgentFault && error.why === 'rootGone') {
    return failed(
      l10n.t('The folder {0} in the environment was taken away or made anew.', guestFolder),
      l10n.t('Sync again: it is then compared with the host from the beginning, and nothing is deleted.'),
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
