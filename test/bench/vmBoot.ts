import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { pollUntil } from '../../src/base/abort.ts';
import { silentProgress } from '../../src/base/progress.ts';
import type { Project } from '../../src/config/project.ts';
import { dial } from '../../src/environments/vm/dial.ts';
import { never } from '../engines/support/docker.ts';
import { virsh, vmLab, type VmLab } from '../engines/support/vm.ts';
import { compareAll, isWanted, type BenchOptions, type Report, type Row } from './harness.ts';
import { PeerMachine } from './peerMachine.ts';
import { prompt } from './prompt.ts';
import { StockMachine } from './stockMachine.ts';

const exec = promisify(execFile);
const options = { progress: silentProgress, signal: never };

/** Bound on a machine's boot, in milliseconds. */
const bootMs = 300_000;

/** How long it takes from power to SSH, and from a change of the image to a machine that has it. */
export async function vmBootSuite(bench: BenchOptions): Promise<Report> {
  const groups = [
    ['power-on → SSH', powerOnRows],
    ['VM from ready snapshot', snapshotRows],
    ['one line changed', changeRows],
  ] as const;
  const rows: Row[] = [];
  for (const [prefix, group] of groups) {
    if (!isWanted(prefix, bench)) continue;
    const lab = await vmLab();
    try {
      rows.push(...(await group(lab, bench)));
    } finally {
      await lab.end();
    }
  }
  return { suite: 'vm-boot', rows };
}

/** Both machines have the same processors, memory and network; each has booted before. */
async function powerOnRows(lab: VmLab, bench: BenchOptions): Promise<readonly Row[]> {
  const project = await lab.project('boot');
  const vm = lab.provider.forProject(project);
  let stock: StockMachine | undefined;
  try {
    await vm.open(options);
    const access = await vm.access?.(never);
    if (access?.by !== 'ssh') throw new Error('The machine is entered by SSH.');
    await vm.stop(options);
    const domain = `switchyard-${project.id}-vm`;
    const peer = (stock = await StockMachine.make(
      `stock-${project.id}`,
      path.join(lab.folder, 'stock'),
      domain,
    ));
    const boot = async (which: string, key: string): Promise<void> => {
      await virsh('start', which);
      await untilSsh(which, key);
    };
    await boot(peer.domain, peer.keyFile);
    await off(peer.domain);
    const comparison = {
      name: 'power-on → SSH of the image box',
      goal: '<=0.25',
      peerName: 'stock install of Debian 12',
      ours: () => boot(domain, access.identityFile),
      peer: () => boot(peer.domain, peer.keyFile),
      before: (side: 'ours' | 'peer') => off(side === 'ours' ? domain : peer.domain),
      after: (side: 'ours' | 'peer') => off(side === 'ours' ? domain : peer.domain),
    };
    return await compareAll([comparison], bench);
  } finally {
    await stock?.remove();
    await vm.destroy(options);
    vm.dispose();
  }
}

/** Neither side's destroying is measured. */
async function snapshotRows(lab: VmLab, bench: BenchOptions): Promise<readonly Row[]> {
  const project = await lab.project('snapshot', {
    image: 'debian:bookworm',
    postCreateCommand: 'true',
    customizations: { switchyard: { vm: { memory: '1gb', disk: '6gb', readySnapshot: true } } },
  });
  const vm = lab.provider.forProject(project);
  const peer = new PeerMachine(project, path.join(lab.folder, 'peer'));
  let end = (): Promise<void> => Promise.resolve();
  try {
    await (
      await vm.open(options)
    ).hooks;
    await peer.prepare();
    const comparison = {
      name: 'VM from ready snapshot, after destroy',
      goal: '<=0.2',
      peerName: 'vagrant up of a new machine',
      ours: async () => {
        const opened = await vm.open(options);
        if (opened.start?.how !== 'restore') throw new Error(`It was not restored: ${opened.start?.how}.`);
        [end] = await Promise.all([prompt(opened), opened.hooks]);
      },
      peer: () => peer.up(),
      before: (side: 'ours' | 'peer') =>
        side === 'ours' ? vm.destroy(options, { keepSnapshot: true }) : peer.remove(),
      after: (side: 'ours' | 'peer') => (side === 'ours' ? end() : Promise.resolve()),
    };
    return await compareAll([comparison], bench);
  } finally {
    await peer.remove();
    await vm.destroy(options);
    vm.dispose();
  }
}

/** Ours is the change, the peer is the first build of an image that differs in its first line. */
async function changeRows(lab: VmLab, bench: BenchOptions): Promise<readonly Row[]> {
  const project = await lab.project('change');
  const vm = lab.provider.forProject(project);
  let change = 0;
  try {
    await vm.open(options);
    const comparison = {
      name: 'one line changed at the end of the Dockerfile → VM ready',
      goal: '<=0.5',
      peerName: 'first build',
      ours: () => vm.rebuild(options),
      peer: () => vm.open(options),
      before: async (side: 'ours' | 'peer') => {
        change += 1;
        if (side === 'peer') await vm.destroy(options);
        await edit(
          project,
          side === 'peer' ? 'front' : 'end',
          `RUN echo ${project.id} ${change} > /etc/change\n`,
        );
      },
    };
    return await compareAll([comparison], bench);
  } finally {
    await vm.destroy(options);
    vm.dispose();
  }
}

async function edit(project: Project, where: 'front' | 'end', line: string): Promise<void> {
  const file = path.join(project.folder, '.devcontainer', 'Dockerfile');
  const lines = (await readFile(file, 'utf8')).split(/(?<=\n)/);
  lines.splice(where === 'front' ? 1 : lines.length, 0, line);
  await writeFile(file, lines.join(''));
}

/** Powers it off, and asks again: a system that is only just starting does not hear it. */
async function off(domain: string): Promise<void> {
  const isOff = async (): Promise<true | undefined> => {
    if ((await virsh('domstate', domain)).trim() === 'shut off') return true;
    await virsh('shutdown', domain);
    return undefined;
  };
  if (await pollUntil(isOff, { everyMs: 3_000, timeoutMs: 90_000, signal: never })) return;
  throw new Error(`${domain} does not power off.`);
}

/** Until a login by SSH runs a program; every machine has to show that with the same client. */
async function untilSsh(domain: string, keyFile: string): Promise<void> {
  const [, mac = ''] = /<mac address='([^']*)'/.exec(await virsh('dumpxml', domain)) ?? [];
  const isIn = async (): Promise<true | undefined> => {
    const leases = await virsh('net-dhcp-leases', 'switchyard', '--mac', mac);
    const [, host] = /ipv4\s+([\d.]+)\//.exec(leases) ?? [];
    const socket = host === undefined ? undefined : await dial({ host, port: 22 }, 3_000, never);
    if (host === undefined || !socket) return undefined;
    // Its SSH server is asked by the client alone.
    socket.destroy();
    const trust = [
      '-o',
      'StrictHostKeyChecking=no',
      '-o',
      'UserKnownHostsFile=/dev/null',
      '-o',
      'BatchMode=yes',
    ];
    const login = exec('ssh', [
      '-q',
      '-i',
      keyFile,
      ...trust,
      '-o',
      'ConnectTimeout=60',
      `root@${host}`,
      'true',
    ]);
    return login.then(
      () => true,
      // It listens before it lets anybody in.
      () => undefined,
    );
  };
  const done = await pollUntil(isIn, { everyMs: 100, timeoutMs: bootMs, signal: never });
  if (!done) throw new Error(`${domain} did not come up.`);
}
