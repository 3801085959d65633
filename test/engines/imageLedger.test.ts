import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import { ExecaRunner } from '../../src/base/execaRunner.ts';
import { guestKinds, type GuestKind } from '../../src/base/kinds.ts';
import { silentLogger } from '../../src/base/log.ts';
import { silentProgress } from '../../src/base/progress.ts';
import type { Project } from '../../src/config/project.ts';
import { DevcontainerCli } from '../../src/engines/devcontainerCli.ts';
import type { OperationOptions } from '../../src/environments/environment.ts';
import { ImageLedger } from '../../src/environments/imageLedger.ts';
import { buildProjectImage, removeProjectImage } from '../../src/environments/vm/projectImage.ts';
import {
  devcontainerProgram,
  makeProject,
  shell,
  writeConfig,
  type TestProject,
} from './support/containerProject.ts';
import { never, realEngine } from './support/docker.ts';

const execute = promisify(execFile);
const options = { progress: silentProgress, signal: never };
const engine = realEngine();

async function docker(...args: string[]): Promise<string[]> {
  return (await execute('docker', args)).stdout.split('\n').filter((line) => line !== '');
}

/** Projects whose images all have a label of their own, so that no other image of this machine counts. */
class Lab {
  readonly mark = randomUUID();
  readonly #projects: TestProject[] = [];
  readonly #beside: Project[] = [];
  readonly #named: string[] = [];

  /** @param last the Dockerfile's last line, of two stages before which something takes long */
  dockerfile(last: string, base = 'debian:bookworm'): string {
    const label = `LABEL switchyard.test=${this.mark}`;
    return [
      ...[`FROM debian:bookworm AS tools`, label, 'RUN cat /proc/sys/kernel/random/uuid > /tool'],
      ...[`FROM ${base}`, label, 'RUN cat /proc/sys/kernel/random/uuid > /slow'],
      ...['COPY --from=tools /tool /tool', last, ''],
    ].join('\n');
  }

  async project(dockerfile: string): Promise<TestProject> {
    const made = await makeProject({
      config: { build: { dockerfile: 'Dockerfile' }, features: { './feature': {} } },
      dockerfile,
    });
    this.#projects.push(made);
    const feature = path.join(made.project.folder, '.devcontainer', 'feature');
    await mkdir(feature);
    const about = { id: 'feature', version: '1.0.0', name: made.project.id };
    await writeFile(path.join(feature, 'devcontainer-feature.json'), JSON.stringify(about));
    await writeFile(path.join(feature, 'install.sh'), '#!/bin/sh\necho installed > /feature\n');
    return made;
  }

  /** A project as one that another one's storage stands beside. */
  beside(one: TestProject, { project }: TestProject): Project {
    const beside = { ...project, storage: path.join(path.dirname(one.project.storage), 'other') };
    this.#beside.push(beside);
    return beside;
  }

  async configure({ project }: TestProject, config: object): Promise<void> {
    await writeConfig(path.join(project.folder, '.devcontainer', 'devcontainer.json'), config);
  }

  async change({ project }: TestProject, dockerfile: string): Promise<void> {
    await writeFile(path.join(project.folder, '.devcontainer', 'Dockerfile'), dockerfile);
  }

  async name(id: string, name: string): Promise<void> {
    this.#named.push(name);
    await docker('tag', id, name);
  }

  /** What a person builds by hand. */
  async build(name: string, dockerfile: string): Promise<string> {
    this.#named.push(name);
    const building = execute('docker', ['build', '--tag', name, '-']);
    building.child.stdin?.end(`${dockerfile}\nLABEL switchyard.test=${this.mark}\n`);
    await building;
    return this.id(name);
  }

  async id(name: string): Promise<string> {
    return (await docker('image', 'inspect', '--format', '{{.Id}}', name))[0] ?? '';
  }

  /** All images of the test, or those of them without a name and without an image made of them. */
  async images(...only: readonly string[]): Promise<string[]> {
    const filter = `label=switchyard.test=${this.mark}`;
    const ids = await docker('images', '--quiet', '--no-trunc', '--filter', filter, ...only);
    return [...new Set(ids)].toSorted();
  }

