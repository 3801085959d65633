import { afterAll, beforeAll, beforeEach, describe, expect, onTestFailed, test } from 'vitest';
import { bounds } from './pages/until.ts';
import { Session } from './session.ts';

/** A person starts a server inside and looks at it in the browser. */
describe('ports of a container', () => {
  let session: Session;
  let broken = false;

  beforeAll(async () => {
    session = await Session.begin('ports');
    await session.workbench.show('Switchyard');
    await session.workbench.command('Switchyard: Open in Container');
    await session.workbench.statusBar.waitFor(/^Container$/, bounds.create);
  }, bounds.create);
  afterAll(() => session.end());
  beforeEach((context) => {
    context.skip(broken, 'a station before it failed');
    onTestFailed(async () => {
      broken = true;
      await session.picture('failed');
    });
  });

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
});
