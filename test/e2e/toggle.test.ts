import { execFileSync } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { release } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bounds, until } from './pages/until.ts';
import { Session } from './session.ts';
import { asStations } from './stations.ts';

/** One person's way through both kinds; each test is a station that begins where the one before ended. */
describe('one project, container and VM', () => {
  let session: Session;

  beforeAll(async () => {
    session = await Session.begin('toggle');
    await session.workbench.show('Switchyard');
  });
  afterAll(() => session.end());
  asStations(() => session.picture('failed'));

  test(
    'Open in Container makes it, and the figures are in the tree',
    async () => {
      const { workbench } = session;
      await workbench.command('Switchyard: Open in Container');
      await workbench.statusBar.waitFor(/^Container$/, bounds.create);
      const row = workbench.environments.row('Container');
      await row.waitFor(/^up\b/);
      await row.waitFor(/\d+(\.\d+)?MB/);
      await row.expand();
      await row.waitForFact('Start', /\d+(\.\d+)?(ms|s|min) last/);
      await row.waitForFact('CPU', /%/);
      await row.waitForFact('Workspace', /mounted/);
      await session.picture('container');
    },
    bounds.create,
  );

  test(
    'a button stays under the pointer while figures change',
    async () => {
      // Each second in the first minute; what the row itself says hardly does.
      expect(await session.workbench.environments.row('Container').redrawsDuring('Up', 4)).toBeLessThan(3);
    },
    bounds.start,
  );

  test('its terminal is inside the container, as the user that the config names', async () => {
    const { terminal } = session.workbench;
    expect(await terminal.run('whoami', bounds.start)).toBe('dev');
    expect(await terminal.run('hostname')).toBe(containerHostname(session.project));
  });

  test('a file made in the container shows in the Explorer', async () => {
    const { workbench } = session;
    await workbench.terminal.run('echo "from the container" > made-inside.txt');
    await workbench.show('Explorer');
    await workbench.explorer.waitForFile('made-inside.txt');
    await session.picture('file');
    await workbench.show('Switchyard');
  });

  test(
    'Toggle goes to the VM, which has a kernel of its own and the same file',
    async () => {
      const { workbench } = session;
      await workbench.command('Switchyard: Toggle Container/VM');
      await workbench.statusBar.waitFor(/^VM$/, bounds.create);
      expect(await workbench.terminal.run('uname -r', bounds.start)).not.toBe(release());
      expect(await workbench.terminal.run('systemd-detect-virt')).not.toBe('none');
      expect(await workbench.terminal.run('whoami')).toBe('dev');
      expect(await workbench.terminal.run('cat made-inside.txt')).toBe('from the container');
      expect(await workbench.terminal.run('echo $SAMPLE_GREETING')).toBe('Hello from the same image');
    },
    bounds.create,
  );

  test('the tree shows both kinds with their start times', async () => {
    const { workbench } = session;
    const row = workbench.environments.row('VM');
    await row.waitFor(/^up\b/);
    await row.expand();
    await row.waitForFact('Start', /\d+(\.\d+)?(ms|s|min) last/);
    await row.waitForFact('Memory', /MB/);
    await workbench.environments.row('Container').waitForFact('Start', /\d+(\.\d+)?(ms|s|min) last/);
    await session.picture('both');
  });

  test(
    'an edit made on the host is in the container and in the VM after a switch',
    async () => {
      const { workbench } = session;
      await workbench.show('Explorer');
      await workbench.explorer.open('made-inside.txt');
      await workbench.editor.appendLine('made-inside.txt', 'from the host');
      await until(
        'The editor wrote the file',
        () => readFile(join(session.project, 'made-inside.txt'), 'utf8'),
        (text) => text.includes('from the host'),
        bounds.click,
      );
      await workbench.show('Switchyard');
      await workbench.command('Switchyard: Toggle Container/VM');
      await workbench.statusBar.waitFor(/^Container$/, bounds.start);
      expect(await workbench.terminal.run('tail -n 1 made-inside.txt', bounds.start)).toBe('from the host');
      await workbench.command('Switchyard: Toggle Container/VM');
      await workbench.statusBar.waitFor(/^VM$/, bounds.start);
      expect(await workbench.terminal.run('tail -n 1 made-inside.txt', bounds.start)).toBe('from the host');
    },
    bounds.create,
  );

  test(
    'Suspend frees the VM, and Open in VM wakes it',
    async () => {
      const { workbench } = session;
      const row = workbench.environments.row('VM');
      await row.menu('Suspend');
      await row.waitFor(/suspended/, bounds.start);
      await session.picture('suspended');
      await workbench.command('Switchyard: Open in VM');
      await row.waitFor(/^up\b/, bounds.start);
      expect(await workbench.terminal.run('whoami', bounds.start)).toBe('dev');
    },
    bounds.create,
  );

  test(
    'Back to Host leaves the container running, and suspends the VM as its config says',
    async () => {
      const { workbench } = session;
      await workbench.command('Switchyard: Back to Host');
      await workbench.statusBar.waitFor(/^Host$/, bounds.start);
      await workbench.environments.row('Container').waitFor(/^up\b/);
      await workbench.environments.row('VM').waitFor(/^suspended/, bounds.start);
      await session.picture('host');
    },
    bounds.start,
  );

  test(
    'A container that is not there is made while the person works in the VM, where a setting asks for it',
    async () => {
      const { workbench } = session;
      const row = workbench.environments.row('Container');
      await mkdir(join(session.project, '.vscode'));
      await writeFile(
        join(session.project, '.vscode', 'settings.json'),
        '{ "switchyard.prepareOtherEnvironment": true }',
      );
      await row.menu('Destroy…');
      await workbench.notifications.answer('Destroy');
      await row.waitFor(/not created yet/, bounds.start);
      await workbench.command('Switchyard: Open in VM');
      await workbench.statusBar.waitFor(/^VM$/, bounds.start);
      await row.waitFor(/^up\b/, bounds.create);
      expect(await workbench.statusBar.text()).toBe('VM');
      expect(await workbench.terminal.run('systemd-detect-virt', bounds.start)).not.toBe('none');
      await session.picture('prepared');
    },
    bounds.create,
  );

  test(
    'Destroy asks, and then takes each away',
    async () => {
      const { workbench } = session;
      for (const name of ['Container', 'VM']) {
        const row = workbench.environments.row(name);
        await row.menu('Destroy…');
        await workbench.notifications.answer('Destroy');
        await row.waitFor(/not created yet/, bounds.start);
      }
      await session.picture('destroyed');
    },
    bounds.create,
  );
});

/** The container's host name as Docker tells it; the specification's label says which one it is. */
function containerHostname(project: string): string {
  const docker = (...args: string[]): string => execFileSync('docker', args, { encoding: 'utf8' }).trim();
  const id = docker('ps', '--quiet', '--filter', `label=devcontainer.local_folder=${project}`);
  return docker('inspect', '--format', '{{.Config.Hostname}}', id);
}
