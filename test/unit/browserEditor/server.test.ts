import { chmod, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { pollUntil } from '../../../src/base/abort.ts';
import { silentProgress } from '../../../src/base/progress.ts';
import { copyEditor, findLocalEditor } from '../../../src/browserEditor/copyEditor.ts';
import { findServer } from '../../../src/browserEditor/findServer.ts';
import { portIn, startServer } from '../../../src/browserEditor/startServer.ts';
import type { ExecRequest, RemoteProcess } from '../../../src/connections/connection.ts';
import { LocalConnection } from '../../engines/support/localConnection.ts';

const never = new AbortController().signal;
let folder: string;
let home: string;
let connection: LocalConnection;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'sy-editor-'));
  home = path.join(folder, 'home');
  await mkdir(path.join(folder, 'bin'));
  await mkdir(home);
  for (const name of [
    'sh',
    'cat',
    'rm',
    'mktemp',
    'readlink',
    'tar',
    'mkdir',
    'mv',
    'touch',
    'ls',
    'sleep',
  ]) {
    await symlink(`/bin/${name}`, path.join(folder, 'bin', name));
  }
  connection = new LocalConnection({ HOME: home, PATH: path.join(folder, 'bin'), TMPDIR: folder });
});
afterEach(async () => {
  connection.dispose();
  await rm(folder, { recursive: true });
});

/** A program of the guest, with the folders above it. */
async function program(name: string, script = 'exit 0'): Promise<string> {
  const file = path.join(folder, name);
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(file, `#!/bin/sh\n${script}\n`);
  await chmod(file, 0o755);
  return file;
}

/** An editor server that says on which port it listens, and keeps what it was told. */
const server = `
for last; do :; done
ls -l "$last" > "$TMPDIR/mode"; cat "$last" > "$TMPDIR/told"; pwd > "$TMPDIR/where"
echo 'Server bound to 127.0.0.1:43210 (IPv4)'; while :; do read -r x || exec sleep 60; done`;

describe('findServer', () => {
  it('finds none where there is none', async () => {
    expect(await findServer(connection, '', never)).toBeUndefined();
  });

  it('takes what the person chose, as a line of the shell', async () => {
    const found = await findServer(connection, 'code serve-web', never);
    expect(found).toEqual({ argv: ['/bin/sh', '-c', 'exec code serve-web "$@"', 'sh'], from: 'setting' });
  });

  it("finds the server of a code-server from its archive, with the archive's own Node", async () => {
    const entry = await program('opt/bin/code-server');
    await symlink(entry, path.join(folder, 'bin/code-server'));
    const node = await program('opt/lib/node');
    const main = await program('opt/lib/vscode/out/server-main.js');
    expect(await findServer(connection, '', never)).toEqual({ argv: [node, main], from: 'image' });
  });

  it('finds the server of a code-server from npm, with the Node that is there', async () => {
    const entry = await program('npm/code-server/out/node/entry.js');
    await symlink(entry, path.join(folder, 'bin/code-server'));
    const main = await program('npm/code-server/lib/vscode/out/server-main.js');
    const node = await program('bin/node');
    expect(await findServer(connection, '', never)).toEqual({ argv: [node, main], from: 'image' });
  });

  it('takes openvscode-server before all others', async () => {
    const found = await program('bin/openvscode-server');
    expect(await findServer(connection, '', never)).toEqual({ argv: [found], from: 'image' });
  });
});

describe('portIn', () => {
  it('reads the port of the lines that servers print', () => {
    expect(portIn('Server bound to 127.0.0.1:39787 (IPv4)')).toBe(39787);
    expect(portIn('Web UI available at http://localhost:8000?tkn=1234')).toBe(8000);
    expect(portIn('Web UI available at http://127.0.0.1:8000/?tkn=1')).toBe(8000);
    expect(portIn('[01:13:49] Started in 1234 ms')).toBeUndefined();
  });
});

describe('startServer', () => {
  it('gives the token in a file of its own user alone, and takes it away at the end', async () => {
    const argv = [await program('server', server)];
    const running = await startServer(
      connection,
      { argv, from: 'image' },
      { token: 'secret', cwd: home },
      never,
    );
    expect(running.port).toBe(43210);
    expect(await readFile(path.join(folder, 'told'), 'utf8')).toBe('secret');
    expect(await readFile(path.join(folder, 'mode'), 'utf8')).toMatch(/^-rw------- /);
    expect((await readFile(path.join(folder, 'where'), 'utf8')).trim()).toBe(home);
    running.dispose();
    await running.ended;
  });

  it('ends with its standard input, and its file too: the editor of a window that died does not stay', async () => {
    const argv = [await program('server', server)];
    const processes: RemoteProcess[] = [];
    const watched = Object.assign(Object.create(connection) as LocalConnection, {
      exec: async (request: ExecRequest) => {
        const process = await connection.exec(request);
        processes.push(process);
        return process;
      },
    });
    const running = await startServer(
      watched,
      { argv, from: 'image' },
      { token: 'secret', cwd: home },
      never,
    );
    processes[0]?.stdin.end();
    await running.ended;
    const gone = await pollUntil(
      async () => ((await readdir(folder)).some((name) => name.startsWith('switchyard-')) ? undefined : true),
      { everyMs: 20, timeoutMs: 10_000, signal: never },
    );
    expect(gone).toBe(true);
  });

  it('says what a server printed that does not come up', async () => {
    const argv = [await program('server', 'echo "cannot read the license" >&2; exit 3')];
    const starting = startServer(connection, { argv, from: 'image' }, { token: 't', cwd: home }, never);
    await expect(starting).rejects.toMatchObject({ code: 'editor.failed', why: 'cannot read the license' });
  });
});

describe('copyEditor', () => {
  it('copies what can run there, whole, and finds it again', async () => {
    const node = await program('local/lib/node', 'echo v24');
    await program('local/vscode/out/server-main.js');
    await writeFile(
      path.join(folder, 'local/vscode/product.json'),
      '{"version":"1.2.3","commit":"abc/../d"}',
    );
    const local = await findLocalEditor(node, path.join(folder, 'local/vscode'));
    expect(local?.version).toBe('1.2.3-abc..d');
    if (!local) return;
    const copied = await copyEditor(connection, local, { progress: silentProgress, signal: never });
    expect(await findServer(connection, '', never)).toEqual(copied);
    expect(await readdir(path.join(home, '.switchyard'))).toEqual(['editor-1.2.3-abc..d']);
  });

  it('leaves nothing where it cannot run there', async () => {
    const node = await program('local/node', 'echo "no such file" >&2; exit 127');
    const root = path.join(folder, 'local');
    const copying = copyEditor(
      connection,
      { node, root, version: '1' },
      { progress: silentProgress, signal: never },
    );
    await expect(copying).rejects.toMatchObject({ code: 'editor.failed', why: 'no such file' });
    expect(await readdir(path.join(home, '.switchyard'))).toEqual([]);
  });

  it('knows that an editor on the desktop is none', async () => {
    expect(await findLocalEditor('/usr/bin/node', folder)).toBeUndefined();
  });
});
