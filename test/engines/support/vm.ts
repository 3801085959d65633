import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, realpath, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { ExecaRunner } from '../../../src/base/execaRunner.ts';
import type { Logger } from '../../../src/base/log.ts';
import { silentLogger } from '../../../src/base/log.ts';
import type { Runner } from '../../../src/base/process.ts';
import { ownerTag } from '../../../src/base/processLedger.ts';
import type { Progress } from '../../../src/base/progress.ts';
import { projectId, type Project } from '../../../src/config/project.ts';
import type { Connection } from '../../../src/connections/connection.ts';
import { run } from '../../../src/connections/run.ts';
import { DevcontainerCli } from '../../../src/engines/devcontainerCli.ts';
import { buildLabel } from '../../../src/environments/buildLabel.ts';
import type { MachineTimeouts } from '../../../src/environments/vm/machine.ts';
import { VmProvider, type VmProviderOptions } from '../../../src/environments/vm/vmProvider.ts';
import { ApartSync } from '../../../src/sync/apart/apartSync.ts';
import { never, realEngine } from './docker.ts';

const execute = promisify(execFile);
const root = path.resolve(import.meta.dirname, '../../..');
export const sampleFolder = path.join(root, 'test/fixtures/sample');

/** A computer's storage of its own, with projects in it, on the real engines. */
export interface VmLab {
  readonly folder: string;
  readonly provider: VmProvider;
  /** The same computer's storage, with other bounds and another environment for what it runs. */
  other(options: OtherProvider): VmProvider;
  /** A project folder of this name with the sample in it, or only this devcontainer.json, or none. */
  project(name: string, devcontainer?: object | 'none'): Promise<Project>;
  /** Removes the lab's folder and the images that its projects made. */
  end(): Promise<void>;
}

/** What a provider beside the lab's own has of its own. */
export interface OtherProvider extends Partial<Pick<VmProviderOptions, 'dotfiles' | 'secrets' | 'libvirt'>> {
  readonly timeouts?: Partial<MachineTimeouts>;
  readonly env?: Readonly<Record<string, string>>;
}

/** The machines of a storage folder, on the real engines, with a sync in a process of its own. */
export function machinesIn(
  storage: string,
  runner: Runner,
  log: Logger,
  { timeouts, ...more }: Omit<OtherProvider, 'env'> = {},
): VmProvider {
  const cli = path.join(root, 'node_modules/@devcontainers/cli/devcontainer.js');
  const programs = { node: process.execPath, cli, docker: 'docker', env: {} };
  return new VmProvider({
    runner,
    log,
    docker: realEngine(),
    devcontainer: new DevcontainerCli(programs, runner, log),
    storage,
    syncFor: (project, rules) =>
      new ApartSync({
        hostFolder: project.folder,
        stateFolder: path.join(project.storage, 'sync-vm'),
        get ignore() {
          return rules().ignore;
        },
        get protect() {
          return rules().protect;
        },
        log,
      }),
    ...(timeouts ? { timeouts } : {}),
    ...more,
  });
}

export async function vmLab(
  options: { timeouts?: Partial<MachineTimeouts>; log?: Logger } = {},
): Promise<VmLab> {
  const folder = await realpath(await mkdtemp(path.join(os.tmpdir(), 'switchyard-vm-')));
  const log = options.log ?? silentLogger;
  const storage = path.join(folder, 'storage');
  const providers: VmProvider[] = [];
  const make = ({ env, ...more }: OtherProvider): VmProvider => {
    const provider = machinesIn(storage, new ExecaRunner(log, env), log, more);
    providers.push(provider);
    return provider;
  };
  const provider = make(options.timeouts ? { timeouts: options.timeouts } : {});
  const projects: Project[] = [];
  return {
    folder,
    provider,
    other: make,
    project: async (name, devcontainer_) => {
      const workspace = path.join(folder, name);
      await mkdir(workspace, { recursive: true });
      if (devcontainer_ === 'none') {
        await writeFile(path.join(workspace, 'hello.txt'), 'from the host\n');
      } else if (devcontainer_) {
        await mkdir(path.join(workspace, '.devcontainer'), { recursive: true });
        await writeFile(
          path.join(workspace, '.devcontainer', 'devcontainer.json'),
          JSON.stringify(devcontainer_),
        );
      } else {
        await cp(sampleFolder, workspace, { recursive: true });
      }
      const id = projectId(workspace);
      const project: Project = {
        id,
        name: path.basename(name),
        folder: workspace,
        configFile:
          devcontainer_ === 'none' ? undefined : path.join(workspace, '.devcontainer', 'devcontainer.json'),
        storage: path.join(storage, 'projects', id),
      };
      projects.push(project);
      return project;
    },
    end: async () => {
      for (const one of providers) one.dispose();
      for (const project of projects) {
        await execute('docker', ['image', 'rm', '-f', `switchyard-vm-${project.id}:latest`]).catch(
          () => undefined,
        );
      }
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Collects the steps and lines of operations. */
export class Steps implements Progress {
  readonly steps: string[] = [];
  readonly lines: string[] = [];
  readonly #waiting: { title: RegExp; then: () => void }[] = [];

  step(title: string): void {
    this.steps.push(title);
    if (process.env['SWITCHYARD_TRACE']) console.log(new Date().toISOString(), '==', title);
    for (const one of this.#waiting.filter((each) => each.title.test(title))) one.then();
  }

  line(text: string): void {
    this.lines.push(text);
    if (process.env['SWITCHYARD_TRACE']) console.log('     ', text.slice(0, 160));
  }

  /** Calls when a step of this title begins. */
  when(title: RegExp, then: () => void): this {
    this.#waiting.push({ title, then });
    return this;
  }
}

/** What a program in the guest prints, without the last newline; throws where it fails. */
export async function output(
  connection: Connection,
  argv: readonly string[],
  more: { user?: string; cwd?: string } = {},
): Promise<string> {
  const result = await run(connection, { argv, ...more }, never);
  if (result.code !== 0) throw new Error(`${argv.join(' ')}: ${result.code} ${result.stderr.toString()}`);
  return result.stdout.toString('utf8').replace(/\n$/, '');
}

export async function virsh(...args: string[]): Promise<string> {
  return (await execute('virsh', ['--quiet', '--connect', 'qemu:///system', ...args])).stdout;
}

/** Everything of Switchyard's that libvirt and Vagrant hold for a project id or a box key. */
export async function traces(mark: string): Promise<string[]> {
  const vagrantHome = process.env['VAGRANT_HOME'] ?? path.join(os.homedir(), '.vagrant.d');
  const [domains, volumes, boxes, containers] = await Promise.all([
    virsh('list', '--all', '--name'),
    virsh('vol-list', '--pool', 'default').catch(() => ''),
    readdir(path.join(vagrantHome, 'boxes')).catch(() => []),
    execute('docker', ['ps', '-a', '--filter', `label=${buildLabel}=${ownerTag()}`, '--format', '{{.ID}}']),
  ]);
  return [
    ...domains.split('\n').map((line) => `domain ${line}`),
    ...volumes.split('\n').map((line) => `volume ${line.trim()}`),
    ...boxes.map((name) => `box ${name}`),
    ...containers.stdout.split('\n').flatMap((id) => (id === '' ? [] : [`container ${id} ${mark}`])),
  ].filter((line) => line.includes(mark));
}
