import * as l10n from '@vscode/l10n';
import {
  compactBytes,
  compactDuration,
  compactPercent,
  formatBytes,
  formatDuration,
  formatPercent,
} from '../../base/format.ts';
import type { GuestKind } from '../../base/kinds.ts';
import type { EnvironmentDetails, EnvironmentStatus, Usage } from '../../environments/environment.ts';
import type { StartSummary } from '../../metrics/startHistory.ts';
import type { SyncHealth } from '../../sync/liveSync.ts';
import type { RowText } from './row.ts';

/** All that is known about an environment at one moment. */
export interface Snapshot {
  readonly kind: GuestKind;
  readonly active: boolean;
  readonly status: EnvironmentStatus;
  readonly starts: StartSummary;
  /** Median of the starts that would come next (resume when suspended, start when stopped). */
  readonly expectedMs: number | undefined;
  readonly usage: Usage | undefined;
  readonly details: EnvironmentDetails | undefined;
  /** Undefined where the workspace is mounted. */
  readonly sync: SyncHealth | undefined;
  /** The step of an operation of this window that is under way. */
  readonly step: string | undefined;
  readonly now: Date;
}

export function kindName(kind: GuestKind): string {
  return kind === 'container' ? l10n.t('Container') : l10n.t('VM');
}

/** A sentence part without its full stop: rows are not sentences. */
export function withoutStop(text: string): string {
  return text.replace(/\.$/, '');
}

/** What an environment's own row says. */
export function environmentRow(snapshot: Snapshot): RowText {
  const parts = environmentParts(snapshot, full);
  const label = kindName(snapshot.kind);
  const sentence = l10n.t('{0} of this project: {1}.', label, parts.join(', '));
  const lines = [snapshot.active ? l10n.t('{0} It is the active environment.', sentence) : sentence];
  if (snapshot.status.problem) lines.push(snapshot.status.problem.message);
  if (snapshot.status.drifted) {
    lines.push(driftSentence(snapshot.status));
  }
  return {
    label,
    description: environmentParts(snapshot, compact).join(' · '),
    tooltip: lines.join('\n\n'),
  };
}

/** How the figures of a running environment are written: whole in a sentence, narrow in a row of 300 pixels. */
interface Figures {
  /** The word for its state. */
  readonly running: string;
  readonly started: (ms: number) => string;
  readonly cpu: (percent: number) => string;
  readonly memory: (bytes: number) => string;
  /** What its next start is expected to take. */
  readonly starts: (ms: number) => string;
  readonly wakes: (ms: number) => string;
}
const compact: Figures = {
  get running() {
    return l10n.t('up');
  },
  started: compactDuration,
  cpu: compactPercent,
  memory: compactBytes,
  starts: (ms) => l10n.t('starts in {0}', compactDuration(ms)),
  wakes: (ms) => l10n.t('wakes in {0}', compactDuration(ms)),
};
const full: Figures = {
  get running() {
    return l10n.t('running');
  },
  started: (ms) => l10n.t('started in {0}', formatDuration(ms)),
  cpu: (percent) => l10n.t('{0} CPU', formatPercent(percent)),
  memory: (bytes) => l10n.t('{0} memory', formatBytes(bytes)),
  starts: (ms) => l10n.t('starts in about {0}', formatDuration(ms)),
  wakes: (ms) => l10n.t('wakes in about {0}', formatDuration(ms)),
};

function environmentParts(snapshot: Snapshot, figures: Figures): string[] {
  const { status, usage, starts, step, expectedMs } = snapshot;
  switch (status.state) {
    case 'unknown':
      return [step ?? l10n.t('looking…')];
    case 'unavailable':
      return [status.problem ? withoutStop(status.problem.what) : l10n.t('not available')];
    case 'absent':
      return [
        step ?? leftovers(status),
        ...(step === undefined && expectedMs !== undefined ? [figures.starts(expectedMs)] : []),
      ];
    case 'creating':
      return [step ?? l10n.t('creating…')];
    case 'starting':
      return [step ?? l10n.t('starting…')];
    case 'stopping':
      return [step ?? l10n.t('stopping…')];
    case 'suspending':
      return [step ?? l10n.t('suspending…')];
    case 'removing':
      return [step ?? l10n.t('removing…')];
    case 'stopped':
      return [
        step ?? l10n.t('stopped'),
        ...(step === undefined && expectedMs !== undefined ? [figures.starts(expectedMs)] : []),
      ];
    case 'suspended':
      return [
        step ?? l10n.t('suspended'),
        ...(step === undefined && expectedMs !== undefined ? [figures.wakes(expectedMs)] : []),
      ];
    case 'running':
      return [
        step ?? status.activity ?? figures.running,
        ...(starts.last ? [figures.started(starts.last.durationMs)] : []),
        ...(usage?.cpuPercent === undefined ? [] : [figures.cpu(usage.cpuPercent)]),
        ...(usage?.memoryBytes === undefined ? [] : [figures.memory(usage.memoryBytes)]),
      ];
  }
}

function leftovers({ snapshot, keptVolumes = [] }: EnvironmentStatus): string {
  if (snapshot) return l10n.t('snapshot kept');
  return keptVolumes.length > 0 ? l10n.t('volumes kept') : l10n.t('not created yet');
}

/** What a changed configuration asks for. */
export function driftSentence({ restartApplies }: EnvironmentStatus): string {
  return restartApplies
    ? l10n.t(
        'The configuration or the Vagrantfile changed since it was started. Restart to apply the change.',
      )
    : l10n.t('The configuration changed since it was made. Rebuild to apply the change.');
}
