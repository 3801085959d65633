import type { Locator, Page } from 'playwright-core';
import { bounds, quoted } from './until.ts';

/** The files of the folder. */
export class Explorer {
  readonly #page: Page;

  constructor(page: Page) {
    this.#page = page;
  }

  file(name: string): Locator {
    return this.#page.locator(`.explorer-folders-view .monaco-list-row[aria-label^=${quoted(name)}]`);
  }

  async waitForFile(name: string, boundMs: number = bounds.click): Promise<void> {
    await this.file(name).waitFor({ timeout: boundMs });
  }

  async open(name: string): Promise<void> {
    await this.file(name).dblclick({ timeout: bounds.click });
  }
}
