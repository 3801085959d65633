import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import type { ContainerInspectInfo } from 'dockerode';
import { SwitchyardError } from '../../../src/base/errors.ts';
import { silentProgress } from '../../../src/base/progress.ts';
import { projectId, type Project } from '../../../src/config/project.ts';
import { run } from '../../../src/connections/run.ts';
import { devcontainerProgram, realProvider } from '../support/containerProject.ts';
import { never } from '../support/docker.ts';
import { base, type SpecFixture } from './fixture.ts';
import {
  containerOf,
  filesInside,
  filesOf,
  probe,
  readTerminal,
  withoutId,
  type Snapshot,
} from './snapshot.ts';

const exec = promisify(execFile);
const options = { progress: silentProgress, signal: never };

/** One fixture, opened by both, one after the other, in the same folder. */
export async function both(fixture: SpecFixture): Promise<{ theirs: Snapshot; ours: Snapshot }> {
  const home = await realpath(await mkdtemp(path.join(tmpdir(), 'switchyard-spec-')));
  try {
    const project = projectIn(home, fixture);
    if (fixture.metadata !== undefined) await buildLabelled(home, imageOf(project), fixture.metadata);
    await write(project, fixture);
    const theirs = without(await openTheirs(project, fixture), fixture);
    await write(project, fixture);
    const ours = without(await openOurs(project, fixture), fixture);
    if (fixture.metadata !== undefined) await exec('docker', ['rmi', imageOf(project)]);
    return { theirs, ours };
  } finally {
    await rm(home, { recursive: true });
  }
}

function imageOf(project: Project): string {
  return `switchyard-spec:${project.id}`;
}

async function buildLabelled(home: string, image: string, metadata: unknown): Promise<void> {
  const folder = path.join(home, 'image');
  await mkdir(folder);
  const label = `LABEL devcontainer.metadata=${JSON.stringify(JSON.stringify(metadata)).replaceAll('$', '\\$')}`;
  await writeFile(path.join(folder, 'Dockerfile'), `FROM ${base}\n${label}\n`);
  await exec('docker', ['build', '--tag', image, folder]);
}

function projectIn(home: string, fixture: SpecFixture): Project {
  const folder = path.join(home, fixture.folder ?? 'project');
  return {
    id: projectId(folder),
    name: path.basename(folder),
    folder,
    configFile: path.join(folder, fixture.at ?? '.devcontainer/devcontainer.json'),
    storage: path.join(home, 'storage'),
  };
}

async function write(project: Project, fixture: SpecFixture): Promise<void> {
  const { folder, configFile = '', storage } = project;
  await rm(folder, { recursive: true, force: true });
  await mkdir(storage, { recursive: true });
  const { config } = fixture;
  const named =
    typeof config !== 'string' &&
    ['image', 'build', 'dockerFile', 'dockerComposeFile'].some((key) => key in config);
  const image = fixture.metadata === undefined ? base : imageOf(project);
  const text = typeof config === 'string' ? config : JSON.stringify(named ? config : { image, ...config });
  const files: Readonly<Record<string, string>> = {
    [path.relative(folder, configFile)]: text,
    ...fixture.files,
  };
  for (const [name, content] of Object.entries(files)) {
    const file = path.join(folder, name);
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, content);
  }
}

async function rewrite(
  { configFile = '' }: Project,
  config: Readonly<Record<string, unknown>>,
): Promise<void> {
  await writeFile(configFile, JSON.stringify({ image: base, ...config }));
}

async function openTheirs(project: Project, fixture: SpecFixture): Promise<Snapshot> {
  const { folder, configFile = '' } = project;
  const call = async (
    verb: string,
    ...rest: readonly string[]
  ): Promise<{ code: number; stdout: string }> => {
    const args = [devcontainerProgram, verb, '--workspace-folder', folder, '--config', configFile, ...rest];
    try {
      const { stdout } = await exec(process.execPath, args, { env: { ...process.env, ...fixture.env } });
      return { code: 0, stdout };
    } catch (error) {
      const {
        code,
        stdout = '',
        stderr = '',
      } = error as { code?: unknown; stdout?: string; stderr?: string };
      if (typeof code !== 'number') throw error;
      await removeUnfinishedStep(stderr);
      return { code, stdout };
    }
  };
  try {
    let up = await call('up');
    if (fixture.then) {
      await rewrite(project, fixture.then);
      up = await call('up');
    }
    if (fixture.restart) {
      const container = await inspect(project);
      const compose = container?.Config.Labels['com.docker.compose.project'];
      const services = compose === undefined ? [] : await composed('ps', compose);
      await exec('docker', ['stop', '--time', '1', container?.Id ?? '', ...services]);
      up = await call('up');
    }
    const outcome = up.code === 0 ? 'ready' : up.stdout.includes('"containerId"') ? 'hook failed' : 'failed';
    return await look(project, fixture, outcome, async () => (await call('exec', 'sh', '-c', probe)).stdout);
  } finally {
    await remove(project);
  }
}

