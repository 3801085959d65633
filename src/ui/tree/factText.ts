import * as l10n from '@vscode/l10n';
import {
  compactDuration,
  formatAge,
  formatBytes,
  formatClock,
  formatDuration,
  formatPercent,
} from '../../base/format.ts';
import type {
  EnvironmentDetails,
  EnvironmentStatus,
  Isolation,
  Usage,
} from '../../environments/environment.ts';
import type { StartHow, StartSummary } from '../../metrics/startHistory.ts';
import type { RowText } from './row.ts';
import { driftSentence, withoutStop, type Snapshot } from './rowText.ts';
import { syncRow } from './syncText.ts';

/** The rows below an environment, in their order; a figure that is not known has no row. */
export function factRows(snapshot: Snapshot): { readonly id: string; readonly text: RowText }[] {
  const { status, details, usage, starts, now } = snapshot;
  const rows: { id: string; text: RowText }[] = [];
  const add = (id: string, text: RowText | undefined): void => {
    if (text) rows.push({ id, text });
  };
  add('problem', problemRow(status));
  // Its row offers what applies the change.
  add(status.restartApplies ? 'outdated' : 'drift', driftRow(status));
  add('start', startRow(starts));
  add('first', firstBuildRow(starts));
  add('up', upRow(status.startedAt, now));
  add('cpu', cpuRow(usage));
  add('memory', memoryRow(usage));
  add('disk', diskRow(usage));
  add('snapshot', snapshotRow(status, now));
  add('volumes', volumesRow(status));
  if (details) {
    add('host', hostRow(details));
    add(
      'workspace',
      snapshot.sync ? syncRow(snapshot.sync, details.workspaceFolder, now) : workspaceRow(details),
    );
    if (details.isolation) rows.push(...isolationRows(details.isolation));
  }
  return rows;
}

function hostRow({ host }: EnvironmentDetails): RowText | undefined {
  if (host === undefined) return undefined;
  return {
    label: l10n.t('Host'),
    description: host,
    tooltip: l10n.t('It is on another computer: {0}.', host),
  };
}

function problemRow({ problem, state }: EnvironmentStatus): RowText | undefined {
  if (!problem) return undefined;
  return {
    label: state === 'unavailable' ? l10n.t('Not available') : l10n.t('Problem'),
    description: withoutStop(problem.what),
    tooltip: problem.message,
  };
}

function driftRow(status: EnvironmentStatus): RowText | undefined {
  if (!status.drifted) return undefined;
  return {
    label: l10n.t('Changed'),
    description: status.restartApplies ? l10n.t('restart to apply') : l10n.t('rebuild to apply'),
    tooltip: driftSentence(status),
  };
}

/** "create", "start" and "resume" as a person says them. */
function startHowName(how: StartHow): string {
  switch (how) {
    case 'create':
      return l10n.t('made new');
    case 'restore':
      return l10n.t('restored');
    case 'start':
      return l10n.t('started');
    case 'resume':
      return l10n.t('resumed');
  }
}

export function startRow(starts: StartSummary): RowText | undefined {
  const { last, medianMs, count } = starts;
  if (!last || medianMs === undefined) return undefined;
  const parts = [l10n.t('{0} last', compactDuration(last.durationMs))];
  const lines = [
    l10n.t(
      'Last start: {0} in {1}, from the command to a terminal being ready.',
      startHowName(last.how),
      formatDuration(last.durationMs),
    ),
  ];
  if (count > 1) {
    parts.push(l10n.t('median {0} of {1}', compactDuration(medianMs), count));
    lines.push(l10n.t('Median of the last {0} starts of this sort: {1}.', count, formatDuration(medianMs)));
  }
  return { label: l10n.t('Start'), description: parts.join(' · '), tooltip: lines.join('\n\n') };
}

function firstBuildRow({ firstBuild, last }: StartSummary): RowText | undefined {
  if (!firstBuild || firstBuild === last) return undefined;
  const duration = formatDuration(firstBuild.durationMs);
  return {
    label: l10n.t('First build'),
    description: duration,
    tooltip: l10n.t('Made from nothing in {0}.', duration),
  };
}

function upRow(startedAt: Date | undefined, now: Date): RowText | undefined {
  if (!startedAt) return undefined;
  const age = formatAge(now.getTime() - startedAt.getTime());
  return {
    label: l10n.t('Up'),
    description: l10n.t('{0}, since {1}', age, formatClock(startedAt, now)),
    tooltip: l10n.t('Running since {0}.', startedAt.toLocaleString()),
  };
}

function cpuRow(usage: Usage | undefined): RowText | undefined {
  if (usage?.cpuPercent === undefined) return undefined;
  const percent = formatPercent(usage.cpuPercent);
  return {
    label: l10n.t('CPU'),
    description: usage.cpus === undefined ? percent : l10n.t('{0} of {1}', percent, usage.cpus),
    tooltip:
      usage.cpus === undefined
        ? l10n.t('Uses {0} of its processors.', percent)
        : l10n.t('Uses {0} of {1} processors together.', percent, usage.cpus),
  };
}

