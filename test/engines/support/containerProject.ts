import { cp, mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ContainerInspectInfo } from 'dockerode';
import { ExecaRunner } from '../../../src/base/execaRunner.ts';
import { silentLogger, type Logger } from '../../../src/base/log.ts';
import type { Progress } from '../../../src/base/progress.ts';
import { projectId, type Project } from '../../../src/config/project.ts';
import { DevcontainerCli } from '../../../src/engines/devcontainerCli.ts';
import type { DockerEngine } from '../../../src/engines/docker.ts';
import { ContainerProvider } from '../../../src/environments/container/containerProvider.ts';
import { findContainer } from '../../../src/environments/container/lookup.ts';
import type { Dotfiles } from '../../../src/environments/hooks/dotfiles.ts';
import type { GetSecrets } from '../../../src/environments/hooks/secrets.ts';
import type { Environment } from '../../../src/environments/environment.ts';
import type { Connection } from '../../../src/connections/connection.ts';
import { run } from '../../../src/connections/run.ts';
import { ApartSync } from '../../../src/sync/apart/apartSync.ts';
import { never, realEngine } from './docker.ts';

const root = new URL('../../..', import.meta.url).pathname;

export const sample = path.join(root, 'test/fixtures/sample');

export const devcontainerProgram = path.join(root, 'node_modules/@devcontainers/cli/devcontainer.js');

const programs = { node: process.execPath, cli: devcontainerProgram, docker: 'docker', env: {} };

export function realProvider(
  options: {
    engine?: DockerEngine;
    log?: Logger;
    /** What the config sees of this computer on top of this process's variables. */
    env?: Readonly<Record<string, string>>;
    dotfiles?: Dotfiles;
    secrets?: GetSecrets;
  } = {},
): ContainerProvider {
  const log = options.log ?? silentLogger;
  const runner = new ExecaRunner(log);
  return new ContainerProvider({
    engine: options.engine ?? realEngine(),
    runner,
    log,
    devcontainer: new DevcontainerCli({ ...programs, env: options.env ?? {} }, runner, log),
    dockerProgram: programs.docker,
    dotfiles: () => options.dotfiles,
    ...(options.secrets ? { secrets: options.secrets } : {}),
    syncFor: (project, rules) =>
      new ApartSync({
        hostFolder: project.folder,
        stateFolder: path.join(project.storage, 'container', 'sync'),
        ...rules(),
        log,
      }),
  });
}

/** A project of a test, with its container; `remove` takes all of it away. */
export interface TestProject {
  readonly project: Project;
  readonly provider: ContainerProvider;
  readonly environment: Environment;
  /** What the engine says about its container; undefined where there is none. */
  readonly inspect: () => Promise<ContainerInspectInfo | undefined>;
  readonly remove: () => Promise<void>;
}

export interface ProjectOptions {
  /** The folder's name. */
  readonly name?: string;
  readonly config?: object | string;
  /** Text of `.devcontainer/Dockerfile`. */
  readonly dockerfile?: string;
  /** Copied in before anything is written. */
  readonly from?: string;
  readonly provider?: ContainerProvider;
}

export async function makeProject(options: ProjectOptions): Promise<TestProject> {
  const home = await realpath(await mkdtemp(path.join(tmpdir(), 'switchyard-container-')));
  const folder = path.join(home, options.name ?? 'project');
  await mkdir(path.join(folder, '.devcontainer'), { recursive: true });
  if (options.from !== undefined) await cp(options.from, folder, { recursive: true });
  const configFile = path.join(folder, '.devcontainer', 'devcontainer.json');
  if (options.config !== undefined) await writeConfig(configFile, options.config);
  if (options.dockerfile !== undefined) {
    await writeFile(path.join(folder, '.devcontainer', 'Dockerfile'), options.dockerfile);
  }
  const project: Project = {
    id: projectId(folder),
    name: path.basename(folder),
    folder,
    configFile,
    storage: path.join(home, 'storage'),
  };
  await mkdir(project.storage);
  const provider = options.provider ?? realProvider();
  const environment = provider.forProject(project);
  const inspect = (): Promise<ContainerInspectInfo | undefined> =>
    findContainer(realEngine(), project, never);
  const remove = async (): Promise<void> => {
    const cleaner = realProvider();
    await cleaner.forProject(project).destroy({ progress: collectProgress(), signal: never });
    cleaner.dispose();
    environment.dispose();
    if (!options.provider) provider.dispose();
    await rm(home, { recursive: true });
  };
  return { project, provider, environment, inspect, remove };
}

export async function writeConfig(file: string, config: object | string): Promise<void> {
  await writeFile(file, typeof config === 'string' ? config : JSON.stringify(config, undefined, 2));
}

/** Progress that remembers, and tells each step to who wants to know. */
export function collectProgress(
  onStep: (title: string) => void = () => undefined,
): Progress & { readonly steps: string[]; readonly lines: string[] } {
  const steps: string[] = [];
  const lines: string[] = [];
  return {
    steps,
    lines,
    step: (title) => {
      steps.push(title);
      onStep(title);
    },
    line: (text) => lines.push(text),
  };
}

/** Runs a line of shell in an environment and answers what it printed. */
export async function shell(connection: Connection, script: string): Promise<string> {
  const { code, stdout, stderr } = await run(connection, { argv: ['sh', '-c', script] }, never);
  if (code !== 0) throw new Error(`"${script}" ended with ${code}: ${stderr.toString()}`);
  return stdout.toString().trim();
}
