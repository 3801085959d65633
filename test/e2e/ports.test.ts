import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bounds } from './pages/until.ts';
import { Session } from './session.ts';
import { asStations } from './stations.ts';

/** Prints a problem with the path as the container calls it. */
const tasks = [
  {
    type: 'switchyard',
    label: 'check',
    command: 'echo "$PWD/server.pl:3: boom for $(id -un)"',
    problemMatcher: {
      owner: 'check',
      fileLocation: 'absolute',
      pattern: { regexp: '^(/.*):(\\d+): (.*)$', file: 1, line: 2, message: 3 },
    },
  },
];

/** A person starts a server inside and looks at it in the browser, and runs a task. */
describe('ports and tasks of a container', () => {
  let session: Session;

  beforeAll(async () => {
    session = await Session.begin('ports');
    await mkdir(join(session.project, '.vscode'));
    await writeFile(join(session.project, '.vscode/tasks.json'), JSON.stringify({ version: '2.0.0', tasks }));
    await session.workbench.show('Switchyard');
    await session.workbench.command('Switchyard: Open in Container');
    await session.workbench.statusBar.waitFor(/^Container$/, bounds.create);
  }, bounds.create);
  afterAll(() => session.end());
  asStations(() => session.picture('failed'));

  test('the port of the config is forwarded, and its row says that nobody listens yet', async () => {
    const row = session.workbench.environments.row('Container');
    await row.waitFor(/^up\b/);
    await row.expand();
    await row.waitForFact('Ports', /^1 forwarded$/);
    await row.expandFact('Ports');
    await row.waitForFact(/^8000\b/, /^Where · nobody listens yet$/);
    await session.picture('named');
  });

  test('a server that starts inside is told, and opens in the browser', async () => {
    const { workbench } = session;
    await workbench.terminal.run('(perl server.pl >/dev/null 2>&1 &)', bounds.start);
    await workbench.environments.row('Container').waitForFact(/^8000\b/, /^Where · perl$/);
    await session.picture('listening');
    const page = await session.opened(() => workbench.notifications.press('Open in Browser'));
    const text = await page.locator('body').innerText({ timeout: bounds.click });
    expect(text).toContain('Hello from the same image');
    expect(text).toContain(
      `host name ${await workbench.terminal.run('hostname')}`.replace(/ (?=\S+$)/, '  '),
    );
    await page.close();
  });

  test('credentials of this computer are shared by a click, and the tree says so while they are', async () => {
    const { workbench } = session;
    const row = workbench.environments.row('Container');
    const credentials = workbench.environments.list
      .locator('.monaco-list-row')
      .filter({ hasText: 'Credentials' });
    expect(await credentials.count()).toBe(0);
    await workbench.page.keyboard.press('F1');
    await workbench.quickPick.pick('>Switchyard: Share Credentials', 'Switchyard: Share Credentials');
    await workbench.quickPick.entry('Git credentials').click({ timeout: bounds.click });
    await session.picture('share');
    await workbench.page.keyboard.press('Enter');
    await row.waitForFact('Credentials', /^git$/);
    await session.picture('shared');
    await workbench.command('Switchyard: Stop Sharing Credentials');
    await credentials.waitFor({ state: 'hidden', timeout: bounds.click });
  });

  test("a task runs inside, and its problems are in the host's file", async () => {
    const { workbench } = session;
    await workbench.page.keyboard.press('F1');
    await workbench.quickPick.pick('>Tasks: Run Task', 'Tasks: Run Task');
    await workbench.quickPick.choose('check');
    // The task's terminal shows itself when it starts, and would hide the problems.
    await workbench.terminal.waitFor(/\/server\.pl:3: boom for dev$/m, bounds.start);
    await workbench.command('Problems: Focus on Problems View');
    const problems = workbench.page.locator('.markers-panel .monaco-list-row');
    await problems.filter({ hasText: 'boom for dev' }).waitFor({ timeout: bounds.click });
    await problems.filter({ hasText: 'server.pl' }).first().waitFor({ timeout: bounds.click });
    await session.picture('task');
  });
});
