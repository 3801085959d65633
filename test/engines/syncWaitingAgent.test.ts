import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import * as fs from 'node:fs';
import { connect } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import * as path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { pollUntil } from '../../src/base/abort.ts';
import { silentLogger } from '../../src/base/log.ts';
import { silentProgress } from '../../src/base/progress.ts';
import { agent as wayInAgent, agentProgram } from '../../src/environments/vm/image/wayIn.ts';
import { AgentFault } from '../../src/sync/guest/agentClient.ts';
import type { AgentFolder } from '../../src/sync/guest/agentSide.ts';
import { agentForBoot, joinAgent, leaveAgent } from '../../src/sync/guest/waitingAgent.ts';
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
  joinAgent(two.connection, { socket, startingMs: 0 }, as, silentLogger, signal);

it('is the agent of the next session, and ends with it', async () => {
  two.write('host', 'a.txt', 'of the host');
  two.write('guest', 'b.txt', 'of the guest');
  expect(await leaveAgent(two.connection, socket, signal)).toBe(true);
  expect(waiting()).toHaveLength(1);
  const told: string[] = [];
  const log = { ...silentLogger, debug: (message: string) => void told.push(message) };
  const sync = new WorkspaceSync({ ...two.options, log });
  const request = {
    connection: two.connection,
    guestFolder: two.guest,
    guestId: 'g',
    waitingAgent: { socket, startingMs: 0 },
  };
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

describe('started by a boot', () => {
  let boot: ChildProcess | undefined;
  let program: string | undefined;
  afterEach(() => {
    // It and its shell; they may have ended.
    if (boot?.pid !== undefined && boot.exitCode === null) process.kill(-boot.pid);
    boot = undefined;
    if (program !== undefined) fs.rmSync(program, { recursive: true });
    program = undefined;
  });

  const agent = async (env: Record<string, string> = {}): Promise<() => void> => {
    socket = path.join(two.place, 'boot', 'socket');
    // By its own name nobody would know it.
    program = fs.mkdtempSync(path.join(tmpdir(), 'program-'));
    const file = path.join(program, 'agent.py');
    const { program: text } = await agentForBoot(socket, { user: userInfo().username, env });
    fs.writeFileSync(file, text);
    const script = wayInAgent.replace(/ &\n$/, '').replaceAll(agentProgram, file);
    return () =>
      (boot = spawn('/bin/sh', ['-c', script], { cwd: '/', stdio: 'ignore', env: {}, detached: true }));
  };

  it('is waited for while it starts, and keeps what it keeps where the user has it', async () => {
    const start = await agent({ XDG_STATE_HOME: path.join(two.place, 'ünd 😀'), OTHER: 'x' });
    expect(await join()).toBeUndefined();
    const joining = joinAgent(two.connection, { socket, startingMs: 20_000 }, folder, silentLogger, signal);
    start();
    const side = await joining;
    expect(side?.hello.agent).toBe('python');
    expect(fs.readdirSync(path.join(two.place, 'ünd 😀', 'switchyard', 'sync'))).toEqual(['k']);
    expect(fs.statSync(path.dirname(socket)).mode & 0o777).toBe(0o700);
    side?.dispose();
    await over();
  });

  it('gives way to a later one', async () => {
    const start = await agent({ XDG_STATE_HOME: two.guestState });
    start();
    const before = await joinAgent(
      two.connection,
      { socket, startingMs: 20_000 },
      folder,
      silentLogger,
      signal,
    );
    const other = path.join(two.place, 'socket');
    expect(await leaveAgent(two.connection, other, signal)).toBe(true);
    const now = await joinAgent(
      two.connection,
      { socket: other, startingMs: 0 },
      folder,
      silentLogger,
      signal,
    );
    expect(now?.client.isLost).toBe(false);
    await expect(before?.client.ask('ping', [], signal)).rejects.toThrow('The agent ended');
    now?.dispose();
  });

  it('has another name where its user or what matters to it is another one', async () => {
    const name = async (user: string, env: Record<string, string>): Promise<string> =>
      (await agentForBoot('/s', { user, env })).name;
    const names = await Promise.all([name('a', {}), name('b', {}), name('a', { HOME: '/x' })]);
    expect(new Set(names).size).toBe(3);
    expect(await name('a', { OTHER: 'x' })).toBe(names[0]);
  });
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
