import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { silentProgress } from '../../src/base/progress.ts';
import { makeProject, realProvider, sample, type TestProject } from '../engines/support/containerProject.ts';
import { never } from '../engines/support/docker.ts';
import { compareAll, type BenchOptions, type Comparison, type Row } from './harness.ts';
import { prompt } from './prompt.ts';

const exec = promisify(execFile);
const options = { progress: silentProgress, signal: never };
const root = new URL('../..', import.meta.url).pathname;
const devcontainer = path.join(root, 'node_modules/@devcontainers/cli/devcontainer.js');

/** From the command to a prompt in a terminal, with the hooks that are due run. */
export async function containerRows(bench: BenchOptions): Promise<readonly Row[]> {
  // Each side has a project of its own, made from the same files.
  const cache = await mkdtemp(path.join(tmpdir(), 'switchyard-bench-'));
  // As the extension has it.
  const provider = realProvider({ env: { NODE_COMPILE_CACHE: cache } });
  const ours = await makeProject({ from: sample, name: 'ours', provider });
  const peer = await makeProject({ from: sample, name: 'peer' });
  try {
    let end = (): Promise<void> => Promise.resolve();
    const open = async (): Promise<void> => {
      const opened = await ours.environment.open(options);
      [end] = await Promise.all([prompt(opened), opened.hooks]);
    };
    const after = (side: 'ours' | 'peer'): Promise<void> => (side === 'ours' ? end() : Promise.resolve());
    const up = (): Promise<unknown> => devcontainerUp(peer);
    await exec('chmod', ['-R', 'a+rwX', peer.project.folder]);
    await open();
    await end();
    await up();
    const comparisons: readonly Comparison[] = [
      {
        name: 'container running → active',
        goal: '<=0.07',
        peerName: 'devcontainer up',
        ours: open,
        after,
        peer: up,
      },
      {
        name: 'container stopped → active',
        goal: '<=0.25',
        peerName: 'devcontainer up',
        ours: open,
        after,
        peer: up,
        before: (side) => docker(side === 'ours' ? ours : peer, 'stop'),
      },
      {
        name: 'container stopped → active',
        goal: '<=1.5',
        peerName: 'docker start + exec true',
        ours: open,
        after,
        peer: async () => {
          await docker(peer, 'start');
          await docker(peer, 'exec', 'true');
        },
        before: (side) => docker(side === 'ours' ? ours : peer, 'stop'),
      },
      {
        name: 'container first create, image cached',
        goal: '<=1.1',
        peerName: 'devcontainer up',
        ours: open,
        after,
        peer: up,
        // The container only: to destroy it our way would take the image along.
        before: (side) => docker(side === 'ours' ? ours : peer, 'rm', '--force'),
      },
    ];
    return await compareAll(comparisons, bench);
  } finally {
    await ours.remove();
    provider.dispose();
    await rm(cache, { recursive: true, force: true });
    await peer.remove();
  }
}

async function devcontainerUp({ project }: TestProject): Promise<void> {
  const { folder, configFile = '' } = project;
  await exec(process.execPath, [devcontainer, 'up', '--workspace-folder', folder, '--config', configFile]);
}

/** The docker command line on a project's container: one call, with flags before the container. */
async function docker(
  { inspect }: TestProject,
  verb: 'start' | 'stop' | 'exec' | 'rm',
  ...rest: readonly string[]
): Promise<void> {
  const id = (await inspect())?.Id ?? '';
  const args = verb === 'exec' ? [verb, id, ...rest] : [verb, ...rest, id];
  await exec('docker', args);
}
