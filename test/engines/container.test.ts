import { execFile } from 'node:child_process';
import { appendFile, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { pollUntil } from '../../src/base/abort.ts';
import { buildLabel } from '../../src/environments/buildLabel.ts';
import type { EnvironmentStatus } from '../../src/environments/environment.ts';
import {
  collectProgress,
  makeProject,
  realProvider,
  sample,
  shell,
  writeConfig,
  type TestProject,
} from './support/containerProject.ts';
import { run } from '../../src/connections/run.ts';
import { never, realEngine } from './support/docker.ts';

const execute = promisify(execFile);
const made: TestProject[] = [];
async function make(options: Parameters<typeof makeProject>[0]): Promise<TestProject> {
  const one = await makeProject(options);
  made.push(one);
  return one;
}
afterEach(async () => {
  for (const one of made.splice(0)) await one.remove();
});

const plain = { image: 'debian:bookworm' };
const quietly = (): { progress: ReturnType<typeof collectProgress>; signal: AbortSignal } => ({
  progress: collectProgress(),
  signal: never,
});

async function eventually<T>(ask: () => Promise<T | undefined>): Promise<T> {
  const answer = await pollUntil(ask, { everyMs: 50, timeoutMs: 30_000, signal: never });
  if (answer === undefined) throw new Error('It did not come to pass.');
  return answer;
}

async function imageNames(prefix: string): Promise<string[]> {
  const images = await realEngine().ask('x', (docker) => docker.listImages(), { signal: never });
  return images.flatMap(({ RepoTags }) => RepoTags ?? []).filter((tag) => tag.startsWith(prefix));
}

async function imageIds(): Promise<string[]> {
  const images = await realEngine().ask('x', (docker) => docker.listImages(), { signal: never });
  return images.map(({ Id }) => Id);
}

/** A package for dpkg that needs no network. */
const control = [
  ...['Package: extra', 'Version: 1', 'Architecture: all', 'Maintainer: Test <test@example.org>'],
  ...['Description: a package', ''],
].join('\n');

describe('the sample', () => {
  it('goes through every verb, and what runs is what the config says', async () => {
    const { environment, project, inspect } = await make({ from: sample, name: 'sample' });
    const states: string[] = [];
    environment.onDidChangeStatus(({ state }) => {
      if (state !== states.at(-1)) states.push(state);
    });
    expect((await environment.refresh(never)).state).toBe('absent');

    const opened = await environment.open(quietly());
    expect(opened.problem).toBeUndefined();
    expect(await opened.hooks).toBeUndefined();
    expect(opened.start).toMatchObject({ how: 'create' });
    expect(await shell(opened.connection, 'id -un; pwd; hello | cut -d" " -f1-2; cat ~/created.txt')).toMatch(
      /^dev\n\/workspaces\/sample\nHello, dev\ncreated by dev on /,
    );
    expect(
      await shell(
        opened.connection,
        'echo $SAMPLE_GREETING, $SAMPLE_CONTAINER, $SAMPLE_FEATURE, $SAMPLE_PLACE',
      ),
    ).toBe('Hello from the same image, from containerEnv, from the feature, sample');

    const container = await inspect();
    expect(container?.Config.Image).toMatch(/^vsc-sample-/);
    expect(container?.Mounts).toMatchObject([
      { Type: 'bind', Source: project.folder, Destination: '/workspaces/sample', RW: true },
    ]);
    expect(JSON.parse(container?.Config.Labels['devcontainer.metadata'] ?? '')).toEqual(
      expect.arrayContaining([expect.objectContaining({ remoteUser: 'dev' })]),
    );

    await shell(opened.connection, 'echo from inside > made.txt; mkdir -p d/e; echo x > d/e/f');
    expect(await readFile(path.join(project.folder, 'made.txt'), 'utf8')).toBe('from inside\n');
    await appendFile(path.join(project.folder, 'README.md'), 'from the host\n');
    expect(await shell(opened.connection, 'tail -1 README.md; echo and back >> README.md')).toBe(
      'from the host',
    );

    const again = await environment.open(quietly());
    expect(again.start).toBeUndefined();
    expect(again.connection).toBe(opened.connection);

    await environment.stop(quietly());
    expect(environment.status.state).toBe('stopped');
    expect((await inspect())?.State.Running).toBe(false);
    const started = await environment.open(quietly());
    expect(started.start).toEqual({ how: 'start', warmCache: true });
    await started.hooks;
    expect(await shell(started.connection, 'cat started.log | wc -l; cat ~/created.txt | wc -l')).toBe(
      '2\n1',
    );

    await environment.suspend(quietly());
    expect(environment.status.state).toBe('suspended');
    expect((await inspect())?.State.Paused).toBe(true);
    expect((await environment.open(quietly())).start).toEqual({ how: 'resume', warmCache: true });
    expect((await inspect())?.State.Paused).toBe(false);

    const name = container?.Config.Image ?? '';
    await environment.destroy(quietly());
    expect(environment.status.state).toBe('absent');
    expect(await inspect()).toBeUndefined();
    expect(await imageNames(name.replace(/-uid$/, ''))).toEqual([]);
    expect(states).toEqual([
      ...['absent', 'creating', 'running', 'stopping', 'stopped', 'starting', 'running'],
      ...['suspending', 'suspended', 'starting', 'running', 'removing', 'absent'],
    ]);
  });

  it('runs as `docker inspect` says that the config says', async () => {
    const { environment, project } = await make({
      config: {
        build: { dockerfile: 'Dockerfile' },
        containerUser: 'dev',
        runArgs: ['--cpus', '1.5', '--memory', '256m'],
        mounts: ['type=tmpfs,target=/scratch'],
      },
      dockerfile: 'FROM debian:bookworm\nRUN useradd -m dev\n',
    });
    await environment.open(quietly());
    const ask = async (...args: readonly string[]): Promise<string> =>
      (await promisify(execFile)('docker', [...args])).stdout.trim();
    const id = await ask('ps', '-q', '--filter', `label=devcontainer.local_folder=${project.folder}`);
    const [said] = JSON.parse(await ask('inspect', id)) as [Record<string, unknown>];
    expect(said).toMatchObject({
      Config: { User: 'dev', Image: expect.stringMatching(/^vsc-project-[0-9a-f]{64}/) as string },
      HostConfig: { NanoCpus: 1.5e9, Memory: 256 * 2 ** 20 },
      Mounts: expect.arrayContaining([
        expect.objectContaining({ Type: 'bind', Source: project.folder, Destination: '/workspaces/project' }),
        expect.objectContaining({ Type: 'tmpfs', Destination: '/scratch' }),
      ]) as unknown[],
    });
  });

  it('tells figures and isolation as the engine does', async () => {
    const { environment, inspect } = await make({
      config: {
        ...plain,
        runArgs: ['--cpus', '1.5', '--memory', '256m'],
        forwardPorts: [3000, 'db:5432'],
        hostRequirements: { cpus: 1, memory: '9tb' },
      },
    });
    await environment.open(quietly());
    expect((await inspect())?.HostConfig).toMatchObject({ NanoCpus: 1.5e9, Memory: 256 * 2 ** 20 });
    await environment.usage(never);
    const usage = await eventually(async () => {
      const sample = await environment.usage(never);
      return sample?.cpuPercent === undefined || sample.diskBaseBytes === undefined ? undefined : sample;
    });
    expect(usage).toMatchObject({ cpus: 1.5, memoryLimitBytes: 256 * 2 ** 20 });
    expect(usage.memoryBytes).toBeGreaterThan(0);
    expect(usage.diskBaseBytes).toBeGreaterThan(50e6);
    const details = await environment.details(never);
    expect(details).toMatchObject({
      image: 'debian:bookworm',
      workspaceFolder: '/workspaces/project',
      isolation: { kernel: 'shared', acceleration: undefined },
      ports: {
        forward: [
          { host: undefined, port: 3000, localPort: 3000 },
          { host: 'db', port: 5432, localPort: 5432 },
        ],
      },
      ignored: [{ property: 'hostRequirements' }],
    });
    const { connection } = await environment.open(quietly());
    expect(await shell(connection, 'uname -r')).toBe(details.isolation?.kernelRelease);
  });
});

/** A folder with every program of the PATH but one. */
async function pathWithout(program: string): Promise<string> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'switchyard-path-'));
  const seen = new Set([program]);
  for (const source of (process.env['PATH'] ?? '').split(path.delimiter)) {
    for (const name of await readdir(source).catch(() => [])) {
      if (!seen.has(name)) await symlink(path.join(source, name), path.join(folder, name));
      seen.add(name);
    }
  }
  return folder;
}

