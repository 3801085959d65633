import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { silentProgress } from '../../src/base/progress.ts';
import { never } from '../engines/support/docker.ts';
import { virsh, vmLab } from '../engines/support/vm.ts';
import { compareAll, type BenchOptions, type Comparison, type Row } from './harness.ts';
import { prompt } from './prompt.ts';

const exec = promisify(execFile);
const options = { progress: silentProgress, signal: never };

/**
 * From the command to a prompt in a terminal, with the hooks that are due run, beside Vagrant itself with a
 * machine of the same box and size, on the network that vagrant-libvirt makes by itself.
 */
export async function vmRows(bench: BenchOptions): Promise<readonly Row[]> {
  const lab = await vmLab();
  const project = await lab.project('bench');
  const vm = lab.provider.forProject(project);
  const peer = path.join(lab.folder, 'peer');
  const vagrant = (...args: readonly string[]): Promise<unknown> =>
    exec('vagrant', args, {
      env: {
        ...process.env,
        VAGRANT_CWD: peer,
        VAGRANT_CHECKPOINT_DISABLE: '1',
        VAGRANT_BOX_UPDATE_CHECK_DISABLE: '1',
      },
    });
  const up = (): Promise<unknown> => vagrant('up', '--provider', 'libvirt');
  const domain = `peer-${project.id}-vm`;
  let end = (): Promise<void> => Promise.resolve();
  const active = async (): Promise<void> => {
    const opened = await vm.open(options);
    [end] = await Promise.all([prompt(opened), opened.hooks]);
  };
  const after = (side: 'ours' | 'peer'): Promise<void> => (side === 'ours' ? end() : Promise.resolve());
  try {
    await active();
    await end();
    await mkdir(peer);
    const ours = await readFile(path.join(project.storage, 'vm', 'Vagrantfile'), 'utf8');
    await writeFile(path.join(peer, 'Vagrantfile'), asAPersonHasIt(ours, `peer-${project.id}-`));
    await up();
    const comparisons: readonly Comparison[] = [
      {
        name: 'VM running → active',
        goal: '<=0.07',
        peerName: 'vagrant ssh -c true',
        ours: active,
        after,
        peer: () => vagrant('ssh', '-c', 'true'),
      },
      {
        name: 'VM suspended → active',
        goal: '<=0.2',
        peerName: 'vagrant resume',
        ours: active,
        after,
        peer: () => vagrant('resume'),
        before: (side) => (side === 'ours' ? vm.suspend(options) : virsh('managedsave', domain)),
      },
      {
        name: 'VM halted → active',
        goal: '<=0.55',
        peerName: 'vagrant up',
        ours: active,
        after,
        peer: up,
        before: (side) => (side === 'ours' ? vm.stop(options) : vagrant('halt')),
      },
    ];
    return await compareAll(comparisons, bench);
  } finally {
    if (existsSync(path.join(peer, 'Vagrantfile'))) await vagrant('destroy', '--force');
    await vm.destroy(options);
    vm.dispose();
    await lab.end();
  }
}

/** Without what Switchyard says of the network. */
function asAPersonHasIt(vagrantfile: string, prefix: string): string {
  return vagrantfile
    .split('\n')
    .filter((line) => !/management_network|libvirt\.(serial|kernel|initrd|cmd_line)/.test(line))
    .map((line) => line.replace(/(default_prefix = ).*/, `$1'${prefix}'`))
    .join('\n');
}
