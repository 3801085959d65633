import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { SwitchyardError } from '../../../src/base/errors.ts';
import { silentLogger, type Logger } from '../../../src/base/log.ts';
import { parseLibvirtUri } from '../../../src/engines/libvirtEndpoint.ts';
import type { Environment, OpenResult } from '../../../src/environments/environment.ts';
import { SshBook } from '../../../src/ssh/config/sshBook.ts';
import { Doors } from '../../../src/ssh/doors.ts';
import { never } from '../../engines/support/docker.ts';
import { output, Steps, vmLab } from '../../engines/support/vm.ts';

/**
 * What a person without rights to the system's libvirt does, run as that person by `session.test.ts`: each line of
 * the standard output is `{ "step": …, … }`.
 */

const execute = promisify(execFile);

const config = {
  image: 'debian:bookworm',
  onCreateCommand: 'cat hello.txt > ~/seen',
  postStartCommand: 'echo started >> ~/starts',
  mounts: [{ type: 'volume', source: 'kept', target: '/kept' }],
  customizations: { switchyard: { vm: { cpus: 1, memory: '512mb', disk: '6gb' } } },
};
const withSnapshot = {
  ...config,
  mounts: [],
  customizations: { switchyard: { vm: { ...config.customizations.switchyard.vm, readySnapshot: true } } },
};

const warned: string[] = [];
const warn = (text: string): void => void warned.push(text);
const log: Logger = { ...silentLogger, warn, error: warn };
const options = (): { progress: Steps; signal: AbortSignal } => ({ progress: new Steps(), signal: never });

let since = performance.now();
function tell(step: string, what: object): void {
  const ms = Math.round(performance.now() - since);
  process.stdout.write(`${JSON.stringify({ step, ms, ...what })}\n`);
  since = performance.now();
}

async function mine(...args: string[]): Promise<string> {
  return (await execute('virsh', ['--quiet', '--connect', 'qemu:///session', ...args])).stdout;
}

const lab = await vmLab({ log });
const provider = lab.other({ libvirt: parseLibvirtUri('qemu:///session', 'setting') });

/** What an opened machine tells of itself. */
async function tellOpened(step: string, vm: Environment, opened: OpenResult): Promise<void> {
  const access = await vm.access?.(never);
  const inGuest = (script: string): Promise<string> => output(opened.connection, ['sh', '-c', script]);
  await opened.hooks;
  tell(step, {
    how: opened.start?.how,
    problem: opened.problem?.message,
    seen: await inGuest('cat ~/seen'),
    starts: (await inGuest('cat ~/starts')).split('\n').length,
    clock: Math.abs(Number(await inGuest('date +%s')) - Date.now() / 1000),
    access: access?.by === 'ssh' ? { host: access.host, port: access.port, start: access.start } : undefined,
  });
}

async function life(): Promise<void> {
  const project = await lab.project('own', config);
  await writeFile(path.join(project.folder, 'hello.txt'), 'from the host\n');
  const vm = provider.forProject(project);
  try {
    const rows = await provider.requirements(never);
    tell('requirements', { rows });
    const created = await vm.open(options());
    await tellOpened('create', vm, created);

    const { workspaceFolder } = await vm.details(never);
    await output(created.connection, [
      'sh',
      '-c',
      `cd ${workspaceFolder} && echo back > made.txt; echo x > /kept/x`,
    ]);
    await writeFile(path.join(project.folder, 'large.bin'), Buffer.alloc(20 * 2 ** 20, 'x'));
    await vm.syncNow(options());
    const size = await output(created.connection, ['stat', '-c', '%s', `${workspaceFolder}/large.bin`]);
    tell('sync', { made: await readFile(path.join(project.folder, 'made.txt'), 'utf8'), size: Number(size) });

    const book = new SshBook(path.join(lab.folder, 'ssh'), silentLogger);
    const doors = new Doors(book, { node: process.execPath, script: '', env: {} });
    const access = await vm.access?.(never);
    if (!access) throw new Error('It has no way in.');
    const { alias } = await doors.open(vm, access, { start: true });
    const argv = ['-F', book.configFile, '-o', 'BatchMode=yes', alias, 'cat ~/seen'];
    tell('alias', { said: (await execute('ssh', argv)).stdout });

    tell('figures', { usage: await vm.usage(never) });

    await vm.suspend(options());
    tell('suspended', { state: (await vm.refresh(never)).state });
    await tellOpened('resume', vm, await vm.open(options()));
    await vm.stop(options());
    tell('stopped', { state: (await vm.refresh(never)).state });
    await tellOpened('start', vm, await vm.open(options()));
    const rebuilding = options();
    await vm.rebuild(rebuilding);
    const { connection } = await vm.open(options());
    const isExchanged = rebuilding.progress.lines.some((line) => line.includes('empty disk'));
    tell('rebuilt', { kept: await output(connection, ['cat', '/kept/x']), isExchanged });
  } finally {
    await vm.destroy(options(), { withVolumes: true });
    tell('destroyed', { state: (await vm.refresh(never)).state });
    vm.dispose();
  }
}

async function snapshot(): Promise<void> {
  const project = await lab.project('ready', withSnapshot);
  await writeFile(path.join(project.folder, 'hello.txt'), 'from the host\n');
  const vm = provider.forProject(project);
  try {
    await tellOpened('before', vm, await vm.open(options()));
    await vm.destroy(options(), { keepSnapshot: true });
    tell('kept', { state: (await vm.refresh(never)).state });
    await tellOpened('restore', vm, await vm.open(options()));
  } finally {
    await vm.destroy(options());
    vm.dispose();
  }
}

try {
  await life();
  await snapshot();
  const left = [await mine('list', '--all', '--name'), await mine('vol-list', '--pool', 'default')];
  tell('left', { left: left.join('\n').trim(), warned });
} catch (error) {
  const detail = error instanceof SwitchyardError ? error.detail : error instanceof Error && error.stack;
  tell('failed', { error: String(error), detail, warned });
  process.exitCode = 1;
} finally {
  await lab.end();
}