describe.runIf(process.getuid?.() === 0)("a workspace that is root's", () => {
  const dockerfile = 'FROM debian:bookworm\nRUN useradd -m dev\n';
  const config = {
    build: { dockerfile: 'Dockerfile' },
    remoteUser: 'dev',
    postCreateCommand: 'echo hi > hook.txt',
  };

  it('can be written by the remote user, stays root’s, and private files stay private', async () => {
    const { environment, project } = await make({ dockerfile, config });
    const secret = path.join(project.folder, 'id_ed25519');
    await writeFile(secret, 'secret', { mode: 0o600 });
    await writeFile(path.join(project.folder, 'plain.txt'), 'x', { mode: 0o644 });
    await writeFile(path.join(project.folder, 'tool.sh'), 'x', { mode: 0o755 });
    const { connection, problem } = await environment.open(quietly());
    expect(problem).toBeUndefined();
    expect(await shell(connection, 'echo y >> plain.txt; mkdir new; echo z > new/file; id -u')).toBe('1000');
    const file = await stat(path.join(project.folder, 'plain.txt'));
    expect(file.uid).toBe(0);
    expect(file.mode & 0o007).toBe(0o004);
    expect((await stat(path.join(project.folder, 'tool.sh'))).mode & 0o111).toBe(0o111);
    expect((await stat(secret)).mode & 0o777).toBe(0o600);
    await expect(shell(connection, 'cat id_ed25519')).rejects.toThrow('Permission denied');
    // What the host makes in between is let in at the next start.
    await writeFile(path.join(project.folder, 'later.txt'), 'x', { mode: 0o644 });
    await environment.stop(quietly());
    const again = await environment.open(quietly());
    expect(await shell(again.connection, 'echo y >> later.txt; cat later.txt')).toBe('xy');
  });

  it('by the group of the remote user where setfacl is nowhere', async () => {
    const { environment, project } = await make({ dockerfile, config });
    await writeFile(path.join(project.folder, 'plain.txt'), 'x', { mode: 0o644 });
    const programs = await pathWithout('setfacl');
    vi.stubEnv('PATH', programs);
    try {
      const { connection, problem } = await environment.open(quietly());
      expect(problem).toBeUndefined();
      expect((await stat(path.join(project.folder, 'plain.txt'))).gid).toBe(1000);
      expect(await shell(connection, 'echo y >> plain.txt; cat plain.txt')).toBe('xy');
    } finally {
      vi.unstubAllEnvs();
      await rm(programs, { recursive: true });
    }
  });

  it('by an access control list where setfacl is at hand', async () => {
    const { environment, project } = await make({
      dockerfile: `${dockerfile}RUN apt-get update && apt-get install -y --no-install-recommends acl\n`,
      config,
    });
    await writeFile(path.join(project.folder, 'plain.txt'), 'x', { mode: 0o644 });
    const { connection, problem } = await environment.open(quietly());
    expect(problem).toBeUndefined();
    expect((await stat(path.join(project.folder, 'plain.txt'))).gid).toBe(0);
    // The default entries hold for what the host makes later, at once.
    await writeFile(path.join(project.folder, 'later.txt'), 'x');
    expect(await shell(connection, 'echo y >> plain.txt; echo y >> later.txt; cat later.txt')).toBe('xy');
  });
});

