import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { root } from '../machine/dependencies.mjs';
import { launchBrowser } from '../machine/editor/browser.ts';
import { startCodeServer, type CodeServer } from '../machine/editor/codeServer.ts';
import { findEditor } from '../machine/editor/install.ts';
import { removeContainers, removeImages, removeMachines } from './cleanUp.ts';
import { bounds } from './pages/until.ts';
import { Workbench } from './pages/workbench.ts';

/** What a person would have set, and what makes the screen readable for a test. */
const settings = {
  'workbench.startupEditor': 'none',
  'workbench.secondarySideBar.defaultVisibility': 'hidden',
  'chat.disableAIFeatures': true,
  'window.autoDetectColorScheme': true,
  // Rows of text instead of a picture of them.
  'terminal.integrated.gpuAcceleration': 'off',
  // A remote terminal may guess what comes back, and show its guess.
  'terminal.integrated.localEchoEnabled': 'off',
  'extensions.autoCheckUpdates': false,
  'extensions.ignoreRecommendations': true,
};

/**
 * A person at a fresh VS Code with the packed extension, on a copy of the sample project. Everything it
 * writes is in one temporary folder, which `end` takes away.
 */
export class Session {
  readonly folder: string;
  readonly project: string;
  readonly workbench: Workbench;
  readonly #name: string;
  readonly #server: CodeServer;
  readonly #browser: Browser;
  readonly #page: Page;
  #stations = 0;

  private constructor(parts: {
    name: string;
    folder: string;
    project: string;
    server: CodeServer;
    browser: Browser;
    page: Page;
  }) {
    this.#name = parts.name;
    this.folder = parts.folder;
    this.project = parts.project;
    this.#server = parts.server;
    this.#browser = parts.browser;
    this.#page = parts.page;
    this.workbench = new Workbench(parts.page);
  }

  /**
   * @param name names the folder of the screenshots, under test/.output/e2e
   * @param options.fixture the project, in test/fixtures
   * @param options.folderName what the copy is called
   * @param options.trusted without it VS Code asks whether the authors are trusted
   */
  static async begin(
    name: string,
    options: { readonly fixture?: string; readonly folderName?: string; readonly trusted?: boolean } = {},
  ): Promise<Session> {
    const { fixture = 'sample', folderName = fixture, trusted = true } = options;
    const editor = await findEditor();
    if (!editor)
      throw new Error('No editor is installed in the cache. `npm start` and `npm test` install it.');
    const folder = await mkdtemp(join(tmpdir(), 'sy-e2e-'));
    await rm(join(root, 'test/.output/e2e', name), { recursive: true, force: true });
    let server: CodeServer | undefined;
    let browser: Browser | undefined;
    try {
      const project = join(folder, folderName);
      const temporary = join(folder, 'tmp');
      await mkdir(temporary);
      await cp(join(root, 'test/fixtures', fixture), project, { recursive: true });
      server = await startCodeServer(editor, {
        dataFolder: join(folder, 'code-server'),
        vsix: join(root, 'switchyard.vsix'),
        project,
        settings,
        trustEverything: trusted,
        env: { TMPDIR: temporary },
      });
      browser = await launchBrowser();
      const page = await browser.newPage({ viewport: { width: 1440, height: 900 }, colorScheme: 'dark' });
      const session = new Session({ name, folder, project, server, browser, page });
      await session.workbench.open(server.url);
      return session;
    } catch (error) {
      await browser?.close();
      await server?.stop();
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
  }

  /** Takes the two pictures of a station, dark and light, for somebody to look at. */
  async picture(station: string): Promise<void> {
    this.#stations += 1;
    const file = `${String(this.#stations).padStart(2, '0')}-${station}`;
    for (const scheme of ['light', 'dark'] as const) {
      await this.workbench.theme(scheme);
      await this.#page.screenshot({
        // Colours go over to the other theme's in a transition.
        animations: 'disabled',
        path: join(root, 'test/.output/e2e', this.#name, `${file}-${scheme}.png`),
      });
    }
  }

  /** Takes one picture of another tab, as it is. */
  async pictureOf(page: Page, station: string): Promise<void> {
    await page.screenshot({
      animations: 'disabled',
      path: join(root, 'test/.output/e2e', this.#name, `${station}.png`),
    });
  }

  /** The browser's new tab that a click leads to. */
  async opened(click: () => Promise<void>, boundMs: number = bounds.click): Promise<Page> {
    const [page] = await Promise.all([this.#page.waitForEvent('popup', { timeout: boundMs }), click()]);
    return page;
  }

  /** The project folder's name, as VS Code shows it. */
  get projectName(): string {
    return basename(this.project);
  }

  /** Also takes away what a journey that broke off could not: its container and its machine. */
  async end(): Promise<void> {
    const storage = join(this.folder, 'code-server/user/User/globalStorage/switchyard.switchyard');
    await this.#browser.close();
    await this.#server.stop();
    await removeContainers(this.project);
    await removeImages(this.project);
    await removeMachines(join(storage, 'projects'));
    // A hook may have written files as another user; VS Code may still write its last lines.
    await rm(this.folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
}
