import { mkdtemp, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { silentLogger } from '../../src/base/log.ts';
import { SshBook } from '../../src/ssh/config/sshBook.ts';
import { Doors } from '../../src/ssh/doors.ts';
import { collectProgress, makeProject, type TestProject } from '../engines/support/containerProject.ts';
import { never } from '../engines/support/docker.ts';
import { Client, succeed } from './support/client.ts';
import { buildProxy } from './support/door.ts';

/** From a project's environment to `ssh <alias>`, as the commands of the editor go. */
describe("a project's container as an SSH host", () => {
  let proxy: string;
  let home: string;
  let made: TestProject;
  let book: SshBook;
  let doors: Doors;
  beforeAll(async () => {
    proxy = await buildProxy();
    home = await mkdtemp(path.join(os.tmpdir(), 'sy-home-'));
    made = await makeProject({
      name: 'My API',
      config: {
        image: 'debian:bookworm',
        containerEnv: { FROM_CONTAINER: 'one' },
        remoteEnv: { FROM_REMOTE: 'two words' },
      },
    });
    book = new SshBook(home, silentLogger);
    doors = new Doors(book, {
      node: process.execPath,
      script: path.join(proxy, 'ssh', 'proxy.cjs'),
      env: { ELECTRON_RUN_AS_NODE: '1' },
    });
  });
  afterAll(async () => {
    await made.remove();
    await rm(home, { recursive: true });
    await rm(proxy, { recursive: true });
  });

  const options = { progress: collectProgress(), signal: never };
  const ssh = (...args: readonly string[]): Promise<string> =>
    succeed('ssh', ['-F', book.configFile, ...args]);

  it('is one, as the remote user with the environment of the config', async () => {
    await made.environment.open(options);
    const access = await made.environment.access?.(never);
    if (!access) throw new Error('It has no way in.');
    const entry = await doors.open(made.environment, access, { start: true });
    expect(entry).toMatchObject({
      alias: 'switchyard-my-api-container',
      workspaceFolder: '/workspaces/My API',
    });
    expect(await ssh(entry.alias, 'id -un; echo "$FROM_CONTAINER $FROM_REMOTE"')).toBe(
      'root\none two words\n',
    );
    expect(await ssh(entry.alias, `ls -A '${entry.workspaceFolder}'`)).toBe('.devcontainer\n');
    expect(await readFile(path.join(home, 'config'), 'utf8')).toBe('Include switchyard/config\n');
  });

  it('stays one when the container is made anew, and when it is stopped', async () => {
    const before = (await made.inspect())?.Id;
    await made.environment.rebuild(options);
    expect((await made.inspect())?.Id).not.toBe(before);
    expect(await ssh('switchyard-my-api-container', 'echo anew')).toBe('anew\n');
    await made.environment.stop(options);
    expect(await ssh('switchyard-my-api-container', 'echo started')).toBe('started\n');
  });

  it('says so once it is destroyed', async () => {
    await made.environment.destroy(options);
    const { code, stderr } = await new Client(
      'ssh',
      ['-F', book.configFile, 'switchyard-my-api-container', 'true'],
      {
        input: '',
      },
    ).ended;
    expect(code).toBe(255);
    expect(stderr).toContain('Container of My API: It does not exist. Open it in the editor first.');
  });
});