describe('a change of the config', () => {
  it('is noticed, and a rebuild applies it', async () => {
    const { environment, project, inspect } = await make({
      config: { build: { dockerfile: 'Dockerfile' } },
      dockerfile: 'FROM debian:bookworm\nRUN echo one > /version\n',
    });
    const before = await environment.open(quietly());
    expect(await shell(before.connection, 'cat /version; touch /marker')).toBe('one');
    expect((await environment.refresh(never)).drifted).toBe(false);
    const dockerfile = path.join(project.folder, '.devcontainer', 'Dockerfile');
    await writeFile(dockerfile, 'FROM debian:bookworm\nRUN echo two > /version\n');
    expect((await environment.refresh(never)).drifted).toBe(true);
    const replaced = (await inspect())?.Image ?? '';
    const after = await environment.rebuild(quietly());
    expect(after.start).toMatchObject({ how: 'create', warmCache: false });
    expect(await shell(after.connection, 'cat /version; ls /marker || true')).toBe('two');
    expect(environment.status.drifted).toBe(false);
    expect((await inspect())?.Image).not.toBe(replaced);
    expect(await imageIds()).not.toContain(replaced);
  });

  it('that adds a package and a file brings both into the container', async () => {
    const { environment, project } = await make({
      config: { build: { dockerfile: 'Dockerfile' } },
      dockerfile: 'FROM debian:bookworm\n',
    });
    const status = "dpkg-query --show --showformat='${Status}' extra 2>&1; cat /etc/extra || true";
    const before = await environment.open(quietly());
    expect(await shell(before.connection, `${status} 2>/dev/null`)).toContain('no packages found');
    const folder = path.join(project.folder, '.devcontainer');
    await writeFile(path.join(folder, 'extra'), 'a file');
    await writeFile(path.join(folder, 'control'), control);
    await writeFile(
      path.join(folder, 'Dockerfile'),
      [
        'FROM debian:bookworm',
        'COPY control /package/DEBIAN/control',
        'COPY extra /etc/extra',
        'RUN dpkg-deb --build /package /extra.deb && dpkg --install /extra.deb',
        '',
      ].join('\n'),
    );
    const after = await environment.rebuild(quietly());
    expect(await shell(after.connection, status)).toBe('install ok installeda file');
  });

  it('that fails to build leaves the old container as it is', async () => {
    const { environment, project, inspect } = await make({
      config: { build: { dockerfile: 'Dockerfile' } },
      dockerfile: 'FROM debian:bookworm\nRUN echo one > /version\n',
    });
    await environment.open(quietly());
    const before = (await inspect())?.Id;
    const dockerfile = path.join(project.folder, '.devcontainer', 'Dockerfile');
    await writeFile(dockerfile, 'FROM debian:bookworm\nRUN echo broken; exit 9\n');
    await expect(environment.rebuild(quietly())).rejects.toMatchObject({ code: 'image.buildFailed' });
    expect((await inspect())?.Id).toBe(before);
    expect(environment.status).toMatchObject({ state: 'running', drifted: true });
  });
});

