import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'mocha';
import * as vscode from 'vscode';
import { removeContainers, removeImages } from '../../e2e/cleanUp.ts';
import { startDebuggee, stopAtBreakpoint } from '../debuggee.ts';
import { OpenedWindows } from '../openedWindows.ts';

/** Bound on making the sample's container, in milliseconds. */
const createMs = 300_000;
/** Bound on a program, in milliseconds: nothing else ends one that the whole window waits for. */
const programMs = 50_000;

describe('A window inside', () => {
  let windows: OpenedWindows;
  let folder: string;
  let container: { readonly name: string };

  before(async function () {
    this.timeout(createMs);
    const [first] = vscode.workspace.workspaceFolders ?? [];
    assert.ok(first, 'the window has no folder');
    folder = first.uri.fsPath;
    await vscode.commands.executeCommand('switchyard.openInContainer');
    const name = execFileSync(
      'docker',
      ['ps', '--filter', `label=devcontainer.local_folder=${folder}`, '--format', '{{.Names}}'],
      { timeout: programMs },
    );
    container = { name: name.toString().trim() };
    assert.match(container.name, /^\S+$/, 'the container does not run');
    windows = new OpenedWindows();
  });
  after(async function () {
    this.timeout(createMs);
    windows.dispose();
    const settings = vscode.workspace.getConfiguration('switchyard');
    await settings.update('openIn', undefined, vscode.ConfigurationTarget.Global);
    await removeContainers(folder);
    await removeImages(folder);
  });

  const open = async (extension: string, window: 'this' | 'new'): Promise<unknown> => {
    await vscode.commands.executeCommand('switchyard.openWindow', { kind: 'container', extension, window });
    return windows.take();
  };

  for (const id of [
    'ms-vscode-remote.remote-ssh',
    'jeanp413.open-remote-ssh',
    'anysphere.remote-ssh',
    'codeium.windsurf-remote-openssh',
  ]) {
    it(`gives ${id} the alias and the folder inside`, async () => {
      const address = 'vscode-remote://ssh-remote+switchyard-sample-container/workspaces/sample';
      assert.deepEqual(await open(id, 'new'), [{ folder: address, which: 'new' }]);
      assert.deepEqual(await open(id, 'this'), [{ folder: address, which: 'this' }]);
    });
  }

  it('makes the alias a host of ssh, which gets to the folder', async () => {
    await open('ms-vscode-remote.remote-ssh', 'new');
    const config = join(homedir(), '.ssh', 'switchyard', 'config');
    const alias = 'switchyard-sample-container';
    const inside = execFileSync('ssh', ['-F', config, alias, 'ls /workspaces/sample'], {
      input: '',
      timeout: programMs,
    });
    assert.match(inside.toString(), /^server\.pl$/m);
  });

  it('has an SSH command, which any shell runs as it was copied', async () => {
    await vscode.commands.executeCommand('switchyard.copySshCommand', { kind: 'container' });
    const command = await vscode.env.clipboard.readText();
    assert.equal(command, 'ssh switchyard-sample-container');
    // As it is, ssh looks for its configuration in the home folder of the system's user, which is not this window's.
    const config = join(homedir(), '.ssh', 'switchyard', 'config');
    const shell = `ssh() { command ssh -F "$CONFIG" "$@"; }; ${command} ls /workspaces/sample`;
    const inside = execFileSync('sh', ['-c', shell], {
      env: { ...process.env, CONFIG: config },
      input: '',
      timeout: programMs,
    });
    assert.match(inside.toString(), /^server\.pl$/m);
  });

  for (const id of ['ms-vscode-remote.remote-containers', 'anysphere.remote-containers']) {
    it(`gives ${id} the container in hexadecimal digits and the folder inside`, async () => {
      const [opened] = (await open(id, 'new')) as { folder: string; which: string }[];
      const parts = /^vscode-remote:\/\/attached-container\+([0-9a-f]+)(\/.*)$/.exec(opened?.folder ?? '');
      assert.ok(parts, opened?.folder);
      const told = JSON.parse(Buffer.from(parts[1] ?? '', 'hex').toString()) as unknown;
      assert.deepEqual(told, { containerName: `/${container.name}` });
      assert.equal(parts[2], '/workspaces/sample');
      assert.equal(opened?.which, 'new');
    });
  }

  it('has what it debugs inside stop at the breakpoints of this one', async () => {
    const [workspace] = vscode.workspace.workspaceFolders ?? [];
    assert.ok(workspace);
    const file = startDebuggee(container.name, folder, '/workspaces/sample');
    assert.deepEqual(await stopAtBreakpoint(workspace, file), { path: file.fsPath, line: 3 });
  });

  for (const [openIn, expected] of [
    ['thisWindow', []],
    [
      'remoteWindow',
      [{ folder: 'vscode-remote://ssh-remote+switchyard-sample-container/workspaces/sample', which: 'this' }],
    ],
    [
      'auto',
      [{ folder: 'vscode-remote://ssh-remote+switchyard-sample-container/workspaces/sample', which: 'this' }],
    ],
  ] as const) {
    it(`is what Open in Container makes of this one, or not, with openIn ${openIn}`, async () => {
      const settings = vscode.workspace.getConfiguration('switchyard');
      await settings.update('openIn', openIn, vscode.ConfigurationTarget.Global);
      await vscode.commands.executeCommand('switchyard.openInContainer');
      assert.deepEqual(windows.take(), expected);
      await vscode.commands.executeCommand('switchyard.backToHost');
      assert.deepEqual(windows.take(), []);
    });
  }

  it('is opened by what Open SSH Config shows and Remove SSH Entries takes away', async () => {
    const own = join(homedir(), '.ssh', 'switchyard', 'config');
    const persons = join(homedir(), '.ssh', 'config');
    await open('ms-vscode-remote.remote-ssh', 'new');
    await vscode.commands.executeCommand('switchyard.openSshConfig');
    const shown = vscode.window.activeTextEditor?.document;
    assert.equal(shown?.uri.fsPath, own);
    assert.match(shown.getText(), /^Host switchyard-sample-container$/m);
    assert.match(await readFile(persons, 'utf8'), /^Include switchyard\/config$/m);
    await vscode.commands.executeCommand('workbench.action.closeActiveEditor');
    // It says how many it took away, and waits for nobody.
    await vscode.commands.executeCommand('switchyard.removeSshEntries');
    assert.doesNotMatch(existsSync(persons) ? await readFile(persons, 'utf8') : '', /switchyard/);
    await assert.rejects(readFile(own), { code: 'ENOENT' });
  });
});
