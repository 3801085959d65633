import * as l10n from '@vscode/l10n';
import { formatBytes, formatClock, formatDuration } from '../../base/format.ts';
import type { SyncHalt, SyncHealth } from '../../sync/liveSync.ts';
import type { RowText } from './row.ts';

/** How a synced workspace is, in the row *Workspace*. */
export function syncRow(health: SyncHealth, folder: string | undefined, now: Date): RowText {
  const description = syncState(health, now);
  const lines = [
    folder === undefined
      ? l10n.t('The workspace is kept the same on both sides over SSH.')
      : l10n.t('The workspace is kept the same on both sides over SSH; inside it is at {0}.', folder),
    l10n.t('Now: {0}.', description),
  ];
  if (health.problem) lines.push(health.problem.message);
  if (health.halt) lines.push(haltSentence(health.halt));
  return { label: l10n.t('Workspace'), description, tooltip: lines.join('\n\n') };
}

/** True where the sync waits for the person. */
export function syncNeedsPerson(health: SyncHealth | undefined): boolean {
  if (!health) return false;
  return health.halt !== undefined || health.conflicts.length > 0 || health.state === 'failed';
}

/** The shortest true thing about the sync; what needs the person goes first. */
export function syncState(health: SyncHealth, now: Date): string {
  if (health.halt) return l10n.t('sync asks you');
  if (health.conflicts.length === 1) return l10n.t('1 conflict');
  if (health.conflicts.length > 1) return l10n.t('{0} conflicts', health.conflicts.length);
  switch (health.state) {
    case 'detached':
      return l10n.t('synced on opening');
    case 'syncing':
      return health.transfer
        ? l10n.t('{0} of {1} files', health.transfer.files, health.transfer.allFiles)
        : health.pending > 0
          ? l10n.t('syncing {0}', health.pending)
          : l10n.t('syncing…');
    case 'inSync':
      return health.inSyncSince
        ? l10n.t('in sync since {0}', formatClock(health.inSyncSince, now))
        : l10n.t('in sync');
    case 'paused':
      return l10n.t('sync paused');
    case 'halted':
      return l10n.t('sync asks you');
    case 'failed':
      return l10n.t('not synced');
  }
}

/** The rows below *Workspace*; none while there is nothing to say. */
export function syncRows(health: SyncHealth, now: Date): { readonly id: string; readonly text: RowText }[] {
  const rows: { id: string; text: RowText }[] = [];
  const add = (id: string, label: string, description: string, tooltip: string): void => {
    rows.push({ id, text: { label, description, tooltip } });
  };
  if (health.problem) add('problem', l10n.t('Problem'), health.problem.what, health.problem.message);
  if (health.halt) add('halt', l10n.t('Asks'), l10n.t('before it goes on'), haltSentence(health.halt));
  const { transfer } = health;
  if (transfer) {
    const parts = [`${formatBytes(transfer.bytes)} / ${formatBytes(transfer.allBytes)}`];
    if (transfer.secondsLeft !== undefined)
      parts.push(l10n.t('{0} left', formatDuration(transfer.secondsLeft * 1000)));
    add(
      'transfer',
      l10n.t('Transfer'),
      parts.join(' · '),
      l10n.t('{0} of {1} files, {2}.', transfer.files, transfer.allFiles, parts.join(', ')),
    );
  }
  if (health.state === 'syncing') {
    const rate = `${formatBytes(health.bytesPerSecond)}/s`;
    add(
      'rate',
      l10n.t('Rate'),
      l10n.t('{0} · {1} files/s', rate, Math.round(health.filesPerSecond)),
      l10n.t('{0} and {1} files a second.', rate, Math.round(health.filesPerSecond)),
    );
  }
  if (health.pending > 0) {
    add(
      'pending',
      l10n.t('Pending'),
      String(health.pending),
      l10n.t('{0} paths are on their way.', health.pending),
    );
  }
  for (const { path, copy } of health.conflicts) {
    add(
      `conflict:${path}`,
      l10n.t('Conflict'),
      path,
      l10n.t('{0} changed on both sides. The host keeps its version; the other one is {1}.', path, copy),
    );
  }
  for (const { path } of health.heldBack) {
    add(
      `held:${path}`,
      l10n.t('Held back'),
      path,
      l10n.t('{0} changed inside. It could run on the host, so it was not written back. Review it.', path),
    );
  }
  if (health.skipped.length > 0) {
    add(
      'skipped',
      l10n.t('Not synced'),
      String(health.skipped.length),
      health.skipped.map(({ path, reason }) => `${path}: ${reason}`).join('\n\n'),
    );
  }
  if (health.lastScan) {
    const clock = formatClock(health.lastScan, now);
    const polling = health.watching && Object.values(health.watching).includes('polling');
    add(
      'scan',
      l10n.t('Last scan'),
      polling ? l10n.t('{0}, polling', clock) : clock,
      polling
        ? l10n.t(
            'Both sides were last compared whole at {0}. One side has no file events and is polled.',
            clock,
          )
        : l10n.t('Both sides were last compared whole at {0}.', clock),
    );
  }
  return rows;
}

/** What the sync saw, and what it asks. */
export function haltSentence(halt: SyncHalt): string {
  switch (halt.saw) {
    case 'deletions':
      return halt.on === 'host'
        ? l10n.t(
            '{0} of {1} paths were deleted inside and would be deleted on the host: {2}. Is that meant?',
            halt.count,
            halt.of,
            halt.examples.slice(0, 3).join(', '),
          )
        : l10n.t(
            '{0} of {1} paths were deleted on the host and would be deleted inside: {2}. Is that meant?',
            halt.count,
            halt.of,
            halt.examples.slice(0, 3).join(', '),
          );
    case 'emptied':
      return halt.side === 'host'
        ? l10n.t('The workspace folder on the host is empty or gone. Is that meant?')
        : l10n.t('The workspace folder inside is empty or gone. Is that meant?');
  }
}