describe('names', () => {
  it.each(['it\'s  a "test"', '$HOME `id` $(id)', 'ünï ćödé 日本'])(
    'like %s are no trouble',
    async (name) => {
      const { environment, project } = await make({
        name,
        config: { ...plain, postCreateCommand: 'pwd > where.txt' },
      });
      const { connection, workspaceFolder, hooks } = await environment.open(quietly());
      expect(await hooks).toBeUndefined();
      expect(path.posix.basename(workspaceFolder)).toBe(name);
      expect(await shell(connection, 'pwd; cat where.txt')).toBe(`${workspaceFolder}\n${workspaceFolder}`);
      expect(await readFile(path.join(project.folder, 'where.txt'), 'utf8')).toBe(`${workspaceFolder}\n`);
    },
  );

  it('that two projects share do not mix them up', async () => {
    const one = await make({ name: 'same', config: plain });
    const other = await make({ name: 'same', config: plain });
    const [first, second] = [await one.environment.open(quietly()), await other.environment.open(quietly())];
    await shell(first.connection, 'echo first > who');
    expect(await shell(second.connection, 'ls -A')).toBe('.devcontainer');
    expect((await one.inspect())?.Id).not.toBe((await other.inspect())?.Id);
    await one.environment.destroy(quietly());
    expect((await other.environment.refresh(never)).state).toBe('running');
  });
});

describe('a terminal', () => {
  const dockerfile = 'FROM debian:bookworm\nRUN useradd -m -s /bin/bash dev\n';
  const config = { build: { dockerfile: 'Dockerfile' }, remoteUser: 'dev' };

  it('has the shell that was held, with what its user has and set up by then', async () => {
    const { environment } = await make({ dockerfile, config });
    const { connection, shell: open, workspaceFolder } = await environment.open(quietly());
    const line = async (text: string): Promise<string> => {
      const terminal = await open({ columns: 101, rows: 31 }, never);
      let seen = '';
      terminal.stdout.on('data', (chunk: Buffer) => (seen += chunk.toString()));
      terminal.stdin.write(`${text}; exit\n`);
      await terminal.exit;
      return seen;
    };
    expect(await line('echo "<$(id -un) $(pwd) $TERM>"')).toContain(
      `<dev ${workspaceFolder} xterm-256color>`,
    );
    // The next one is held by now, or will be in a moment.
    await shell(connection, "echo 'NEW=fresh' >> ~/.bashrc");
    const { code } = await run(
      connection,
      { argv: ['/sbin/usermod', '-aG', 'games', 'dev'], user: 'root' },
      never,
    );
    expect(code).toBe(0);
    const seen = await line('echo "<$NEW $(id -Gn) $(stty size)>"');
    expect(seen).toContain('<fresh dev games 31 101>');
  });
});

