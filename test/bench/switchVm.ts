import path from 'node:path';
import { silentProgress } from '../../src/base/progress.ts';
import { never } from '../engines/support/docker.ts';
import { output, virsh, vmLab } from '../engines/support/vm.ts';
import { compareAll, type BenchOptions, type Comparison, type Row } from './harness.ts';
import { booted, PeerMachine } from './peerMachine.ts';
import { prompt } from './prompt.ts';

const options = { progress: silentProgress, signal: never };

/**
 * From the command to a prompt in a terminal, with the hooks that are due run, beside Vagrant itself with a
 * machine of the same box and size, on the network that vagrant-libvirt makes by itself.
 */
export async function vmRows(bench: BenchOptions): Promise<readonly Row[]> {
  const lab = await vmLab();
  const project = await lab.project('bench');
  const vm = lab.provider.forProject(project);
  const peer = new PeerMachine(project, path.join(lab.folder, 'peer'));
  let end = (): Promise<void> => Promise.resolve();
  const active = async (): Promise<void> => {
    const opened = await vm.open(options);
    [end] = await Promise.all([prompt(opened), opened.hooks]);
  };
  const after = (side: 'ours' | 'peer'): Promise<void> => (side === 'ours' ? end() : Promise.resolve());
  // Else the rest of one machine's boot falls into the other's run, and into that of the faster to halt most.
  const settled = async (side: 'ours' | 'peer'): Promise<void> => {
    await after(side);
    if (side === 'peer') await peer.settled();
    else await output(await vm.connect(never), ['/bin/sh', '-c', booted], { user: 'root' });
  };
  try {
    await active();
    await settled('ours');
    await peer.prepare();
    await peer.up();
    await settled('peer');
    const comparisons: readonly Comparison[] = [
      {
        name: 'VM running → active',
        goal: '<=0.07',
        peerName: 'vagrant ssh -c true',
        ours: active,
        after,
        peer: () => peer.vagrant('ssh', '-c', 'true'),
      },
      {
        name: 'VM suspended → active',
        goal: '<=0.2',
        peerName: 'vagrant resume',
        ours: active,
        after,
        peer: () => peer.vagrant('resume'),
        before: (side) => (side === 'ours' ? vm.suspend(options) : virsh('managedsave', peer.domain)),
      },
      {
        name: 'VM halted → active',
        goal: '<=0.55',
        peerName: 'vagrant up',
        ours: active,
        after: settled,
        peer: () => peer.up(),
        before: (side) => (side === 'ours' ? vm.stop(options) : peer.vagrant('halt')),
      },
    ];
    return await compareAll(comparisons, bench);
  } finally {
    await peer.remove();
    await vm.destroy(options);
    vm.dispose();
    await lab.end();
  }
}