  all(): Promise<string[]> {
    return this.images('--all');
  }

  nameless(): Promise<string[]> {
    return this.images('--filter', 'dangling=true');
  }

  async end(): Promise<void> {
    const left = [...this.#named];
    for (const project of this.#beside) left.push(...(await onRecord(project, 'vm')));
    for (const { environment, project, remove } of this.#projects) {
      await vmImage(project).remove();
      await environment.destroy(options);
      for (const kind of guestKinds) left.push(...(await onRecord(project, kind)));
      await remove();
    }
    left.push(...(await this.nameless()));
    for (const image of left) await docker('image', 'rm', '--force', image).catch(() => []);
  }
}

/** What could not go with a project's environment: it has a name, or it had one then. */
async function onRecord({ storage }: Project, kind: GuestKind): Promise<string[]> {
  const file = path.join(storage, `${kind}-images.json`);
  if (!existsSync(file)) return [];
  const engines = JSON.parse(await readFile(file, 'utf8')) as Record<string, { former: string[] }>;
  return Object.values(engines).flatMap(({ former }) => former);
}

/** The image of a project's VM, without a machine. */
function vmImage(project: Project): {
  make: (how?: OperationOptions) => Promise<string>;
  remove: () => Promise<void>;
} {
  const programs = { node: process.execPath, cli: devcontainerProgram, docker: 'docker', env: {} };
  const devcontainer = new DevcontainerCli(programs, new ExecaRunner(silentLogger), silentLogger);
  const images = new ImageLedger(project, 'vm', { engine, log: silentLogger });
  return {
    make: async (how = options) => {
      const { id } = await buildProjectImage(project, { docker: engine, devcontainer, images }, how);
      await images.removeFormer(never);
      return id;
    },
    remove: async () => {
      await removeProjectImage(project, engine, never);
      await images.removeAll(never);
    },
  };
}

const labs: Lab[] = [];
function newLab(): Lab {
  const lab = new Lab();
  labs.push(lab);
  return lab;
}
afterEach(async () => {
  for (const lab of labs.splice(0)) await lab.end();
});

describe('what was built for an environment', () => {
  it('is as much after a rebuild as before, and what took long is not done again', async () => {
    const lab = newLab();
    const one = await lab.project(lab.dockerfile('RUN echo one > /last'));
    const { environment, inspect } = one;
    const { connection } = await environment.open(options);
    const slow = await shell(connection, 'cat /slow /tool');
    const [all, nameless] = [await lab.all(), await lab.nameless()];
    const before = (await inspect())?.Image ?? '';
    expect(all).toContain(before);

    const same = await environment.rebuild(options);
    expect(same.start).toEqual({ how: 'create', warmCache: true });
    expect(await lab.all()).toEqual(all);

    await lab.change(one, lab.dockerfile('RUN echo two > /last'));
    const other = await environment.rebuild(options);
    expect(await shell(other.connection, 'cat /last /feature')).toBe('two\ninstalled');
    expect(await shell(other.connection, 'cat /slow /tool')).toBe(slow);
    expect(await lab.all()).not.toContain(before);
    expect(await lab.all()).toHaveLength(all.length);
    expect(await lab.nameless()).toHaveLength(nameless.length);

    await environment.destroy(options);
    expect(await lab.all()).toEqual([]);
  });

  it('is so with a compose file, for each of its services', async () => {
    const lab = newLab();
    const one = await lab.project(lab.dockerfile('RUN echo one > /last'));
    const folder = path.join(one.project.folder, '.devcontainer');
    const service = { build: '.', command: 'sleep infinity' };
    const helper = { build: 'helper', command: 'sleep infinity' };
    await mkdir(path.join(folder, 'helper'));
    const helperFile = (last: string): Promise<void> =>
      writeFile(path.join(folder, 'helper', 'Dockerfile'), lab.dockerfile(last));
    await helperFile('RUN echo helps > /last');
    const compose = JSON.stringify({ version: '3', services: { app: service, helper } });
    await writeFile(path.join(folder, 'compose.json'), compose);
    await lab.configure(one, { dockerComposeFile: 'compose.json', service: 'app', workspaceFolder: '/' });
    await one.environment.open(options);
    const all = await lab.all();
    await lab.change(one, lab.dockerfile('RUN echo two > /last'));
    await helperFile('RUN echo helps more > /last');
    const { connection } = await one.environment.rebuild(options);
    expect(await shell(connection, 'cat /last')).toBe('two');
    expect(await lab.all()).toHaveLength(all.length);
    expect(await lab.all()).not.toEqual(all);
    await one.environment.destroy(options);
    expect(await lab.all()).toEqual([]);
  });

  it('is the cache of the next build where it failed, and goes once that went well', async () => {
    const lab = newLab();
    const one = await lab.project(lab.dockerfile('RUN echo one > /last'));
    await one.environment.open(options);
    const all = await lab.all();
    const failing = lab.dockerfile('RUN cat /proc/sys/kernel/random/uuid > /half\nRUN exit 9');
    await lab.change(one, failing);
    await expect(one.environment.rebuild(options)).rejects.toMatchObject({ code: 'image.buildFailed' });
    const half = (await lab.all()).filter((id) => !all.includes(id));
    expect(half).toHaveLength(1);
    await expect(one.environment.rebuild(options)).rejects.toMatchObject({ code: 'image.buildFailed' });
    expect((await lab.all()).filter((id) => !all.includes(id))).toEqual(half);

    await lab.change(one, lab.dockerfile('RUN echo two > /last'));
    await one.environment.rebuild(options);
    expect(await lab.all()).toHaveLength(all.length);
    expect(await lab.all()).not.toContain(half[0]);
    await lab.change(one, failing);
    await expect(one.environment.rebuild(options)).rejects.toMatchObject({ code: 'image.buildFailed' });
    await one.environment.destroy(options);
    expect(await lab.all()).toEqual([]);
  });

  it('goes too where the build was cancelled', async () => {
    const lab = newLab();
    const one = await lab.project(lab.dockerfile('RUN echo one > /last'));
    const vm = vmImage(one.project);
    await vm.make();
    const all = await lab.all();
    await lab.change(one, lab.dockerfile('RUN echo half > /half\nRUN sleep 600'));
    const cancel = new AbortController();
    let sleeps = false;
    const line = (text: string): void => {
      sleeps ||= text.endsWith('RUN sleep 600');
      if (sleeps && text.includes('Running in')) cancel.abort();
    };
    const building = vm.make({ progress: { ...silentProgress, line }, signal: cancel.signal });
    await expect(building).rejects.toThrow();
    expect(cancel.signal.aborted).toBe(true);
    expect(await lab.all()).toHaveLength(all.length + 1);
    await lab.change(one, lab.dockerfile('RUN echo two > /last'));
    await vm.make();
    expect(await lab.all()).toHaveLength(all.length);
    expect(await docker('ps', '--all', '--quiet', '--filter', `label=switchyard.test=${lab.mark}`)).toEqual(
      [],
    );
  });

  it('stays as long as the other kind has need of it', async () => {
    const lab = newLab();
    const one = await lab.project(lab.dockerfile('RUN echo one > /last'));
    const vm = vmImage(one.project);
    await one.environment.open(options);
    const first = await vm.make();
    const both = await lab.all();
    await lab.change(one, lab.dockerfile('RUN echo two > /last'));
    await one.environment.rebuild(options);
    expect(await lab.all()).toEqual(expect.arrayContaining([first]));
    expect(await docker('run', '--rm', first, 'cat', '/last', '/feature')).toEqual(['one', 'installed']);

    // Back to what the VM is made of: its cache is whole.
    await lab.change(one, lab.dockerfile('RUN echo one > /last'));
    expect(await vm.make()).toBe(first);
    await one.environment.destroy(options);
    expect(await vm.make()).toBe(first);
    expect(both).toEqual(expect.arrayContaining(await lab.all()));

    await lab.change(one, lab.dockerfile('RUN echo three > /last'));
    expect(await vm.make()).not.toBe(first);
    expect(await lab.all()).not.toContain(first);
    await vm.remove();
    expect(await lab.all()).toEqual([]);
  });

  it('stays as long as another project finds its cache there', async () => {
    const lab = newLab();
    const [one, other] = [await lab.project(lab.dockerfile('')), await lab.project(lab.dockerfile(''))];
    const beside = lab.beside(one, other);
    await vmImage(one.project).make();
    const image = await vmImage(beside).make();
    await lab.change(one, lab.dockerfile('').replace('AS tools', 'AS tools\nRUN echo changed > /changed'));
    await vmImage(one.project).make();
    await vmImage(one.project).remove();
    // What the features of a project are copied from keeps its name, which is the same for all of them.
    const content = await lab.id('dev_container_feature_content_temp');
    expect(await vmImage(beside).make()).toBe(image);
    expect(await docker('images', '--quiet', '--no-trunc')).not.toContain(content);
    await vmImage(beside).remove();
    expect(await lab.all()).toEqual([]);
  });

  it('stays where a person gave it a name or made a container of it', async () => {
    const lab = newLab();
    const one = await lab.project(lab.dockerfile('RUN echo one > /last'));
    const vm = vmImage(one.project);
    const named = await vm.make();
    await lab.name(named, `switchyard-test-${lab.mark}:kept`);
    await lab.change(one, lab.dockerfile('RUN echo two > /last'));
    const used = await vm.make();
    const [container = ''] = await docker('create', used);
    try {
      await lab.change(one, lab.dockerfile('RUN echo three > /last'));
      await vm.make();
      await vm.remove();
      expect(await lab.all()).toEqual(expect.arrayContaining([named, used]));
      expect(await lab.id(`switchyard-test-${lab.mark}:kept`)).toBe(named);
    } finally {
      await docker('rm', container);
    }
    // What could not go is tried again.
    await vm.remove();
    expect(await lab.all()).not.toContain(used);
    expect(await lab.all()).toContain(named);
  });

  it('is never what a person built and a Dockerfile begins with, also once that has no name', async () => {
    const lab = newLab();
    const name = `switchyard-test-${lab.mark}:base`;
    const old = await lab.build(name, 'FROM debian:bookworm\nRUN echo old > /base');
    // Without a step of its own the image is that very one.
    const [plain, more] = [
      await lab.project(`FROM ${name}\n`),
      await lab.project(lab.dockerfile('RUN echo last > /last', name)),
    ];
    await rm(path.join(plain.project.folder, '.devcontainer', 'feature'), { recursive: true });
    await lab.configure(plain, { build: { dockerfile: 'Dockerfile' } });
    expect(await vmImage(plain.project).make()).toBe(old);
    await vmImage(more.project).make();
    await more.environment.open(options);
    await lab.build(name, 'FROM debian:bookworm\nRUN echo new > /base');
    for (const { project } of [plain, more]) await vmImage(project).make();
    await more.environment.rebuild(options);
    for (const { project } of [plain, more]) await vmImage(project).remove();
    await more.environment.destroy(options);
    expect(await lab.nameless()).toEqual([old]);
  });

  it.each(['container', 'vm'])('leaves a person’s image too where a %s is destroyed', async (kind) => {
    const lab = newLab();
    const name = `switchyard-test-${lab.mark}:base`;
    const old = await lab.build(name, 'FROM debian:bookworm\nRUN echo old > /base');
    // One stage, on which nothing else stands.
    const one = await lab.project(`FROM ${name}\nRUN echo last > /last\n`);
    await lab.configure(one, { build: { dockerfile: 'Dockerfile' } });
    const vm = vmImage(one.project);
    await (kind === 'vm' ? vm.make() : one.environment.open(options));
    await lab.build(name, 'FROM debian:bookworm\nRUN echo new > /base');
    await (kind === 'vm' ? vm.remove() : one.environment.destroy(options));
    expect(await lab.nameless()).toEqual([old]);
  });
});