function memoryRow(usage: Usage | undefined): RowText | undefined {
  if (usage?.memoryBytes === undefined) return undefined;
  const used = formatBytes(usage.memoryBytes);
  const limit = usage.memoryLimitBytes === undefined ? undefined : formatBytes(usage.memoryLimitBytes);
  return {
    label: l10n.t('Memory'),
    description: limit === undefined ? used : l10n.t('{0} of {1}', used, limit),
    tooltip:
      limit === undefined
        ? l10n.t('Uses {0} of memory, without what can be dropped at once (caches).', used)
        : l10n.t('Uses {0} of {1} of memory, without what can be dropped at once (caches).', used, limit),
  };
}

function diskRow(usage: Usage | undefined): RowText | undefined {
  if (usage?.diskBytes === undefined) return undefined;
  const own = formatBytes(usage.diskBytes);
  const base = usage.diskBaseBytes === undefined ? undefined : formatBytes(usage.diskBaseBytes);
  return {
    label: l10n.t('Disk'),
    description: base === undefined ? own : l10n.t('{0} + image {1}', own, base),
    tooltip:
      base === undefined
        ? l10n.t('Takes {0} on the disk.', own)
        : l10n.t('Takes {0} on the disk, on top of an image of {1} that others may share.', own, base),
  };
}

function volumesRow({ keptVolumes = [] }: EnvironmentStatus): RowText | undefined {
  if (keptVolumes.length === 0) return undefined;
  const names = keptVolumes.join(', ');
  return {
    label: l10n.t('Volumes'),
    description: names,
    tooltip: l10n.t(
      'They are left of the environment that was destroyed, and are there again in the next one: {0}. Destroy removes them, too.',
      names,
    ),
  };
}

function snapshotRow({ snapshot }: EnvironmentStatus, now: Date): RowText | undefined {
  if (!snapshot) return undefined;
  const size = formatBytes(snapshot.bytes);
  return {
    label: l10n.t('Snapshot'),
    description: l10n.t('{0}, of {1}', size, formatClock(snapshot.takenAt, now)),
    tooltip: l10n.t(
      'Its memory and disk as they were on {0}, once its create commands had run. They take {1}. After a destroy it is back from them in seconds, as long as the configuration is the same.',
      snapshot.takenAt.toLocaleString(),
      size,
    ),
  };
}

function workspaceRow(details: EnvironmentDetails): RowText {
  const folder = details.workspaceFolder;
  const mode = details.workspaceMode === 'mount' ? l10n.t('mounted') : l10n.t('synced over SSH');
  return {
    label: l10n.t('Workspace'),
    description: mode,
    tooltip:
      folder === undefined
        ? l10n.t('The workspace is {0}.', mode)
        : l10n.t('The workspace is {0} at {1}.', mode, folder),
  };
}

/** Three questions, three rows: whose kernel, who is root, and how are the processors made. */
export function isolationRows(isolation: Isolation): { readonly id: string; readonly text: RowText }[] {
  const { kernel, rootIsHostRoot, acceleration } = isolation;
  const rows = [
    { id: 'kernel', text: kernelRow(kernel === 'own', isolation.kernelRelease) },
    {
      id: 'root',
      text: {
        label: l10n.t('Root'),
        description: rootIsHostRoot ? l10n.t('is root on the host') : l10n.t('is not root on the host'),
        tooltip: rootIsHostRoot
          ? l10n.t('Root inside is root on the host: what breaks out of it owns the computer.')
          : l10n.t('Root inside is not root on the host.'),
      },
    },
  ];
  if (acceleration) {
    const { type, reason } = acceleration;
    rows.push({
      id: 'processor',
      text: {
        label: l10n.t('Processor'),
        description: type === 'kvm' ? l10n.t('virtualised (KVM)') : l10n.t('emulated (TCG)'),
        tooltip:
          type === 'kvm'
            ? l10n.t('Its processors are virtualised by hardware (KVM). {0}', reason)
            : l10n.t('Its processors are emulated in software (TCG), which is slow. {0}', reason),
      },
    });
  }
  return rows;
}

function kernelRow(own: boolean, release: string | undefined): RowText {
  const version = release === undefined ? undefined : (/^\d+(\.\d+)*/.exec(release)?.[0] ?? release);
  const sentence = own ? l10n.t('It runs a kernel of its own.') : l10n.t("It shares the host's kernel.");
  const whose = own ? l10n.t('its own') : l10n.t("the host's");
  return {
    label: l10n.t('Kernel'),
    description: version === undefined ? whose : l10n.t('{0}, {1}', whose, version),
    tooltip: release === undefined ? sentence : l10n.t('{0} Its release is {1}.', sentence, release),
  };
}

/** The group row of what this kind does not honour. */
export function ignoredRow(details: EnvironmentDetails): RowText | undefined {
  const { ignored } = details;
  if (ignored.length === 0) return undefined;
  return {
    label: l10n.t('Ignored'),
    description: ignored.map(({ property }) => property).join(', '),
    tooltip: ignored.map(({ property, reason }) => `${property}: ${reason}`).join('\n\n'),
  };
}
