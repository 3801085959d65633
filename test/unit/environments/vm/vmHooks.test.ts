import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../../../../src/base/log.ts';
import { silentProgress } from '../../../../src/base/progress.ts';
import type { Connection } from '../../../../src/connections/connection.ts';
import type { MachineRecord } from '../../../../src/environments/vm/record.ts';
import { readBootId } from '../../../../src/environments/vm/bootId.ts';
import { VmHooks } from '../../../../src/environments/vm/vmHooks.ts';
import { localConnection } from '../hooks/localConnection.ts';

const options = { progress: silentProgress, signal: new AbortController().signal };

describe('VmHooks', () => {
  let folder: string;
  let connection: Connection;
  let hooks: VmHooks;
  let activity: (string | undefined)[];

  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'switchyard-vm-hooks-'));
    connection = localConnection();
    activity = [];
    hooks = window();
  });
  afterEach(async () => {
    await hooks.end();
    await rm(folder, { recursive: true });
  });

  function window(): VmHooks {
    return new VmHooks({
      project: { id: 'p', name: 'p', folder, configFile: undefined, storage: folder },
      folder,
      runner: { run: () => Promise.reject(new Error('nothing runs on the host')) },
      log: silentLogger,
      onActivity: (what) => activity.push(what),
    });
  }

  /** The record of a machine in this boot, whose hooks write their names down. */
  function record(boot: string, changes: object = {}): MachineRecord {
    const merged = {
      updateContentCommands: ['echo content >> log'],
      postCreateCommands: ['echo created >> log'],
      postStartCommands: ['echo started >> log'],
      ...changes,
    };
    return {
      version: 1,
      phase: 'ready',
      guestId: 'made once',
      domain: 'd',
      boxKey: 'b',
      image: 'i',
      acceleration: { type: 'tcg', reason: '' },
      user: 'me',
      workspaceFolder: folder,
      env: {},
      merged,
      configHash: '',
      run: { id: '7', boot },
    };
  }

  async function ran(): Promise<readonly string[]> {
    return (await readFile(path.join(folder, 'log'), 'utf8')).trim().split('\n');
  }

  it('runs those of the start once in each boot, whoever began it, and not at a wake', async () => {
    for (const boot of ['first', 'first', 'second', 'second']) {
      const { problem, rest } = await hooks.run(connection, record(boot), options);
      expect([problem, await rest]).toEqual([undefined, undefined]);
    }
    // Another window of the same machine.
    await (
      await window().run(connection, record('second'), options)
    ).rest;
    expect(await ran()).toEqual(['content', 'created', 'started', 'started']);
  });

  it('waits for as many as waitFor says, and tells which of the others runs on', async () => {
    const { rest } = await hooks.run(connection, record('first'), options);
    expect(await ran()).toContain('content');
    expect(rest).toBeDefined();
    await rest;
    expect(activity).toEqual(['Running postCreateCommand', 'Running postStartCommand', undefined]);
    const waited = await window().run(connection, record('second', { waitFor: 'postStartCommand' }), options);
    expect(waited.rest).toBeUndefined();
    expect(await ran()).toEqual(['content', 'created', 'started', 'started']);
  });

  it('keeps what failed for as long as the boot lasts, over the window’s end', async () => {
    const broken = { postStartCommands: ['echo no >&2; exit 3'] };
    const { rest } = await hooks.run(connection, record('first', broken), options);
    expect(await rest).toMatchObject({ code: 'hook.failed' });
    expect(await window().failed(record('first', broken))).toMatchObject({ code: 'hook.failed' });
    expect(await window().failed(record('second', broken))).toBeUndefined();
  });
});

describe('readBootId', () => {
  it('is the same for the same boot', async () => {
    const id = await readBootId(localConnection(), options.signal);
    expect(id).toMatch(/^[0-9a-f-]{36}$/);
    expect(await readBootId(localConnection(), options.signal)).toBe(id);
  });
});