describe('the person’s dotfiles', () => {
  const program = 'echo dotfiles >> ~/order; cp .greeting ~/greeting';
  const dockerfile = `FROM debian:bookworm
RUN apt-get update && apt-get install -y --no-install-recommends rsync git openssh-client && rm -rf /var/lib/apt/lists/*
RUN useradd --create-home dev && mkdir /srv/mine && chown dev: /srv/mine
USER dev
RUN cd /srv/mine && git init --quiet && echo hello > .greeting && echo '${program}' > install.sh \\
 && git add . && git -c user.name=dev -c user.email=dev@example.org commit --quiet --message first
`;
  const provider = realProvider({
    dotfiles: { repository: '/srv/mine', targetPath: '~/mine', installCommand: '' },
  });
  afterAll(() => provider.dispose());

  it('come from their repository once, after the creation’s hooks and before the start’s', async () => {
    const { environment } = await make({
      provider,
      dockerfile,
      config: {
        build: { dockerfile: 'Dockerfile' },
        remoteUser: 'dev',
        postCreateCommand: 'echo postCreate >> ~/order',
        postStartCommand: 'echo postStart >> ~/order',
      },
    });
    const first = await environment.open(quietly());
    expect(await first.hooks).toBeUndefined();
    const seen = 'cat ~/order ~/greeting && git -C ~/mine log --format=%s';
    expect(await shell(first.connection, seen)).toBe('postCreate\ndotfiles\npostStart\nhello\nfirst');
    await environment.stop(quietly());
    const again = await environment.open(quietly());
    expect(await again.hooks).toBeUndefined();
    expect(await shell(again.connection, 'cat ~/order')).toBe('postCreate\ndotfiles\npostStart\npostStart');
  });
});

describe('the secrets of a project', () => {
  const asked: string[][] = [];
  const provider = realProvider({
    secrets: (_project, declared) => {
      asked.push(declared.map(({ name }) => name));
      return Promise.resolve({ TOKEN: "it's $secret" });
    },
  });
  afterAll(() => provider.dispose());

  it('are there for its hooks, and for nobody else', async () => {
    const { environment } = await make({
      provider,
      config: {
        ...plain,
        secrets: { TOKEN: { description: 'For the registry.' }, OTHER: {} },
        postCreateCommand: 'printf %s "$TOKEN" > ~/token; echo "got $TOKEN"',
      },
    });
    const { connection, hooks } = await environment.open(quietly());
    expect(await hooks).toBeUndefined();
    expect(asked.every((names) => names.join() === 'TOKEN,OTHER')).toBe(true);
    expect(await shell(connection, 'cat ~/token; echo ":$TOKEN"')).toBe("it's $secret:");
    // Nothing is due any more, so nothing is asked for.
    const before = asked.length;
    await environment.open(quietly());
    expect(asked).toHaveLength(before);
  });
});

describe('two windows on one project', () => {
  it('make one container between them, and run its hooks once', async () => {
    const one = await make({ config: { ...plain, postCreateCommand: 'echo once >> hooks.log' } });
    const other = one.provider.forProject(one.project);
    const [first, second] = await Promise.all([one.environment.open(quietly()), other.open(quietly())]);
    await Promise.all([first.hooks, second.hooks]);
    expect(await shell(first.connection, 'hostname')).toBe(await shell(second.connection, 'hostname'));
    expect(await shell(first.connection, 'cat hooks.log')).toBe('once');
    other.dispose();
  });
});

