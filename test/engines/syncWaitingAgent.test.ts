import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { connect } from 'node:net';
import * as path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { pollUntil } from '../../src/base/abort.ts';
import { silentLogger } from '../../src/base/log.ts';
import { silentProgress } from '../../src/base/progress.ts';
import { AgentFault } from '../../src/sync/guest/agentClient.ts';
import type { AgentFolder } from '../../src/sync/guest/agentSide.ts';
import { joinAgent, leaveAgent } from '../../src/sync/guest/waitingAgent.ts';
import { WorkspaceSync } from '../../src/sync/workspaceSync.ts';
import { TwoFolders } from './support/twoFolders.ts';

const signal = AbortSignal.timeout(100_000);
let two: TwoFolders;
let socket: string;
let folder: AgentFolder;

beforeEach(() => {
  two = new TwoFolders();
  socket = path.join(two.place, 'socket');
  folder = { path: two.guest, key: 'k', trashBytes: 1e6 };
});

afterEach(async () => {
  // One that still waits goes when somebody comes and says nothing.
  if (fs.existsSync(socket)) connect(socket).destroy();
  await over();
  two.dispose();
});

/** The agents that were left here, by their arguments. */
function waiting(): string[] {
  return execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' })
    .split('\n')
    .filter((args) => args.includes(socket));
}

async function over(): Promise<void> {
  const isOver = (): Promise<true | undefined> => Promise.resolve(waiting().length === 0 ? true : undefined);
  expect(await pollUntil(isOver, { everyMs: 20, timeoutMs: 20_000, signal })).toBe(true);
}

const join = (as = folder): ReturnType<typeof joinAgent> =>
  joinAgent(two.connection, socket, as, silentLogger, signal);

it('is the agent of the next session, and ends with it', async () => {
  two.write('host', 'a.txt', 'of the host');
  two.write('guest', 'b.txt', 'of the guest');
  expect(await leaveAgent(two.connection, socket, signal)).toBe(true);
  expect(waiting()).toHaveLength(1);
  const told: string[] = [];
  const log = { ...silentLogger, debug: (message: string) => void told.push(message) };
  const sync = new WorkspaceSync({ ...two.options, log });
  const request = { connection: two.connection, guestFolder: two.guest, guestId: 'g', waitingAgent: socket };
  await sync.attach(request, silentProgress, signal);
  expect(told.filter((line) => line.startsWith('Sync agent:'))).toEqual([
    'Sync agent: python waited on this computer',
  ]);
  expect(two.read('guest', 'a.txt')).toBe('of the host');
  expect(two.read('host', 'b.txt')).toBe('of the guest');
  expect(fs.existsSync(socket)).toBe(false);
  await sync.detach(signal);
  sync.dispose();
  await over();
});

it('takes the folder from an agent that was never told of its end', async () => {
  const before = await leaveAgent(two.connection, socket, signal).then(() => join());
  expect(await leaveAgent(two.connection, socket, signal)).toBe(true);
  const now = await join();
  expect(now?.client.isLost).toBe(false);
  await expect(before?.client.ask('ping', [], signal)).rejects.toThrow('The agent ended');
  now?.dispose();
});

it('says what is wrong with the folder', async () => {
  await leaveAgent(two.connection, socket, signal);
  const file = path.join(two.place, 'file');
  fs.writeFileSync(file, '');
  await expect(join({ ...folder, path: path.join(file, 'below') })).rejects.toThrow(AgentFault);
});

it('lets in nobody who has another agent', async () => {
  await leaveAgent(two.connection, socket, signal);
  const answer = await new Promise<string>((resolve, reject) => {
    let said = '';
    connect(socket)
      .on('data', (chunk: Buffer) => (said += chunk.toString()))
      .once('error', reject)
      .once('close', () => resolve(said))
      .end('switchyard-greeting switchyard-another\n');
  });
  expect(answer).toBe('');
  await over();
});

it('is not there where none was left, or none could be', async () => {
  expect(await join()).toBeUndefined();
  const bare = new TwoFolders({}, undefined, 'perl');
  try {
    expect(await leaveAgent(bare.connection, path.join(bare.place, 'socket'), signal)).toBe(false);
  } finally {
    bare.dispose();
  }
});
