import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { silentProgress } from '../../src/base/progress.ts';
import { never } from '../engines/support/docker.ts';
import { virsh, vmLab } from '../engines/support/vm.ts';
import { compare, type BenchOptions, type Row } from './harness.ts';
import { prompt } from './prompt.ts';

const exec = promisify(execFile);
const options = { progress: silentProgress, signal: never };

/**
 * From the command to a prompt in a terminal, with the hooks that are due run, beside Vagrant itself on the
 * very same machine, which both sides find in the same state.
 */
export async function vmRows(bench: BenchOptions): Promise<readonly Row[]> {
  const lab = await vmLab();
  const project = await lab.project('bench');
  const vm = lab.provider.forProject(project);
  const folder = path.join(project.storage, 'vm');
  const vagrant = (...args: readonly string[]): Promise<unknown> =>
    exec('vagrant', args, {
      env: {
        ...process.env,
        VAGRANT_CWD: folder,
        VAGRANT_DOTFILE_PATH: path.join(folder, 'vagrant'),
        VAGRANT_CHECKPOINT_DISABLE: '1',
        VAGRANT_BOX_UPDATE_CHECK_DISABLE: '1',
      },
    });
  const domain = `switchyard-${project.id}-vm`;
  const active = async (): Promise<void> => prompt((await vm.open(options)).connection);
  try {
    await active();
    return [
      await compare(
        {
          name: 'VM running → active',
          goal: '<=0.07',
          peerName: 'vagrant ssh -c true',
          ours: active,
          peer: () => vagrant('ssh', '-c', 'true'),
        },
        bench,
      ),
      await compare(
        {
          name: 'VM suspended → active',
          goal: '<=0.2',
          peerName: 'vagrant resume',
          ours: active,
          peer: () => vagrant('resume'),
          before: async () => {
            // Whichever side woke it.
            await vm.refresh(never);
            await virsh('managedsave', domain);
            await vm.refresh(never);
          },
        },
        bench,
      ),
      await compare(
        {
          name: 'VM halted → active',
          goal: '<=0.55',
          peerName: 'vagrant up',
          ours: active,
          peer: () => vagrant('up', '--provider', 'libvirt'),
          before: () => vm.stop(options),
        },
        bench,
      ),
    ];
  } finally {
    await vm.destroy(options);
    vm.dispose();
    await lab.end();
  }
}
