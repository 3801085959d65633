import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pollUntil } from '../../src/base/abort.ts';
import { silentLogger } from '../../src/base/log.ts';
import { DockerConnection } from '../../src/connections/dockerConnection.ts';
import { run } from '../../src/connections/run.ts';
import { DockerEngine } from '../../src/engines/docker.ts';
import { silentProgress } from '../../src/base/progress.ts';
import { makeProject, realProvider } from './support/containerProject.ts';
import { never, realEngine, removeContainer, startContainer } from './support/docker.ts';
import { knownKey, sshOf, type Client } from './support/sshClient.ts';
import { SshServer } from './support/sshServer.ts';

describe('an engine on another computer', () => {
  const local = realEngine();
  let server: SshServer;
  let folder: string;
  let containerId: string;
  const engines: DockerEngine[] = [];
  /** What the docker command line needs to find the ssh of an engine. */
  const engineEnv = new Map<DockerEngine, Readonly<Record<string, string>>>();

  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'switchyard-remote-'));
    [server, containerId] = await Promise.all([SshServer.start(), startContainer(local)]);
  });
  afterAll(async () => {
    for (const engine of engines) engine.dispose();
    await removeContainer(local, containerId);
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  });

  function engineOver(client: Client = {}): DockerEngine {
    const env = { PATH: sshOf(server, path.join(folder, String(engines.length)), client) };
    const engine = new DockerEngine(
      {
        program: 'docker',
        endpoint: `ssh://root@127.0.0.1:${server.port}`,
        env: { ...process.env, ...env, SSH_AUTH_SOCK: undefined },
      },
      silentLogger,
    );
    engines.push(engine);
    engineEnv.set(engine, env);
    return engine;
  }

  const ask = (engine: DockerEngine): Promise<unknown> =>
    engine.ask('No answer.', (docker) => docker.getContainer(containerId).inspect(), { signal: never });

  it('answers calls, runs programs with binary streams, and leaves no ssh when it is no longer used', async () => {
    const engine = engineOver();
    expect(await ask(engine)).toMatchObject({ Id: containerId, State: { Running: true } });
    const target = { containerId, user: 'root', env: {}, cwd: '/' };
    const connection = new DockerConnection(engine, target, silentLogger);
    const data = randomBytes(8 * 2 ** 20);
    const { stdout, code } = await run(connection, { argv: ['sha256sum'], input: data }, never);
    expect(stdout.toString().split(' ')[0]).toBe(createHash('sha256').update(data).digest('hex'));
    expect(code).toBe(0);
    const failed = await run(connection, { argv: ['sh', '-c', 'echo oh >&2; exit 7'] }, never);
    expect([failed.code, failed.stderr.toString()]).toEqual([7, 'oh\n']);
    expect(dials()).toBeGreaterThan(0);
    connection.dispose();
    engine.dispose();
    const gone = await pollUntil(() => Promise.resolve(dials() === 0 ? true : undefined), {
      everyMs: 20,
      timeoutMs: 10_000,
      signal: never,
    });
    expect(gone).toBe(true);
  });

  it('has a project whose workspace is brought there and kept the same, not mounted', async () => {
    const engine = engineOver();
    const provider = realProvider({ engine, env: engineEnv.get(engine) ?? {} });
    const test = await makeProject({
      config: { image: 'debian:bookworm', onCreateCommand: 'cat hello.txt > /tmp/seen' },
      provider,
    });
    try {
      await writeFile(path.join(test.project.folder, 'hello.txt'), 'from the host');
      const { connection, problem } = await test.environment.open({
        progress: silentProgress,
        signal: never,
      });
      expect(problem).toBeUndefined();
      expect((await test.inspect())?.Mounts).toEqual([]);
      const seen = await run(connection, { argv: ['cat', '/tmp/seen'] }, never);
      expect(seen.stdout.toString()).toBe('from the host');
      const write = await run(
        connection,
        { argv: ['sh', '-c', 'echo back > /workspaces/project/made.txt'] },
        never,
      );
      expect(write.code).toBe(0);
      await test.environment.syncNow({ progress: silentProgress, signal: never });
      expect(await readFile(path.join(test.project.folder, 'made.txt'), 'utf8')).toBe('back\n');
    } finally {
      await test.remove();
      provider.dispose();
    }
  });

  it('is refused where its host key changed, with the fingerprint that it has now', async () => {
    // The client's own key, as that of a host that is somebody else's.
    const engine = engineOver({ known: knownKey(server, 'client') });
    const line = execFileSync('ssh-keygen', ['-lf', path.join(server.folder, 'host.pub')], {
      encoding: 'utf8',
    });
    const error: unknown = await ask(engine).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'ssh.hostKey', what: 'No answer.' });
    expect(String(error)).toContain(line.split(' ')[1]);
  });

  it('is not taken for known before a person knows it', async () => {
    await expect(ask(engineOver({ known: '' }))).rejects.toMatchObject({ code: 'ssh.hostKey' });
  });

  it('that lets nobody in says so', async () => {
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', path.join(folder, 'stranger')]);
    const engine = engineOver({ key: path.join(folder, 'stranger') });
    await expect(ask(engine)).rejects.toMatchObject({ code: 'docker.permission' });
  });

  /** Processes of ssh that this test's process started and that still run. */
  function dials(): number {
    const own = String(process.pid);
    return readdirSync('/proc').filter((entry) => {
      if (!/^\d+$/.test(entry)) return false;
      try {
        const stat = readFileSync(`/proc/${entry}/stat`, 'utf8');
        const [, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
        return parent === own && readFileSync(`/proc/${entry}/cmdline`, 'utf8').includes('dial-stdio');
      } catch {
        // It ended while it was looked at.
        return false;
      }
    }).length;
  }
});
