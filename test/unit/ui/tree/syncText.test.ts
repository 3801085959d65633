import { describe, expect, it } from 'vitest';
import { detached } from '../../../../src/sync/health.ts';
import type { SyncHealth } from '../../../../src/sync/liveSync.ts';
import {
  haltSentence,
  syncNeedsPerson,
  syncRow,
  syncRows,
  syncState,
} from '../../../../src/ui/tree/syncText.ts';

const now = new Date(2026, 10, 21, 14, 40);

function health(more: Partial<SyncHealth> = {}): SyncHealth {
  return { ...detached, state: 'inSync', inSyncSince: new Date(2026, 10, 21, 14, 2), ...more };
}

const conflict = { path: 'a.txt', copy: 'a (vm).txt', since: now };

describe('syncState', () => {
  it.each([
    [health(), 'in sync since 14:02'],
    [health({ state: 'detached' }), 'synced on opening'],
    [health({ state: 'syncing', pending: 3 }), 'syncing 3'],
    [health({ state: 'paused' }), 'sync paused'],
    [health({ state: 'failed' }), 'not synced'],
    [health({ conflicts: [conflict] }), '1 conflict'],
    [health({ conflicts: [conflict, conflict] }), '2 conflicts'],
    [health({ halt: { saw: 'emptied', side: 'host' } }), 'sync asks you'],
  ])('says the most urgent thing (%#)', (state, text) => {
    expect(syncState(state, now)).toBe(text);
  });

  it('counts files while a transfer is under way', () => {
    const transfer = { files: 120, allFiles: 4000, bytes: 1024, allBytes: 2048, secondsLeft: 12 };
    expect(syncState(health({ state: 'syncing', transfer }), now)).toBe('120 of 4000 files');
  });
});

describe('syncNeedsPerson', () => {
  it('only where the sync cannot go on alone', () => {
    expect(syncNeedsPerson(undefined)).toBe(false);
    expect(syncNeedsPerson(health({ state: 'paused' }))).toBe(false);
    expect(syncNeedsPerson(health({ state: 'failed' }))).toBe(true);
    expect(syncNeedsPerson(health({ conflicts: [conflict] }))).toBe(true);
    expect(syncNeedsPerson(health({ halt: { saw: 'emptied', side: 'guest' } }))).toBe(true);
  });
});

describe('syncRows', () => {
  it('say nothing while there is nothing to say', () => {
    expect(syncRows(health(), now)).toEqual([]);
  });

  it('show transfer, rate, what is pending, conflicts, and what was held back', () => {
    const rows = syncRows(
      health({
        state: 'syncing',
        pending: 7,
        bytesPerSecond: 12 * 1024 ** 2,
        filesPerSecond: 310.4,
        transfer: { files: 120, allFiles: 4000, bytes: 1024 ** 2, allBytes: 40 * 1024 ** 2, secondsLeft: 12 },
        conflicts: [conflict],
        heldBack: [{ path: '.git/hooks/post-commit', change: 'created' }],
        skipped: [{ path: 'sock', reason: 'It is a socket.' }],
        lastScan: new Date(2026, 10, 21, 14, 39),
        watching: { host: 'events', guest: 'polling' },
      }),
      now,
    );
    expect(rows.map(({ text }) => `${text.label}: ${text.description}`)).toEqual([
      'Transfer: 1 MB / 40 MB · 12.0 s left',
      'Rate: 12 MB/s · 310 files/s',
      'Pending: 7',
      'Conflict: a.txt',
      'Held back: .git/hooks/post-commit',
      'Not synced: 1',
      'Last scan: 14:39, polling',
    ]);
    expect(rows[5]?.text.tooltip).toBe('sock: It is a socket.');
  });
});

describe('haltSentence', () => {
  it('names what is gone, where it would be deleted, and asks', () => {
    const halt = {
      saw: 'deletions',
      on: 'host',
      count: 60,
      of: 100,
      examples: ['a', 'b', 'c', 'd'],
    } as const;
    expect(haltSentence(halt)).toBe(
      '60 of 100 paths were deleted inside and would be deleted on the host: a, b, c. Is that meant?',
    );
  });
});

describe('syncRow', () => {
  it('tells where the workspace is inside', () => {
    expect(syncRow(health(), '/workspaces/api', now).tooltip).toContain('inside it is at /workspaces/api.');
  });
});