describe('what happens behind our back', () => {
  it('shows while somebody watches, and the next open mends it', async () => {
    const { environment, provider, inspect } = await make({ config: plain });
    await environment.open(quietly());
    const watch = provider.watch();
    const until = (state: EnvironmentStatus['state']): Promise<true> =>
      eventually(() => Promise.resolve(environment.status.state === state ? true : undefined));
    const container = async (): Promise<{
      kill(): Promise<unknown>;
      remove(o: object): Promise<unknown>;
    }> => {
      const id = (await inspect())?.Id ?? '';
      return realEngine()
        .ask('x', (docker) => Promise.resolve({ it: docker.getContainer(id) }), {
          signal: never,
        })
        .then(({ it }) => it);
    };
    await (await container()).kill();
    await until('stopped');
    await environment.open(quietly());
    await until('running');
    await (await container()).remove({ force: true });
    await until('absent');
    const opened = await environment.open(quietly());
    expect(opened.start).toMatchObject({ how: 'create', warmCache: true });
    expect(await shell(opened.connection, 'echo alive')).toBe('alive');
    watch.dispose();
  });

  it('like a window that died in the middle leaves nothing half-made', async () => {
    const { environment, project, inspect } = await make({
      config: { ...plain, postCreateCommand: 'echo ran > ran' },
    });
    await environment.open(quietly());
    const before = (await inspect())?.Id;
    // As the file looks between the beginning of a creation and its end.
    await writeFile(path.join(project.storage, 'container.json'), '{"creating":true}');
    const opened = await environment.open(quietly());
    expect(opened.start).toMatchObject({ how: 'create' });
    expect((await inspect())?.Id).not.toBe(before);
  });

  it('like another tool that made the container is taken as it is', async () => {
    const { environment, project, inspect } = await make({
      config: { ...plain, remoteEnv: { X: '1' }, postCreateCommand: 'echo ran >> ran' },
    });
    await (
      await environment.open(quietly())
    ).hooks;
    const before = (await inspect())?.Id;
    await writeFile(path.join(project.storage, 'container.json'), '{}');
    await writeFile(path.join(project.storage, 'container-hooks.json'), '{}');
    const opened = await environment.open(quietly());
    expect((await inspect())?.Id).toBe(before);
    expect(await shell(opened.connection, 'cat ran; echo $X')).toBe('ran\n1');
  });
});

describe('other containers', () => {
  it('are listed and obey', async () => {
    const mine = await make({ config: plain });
    const foreign = await make({ config: plain, name: 'foreign' });
    await mine.environment.open(quietly());
    await foreign.environment.open(quietly());
    const id = (await foreign.inspect())?.Id ?? '';
    const own = (await mine.inspect())?.Id;
    const other = async (): Promise<unknown> => {
      const listed = await mine.provider.listOthers(never);
      expect(listed.some((one) => one.id === own)).toBe(false);
      return listed.find((one) => one.id === id)?.state;
    };
    expect(await other()).toBe('running');
    await mine.provider.actOnOther(id, 'suspend', quietly());
    expect(await other()).toBe('suspended');
    await mine.provider.actOnOther(id, 'start', quietly());
    expect(await other()).toBe('running');
    await mine.provider.actOnOther(id, 'stop', quietly());
    expect(await other()).toBe('stopped');
    await mine.provider.actOnOther(id, 'destroy', quietly());
    expect(await other()).toBeUndefined();
  });

  it('are none in which a box is being built', async () => {
    const { provider } = await make({ config: plain });
    const create = async (...label: string[]): Promise<string> =>
      (await execute('docker', ['create', ...label, 'debian:bookworm', 'true'])).stdout.trim();
    const ids = await Promise.all([create(), create('--label', `${buildLabel}=builder`)]);
    try {
      const listed = (await provider.listOthers(never)).map(({ id }) => id);
      expect(ids.map((id) => listed.includes(id))).toEqual([true, false]);
    } finally {
      await execute('docker', ['rm', ...ids]);
    }
  });
});

describe('a config that is written again', () => {
  it('counts at once where it is only about Switchyard', async () => {
    const { environment, project } = await make({ config: plain });
    await environment.open(quietly());
    const config = {
      ...plain,
      name: 'other',
      customizations: { switchyard: { container: { onLeave: 'stop' } } },
    };
    await writeConfig(project.configFile ?? '', config);
    expect((await environment.refresh(never)).drifted).toBe(false);
    await environment.leave(quietly());
    expect(environment.status.state).toBe('stopped');
  });
});