async function openOurs(project: Project, fixture: SpecFixture): Promise<Snapshot> {
  const provider = realProvider({ env: fixture.env ?? {} });
  const environment = provider.forProject(project);
  try {
    let opened = await environment.open(options);
    if (fixture.then) {
      await opened.hooks;
      await rewrite(project, fixture.then);
      opened = await environment.open(options);
    }
    if (fixture.restart) {
      await opened.hooks;
      await environment.stop(options);
      opened = await environment.open(options);
    }
    const { connection, hooks } = opened;
    const problem = opened.problem ?? (await hooks);
    return await look(project, fixture, problem ? 'hook failed' : 'ready', async () => {
      const { stdout } = await run(connection, { argv: ['sh', '-c', probe] }, never);
      return stdout.toString();
    });
  } catch (error) {
    if (!(error instanceof SwitchyardError)) throw error;
    return { outcome: 'failed' };
  } finally {
    const container = await inspect(project);
    await environment.destroy(options);
    provider.dispose();
    await removeVolumes(container);
    await expectNothingOf(project, container);
  }
}

/** Leaves out what the fixture says is not compared. */
function without(snapshot: Snapshot, { notInTerminal = [], staysMarked }: SpecFixture): Snapshot {
  const outcome = staysMarked ? 'not compared' : snapshot.outcome;
  const { terminal } = snapshot;
  if (!terminal || notInTerminal === 'everything') return { ...snapshot, outcome };
  const env = Object.entries(terminal.env).filter(([name]) => !notInTerminal.includes(name));
  return { ...snapshot, outcome, terminal: { ...terminal, env: Object.fromEntries(env) } };
}

async function look(
  project: Project,
  fixture: SpecFixture,
  outcome: Snapshot['outcome'],
  terminal: () => Promise<string>,
): Promise<Snapshot> {
  const container = await inspect(project);
  if (!container?.State.Running || outcome === 'failed') return { outcome: 'failed' };
  const snapshot: Snapshot = {
    outcome,
    terminal: fixture.notInTerminal === 'everything' ? undefined : readTerminal(await terminal()),
    out: await filesInside(container.Id),
    workspace: await filesOf(project.folder),
    container: containerOf(container),
    services: await servicesOf(container),
  };
  return withoutId(snapshot, container.Id);
}

/** Ids of what Compose made for a project. */
async function composed(what: 'ps' | 'network', compose: string): Promise<string[]> {
  const list = what === 'ps' ? ['ps', '--all'] : ['network', 'ls'];
  const filter = `label=com.docker.compose.project=${compose}`;
  const { stdout } = await exec('docker', [...list, '--quiet', '--no-trunc', '--filter', filter]);
  return stdout.split('\n').filter((id) => id !== '');
}

/** Names of the services that run. */
async function servicesOf({ Config }: ContainerInspectInfo): Promise<readonly string[]> {
  const compose = Config.Labels['com.docker.compose.project'];
  if (compose === undefined) return [];
  const format = '{{.Label "com.docker.compose.service"}}';
  const filter = `label=com.docker.compose.project=${compose}`;
  const { stdout } = await exec('docker', ['ps', '--filter', filter, '--format', format]);
  return stdout
    .split('\n')
    .filter((name) => name !== '')
    .sort();
}

async function inspect(project: Project): Promise<ContainerInspectInfo | undefined> {
  const label = `label=devcontainer.local_folder=${project.folder}`;
  const { stdout } = await exec('docker', ['ps', '--all', '--quiet', '--filter', label]);
  const [id] = stdout.split('\n');
  if (!id) return undefined;
  return (JSON.parse((await exec('docker', ['inspect', id])).stdout) as ContainerInspectInfo[])[0];
}

/** Docker's classic builder leaves the container of a step that failed, and the CLI leaves it to it. */
async function removeUnfinishedStep(log: string): Promise<void> {
  const last = [...log.matchAll(/---> Running in ([0-9a-f]{12})/g)].at(-1)?.[1];
  if (last !== undefined) await exec('docker', ['rm', '--force', last]);
}

/** The container and its volumes: the next side begins with nothing. */
async function remove(project: Project): Promise<void> {
  const container = await inspect(project);
  if (!container) return;
  const compose = container.Config.Labels['com.docker.compose.project'];
  const services = compose === undefined ? [] : await composed('ps', compose);
  await exec('docker', ['rm', '--force', '--volumes', ...new Set([container.Id, ...services])]);
  if (compose !== undefined) {
    for (const network of await composed('network', compose))
      await exec('docker', ['network', 'rm', network]);
  }
  await removeVolumes(container);
}

async function removeVolumes(container: ContainerInspectInfo | undefined): Promise<void> {
  for (const { Name } of container?.Mounts ?? []) {
    if (Name?.startsWith('switchyard-spec-')) await exec('docker', ['volume', 'rm', Name]);
  }
}

/** Destroy takes everything along but volumes. */
async function expectNothingOf(project: Project, container: ContainerInspectInfo | undefined): Promise<void> {
  const compose = container?.Config.Labels['com.docker.compose.project'];
  const left = [
    (await inspect(project))?.Id,
    ...(compose === undefined
      ? []
      : [...(await composed('ps', compose)), ...(await composed('network', compose))]),
  ].filter((id) => id !== undefined);
  if (left.length > 0) throw new Error(`Destroy left ${left.join(', ')}.`);
}
