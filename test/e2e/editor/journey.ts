import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bounds, until } from '../pages/until.ts';
import { Workbench } from '../pages/workbench.ts';
import { Session } from '../session.ts';
import { asStations } from '../stations.ts';

/** The inner window reads the project's settings only: rows of text in its terminal instead of a picture of them. */
const settings = { 'terminal.integrated.gpuAcceleration': 'off', 'workbench.startupEditor': 'none' };

/**
 * A person's way through the editor that runs inside, the same in both kinds. This window's own editor is
 * copied in, once, as the sample's image has none.
 * @param name the environment's row, and the end of "Open in …"
 */
export function browserEditorJourney(name: 'Container' | 'VM'): void {
  describe(`the browser editor of the ${name}`, () => {
    let session: Session;
    let inner: Page | undefined;

    beforeAll(async () => {
      session = await Session.begin(`editor-${name.toLowerCase()}`);
      await mkdir(join(session.project, '.vscode'));
      await writeFile(join(session.project, '.vscode/settings.json'), JSON.stringify(settings));
      const { workbench } = session;
      await workbench.show('Switchyard');
      await workbench.command(`Switchyard: Open in ${name}`);
      await workbench.statusBar.waitFor(new RegExp(`^${name}$`), bounds.create);
      await workbench.terminal.waitForPrompt(bounds.start);
    }, bounds.create);
    afterAll(() => session.end());
    asStations(async () => {
      if (inner) await session.pictureOf(inner, 'inner-failed');
      await session.pictureOf(session.workbench.page, 'failed');
    });

    test(
      'opens by a click, with the project in it',
      async () => {
        const { environments, notifications } = session.workbench;
        // What its menu offers is what could be done when it was opened.
        await environments.row(name).waitFor(/^up\b/);
        inner = await session.opened(async () => {
          await environments.row(name).menu('Open Browser Editor');
          await notifications.answer('Copy');
        }, bounds.create);
        await inner.locator('.monaco-workbench').waitFor({ timeout: bounds.start });
        await new Workbench(inner).explorer.waitForFile('server.pl', bounds.start);
        await session.pictureOf(inner, 'inner');
        await session.picture('running');
      },
      bounds.create,
    );

    test(
      "its terminal is inside, and what is edited there is the host's",
      async () => {
        const window = opened(inner);
        await window.page.keyboard.press('Control+Shift+Backquote');
        expect(await window.terminal.run('whoami', bounds.start)).toBe('dev');
        expect(await window.terminal.run('hostname')).toBe(await session.workbench.terminal.run('hostname'));
        await window.explorer.open('README.md');
        await window.editor.appendLine('README.md', 'from the editor inside');
        await until(
          'The edit is on the host',
          () => readFile(join(session.project, 'README.md'), 'utf8'),
          (text) => text.includes('from the editor inside'),
          bounds.start,
        );
        await session.pictureOf(window.page, 'edited');
      },
      bounds.create,
    );

    test(
      'a server that is started in its terminal answers at a forwarded port',
      async () => {
        const { environments, notifications } = session.workbench;
        await opened(inner).terminal.run('(perl server.pl >/dev/null 2>&1 &)', bounds.start);
        const row = environments.row(name);
        await row.expand();
        await row.expandFact('Ports');
        await row.waitForFact(/^8000\b/, /^Where · perl$/, bounds.start);
        const page = await session.opened(() => notifications.press('Open in Browser'));
        expect(await page.locator('body').innerText({ timeout: bounds.click })).toContain(
          'Hello from the same image',
        );
        await page.close();
      },
      bounds.create,
    );

    test(
      'ends by a click, with everything that ran in it',
      async () => {
        const { environments, terminal } = session.workbench;
        const row = environments.row(name);
        await row.waitForFact('Editor', /in the browser/);
        await row.factInline('Editor', 'Stop');
        await until(
          'No editor server runs inside',
          () =>
            terminal.run(
              'cat /proc/[0-9]*/cmdline 2>/dev/null | tr "\\0" " " | grep -c "[s]erver-main" || :',
              bounds.start,
            ),
          (count) => count.trim() === '0',
          bounds.start,
        );
      },
      bounds.create,
    );
  });
}

function opened(page: Page | undefined): Workbench {
  if (!page) throw new Error('It did not open.');
  return new Workbench(page);
}
