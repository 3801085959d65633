import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { asRoot } from '../machine/root.ts';

const execute = promisify(execFile);
const person = `switchyard-${process.pid}`;
const script = path.join(import.meta.dirname, 'support/sessionPerson.ts');

interface Told {
  readonly step: string;
  readonly ms: number;
  readonly [name: string]: unknown;
}

async function root(...words: [string, ...string[]]): Promise<string> {
  const [program, ...args] = asRoot(words);
  return (await execute(program, args)).stdout;
}

/** Everything in it is done by an ordinary user of this machine, who is made for it: no rights but Docker's. */
describe('a VM of a libvirt of one’s own', () => {
  const told: Told[] = [];
  const of = (step: string): Told | undefined => told.find((one) => one.step === step);

  beforeAll(async () => {
    await root('useradd', '--create-home', '--groups', 'docker', '--shell', '/bin/sh', person);
    const home = (await root('getent', 'passwd', person)).split(':')[5] ?? '';
    const to = ['setpriv', '--reuid', person, '--regid', person, '--init-groups', '--reset-env'] as const;
    // What it leaves in the folder for temporaries goes with it.
    const env = ['env', `HOME=${home}`, `TMPDIR=${home}`] as const;
    const [program, ...args] = asRoot([...to, ...env, process.execPath, script]);
    const child = spawn(program, args, { cwd: home, stdio: ['ignore', 'pipe', 'inherit'] });
    for await (const line of createInterface(child.stdout)) {
      if (process.env['SWITCHYARD_TRACE']) console.log(line);
      told.push(JSON.parse(line) as Told);
    }
    if (child.exitCode === null) await once(child, 'exit');
  }, 900_000);

  afterAll(async () => {
    // Its libvirt and log daemon wait for two minutes whether somebody comes again.
    const running = (await root('ps', '-o', 'pid=', '-u', person).catch(() => '')).split(/\s+/);
    for (const pid of running.filter((one) => one !== ''))
      await root('kill', '-9', pid).catch(() => undefined);
    await root('userdel', '--remove', person);
  });

  it('goes well from beginning to end', () => {
    expect(of('failed')).toBeUndefined();
    expect(of('left')).toMatchObject({ warned: [] });
  });

  it('is offered without the system’s network', () => {
    const rows = of('requirements')?.['rows'] as { name: string; ok: boolean; detail: string }[];
    expect(rows.filter(({ ok }) => !ok)).toEqual([]);
    expect(rows.find(({ name }) => name === 'libvirt')?.detail).toContain('qemu:///session');
  });

  it('is made, has the workspace, and is entered by a port of this computer', () => {
    const access = { host: '127.0.0.1', port: expect.any(Number) as number };
    expect(of('create')).toMatchObject({ how: 'create', seen: 'from the host', starts: 1, access });
    expect(of('create')?.['problem']).toBeUndefined();
    expect((of('create')?.['access'] as { port: number }).port).not.toBe(22);
    expect(of('sync')).toMatchObject({ made: 'back\n', size: 20 * 2 ** 20 });
    expect(of('alias')).toMatchObject({ said: 'from the host\n' });
    expect(of('figures')?.['usage']).toMatchObject({ memoryBytes: expect.any(Number) as number });
  });

  it('sleeps, wakes, halts and starts, at the same port', () => {
    const access = of('create')?.['access'];
    expect(of('suspended')).toMatchObject({ state: 'suspended' });
    expect(of('resume')).toMatchObject({ how: 'resume', seen: 'from the host', starts: 1, access });
    expect(of('resume')?.['clock']).toBeLessThan(5);
    expect(of('stopped')).toMatchObject({ state: 'stopped' });
    expect(of('start')).toMatchObject({ how: 'start', seen: 'from the host', starts: 2, access });
  });

  it('keeps its volumes over a rebuild, and comes back from its ready snapshot', () => {
    expect(of('rebuilt')).toMatchObject({ kept: 'x', isExchanged: true });
    expect(of('kept')).toMatchObject({ state: 'absent' });
    expect(of('restore')).toMatchObject({ how: 'restore', seen: 'from the host', starts: 1 });
  });

  it('is gone without a trace', () => {
    expect(of('destroyed')).toMatchObject({ state: 'absent' });
    expect(of('left')).toMatchObject({ left: '' });
  });
});
