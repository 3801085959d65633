import type { Locator, Page } from 'playwright-core';
import { bounds, quoted } from './until.ts';

/** The open file. */
export class Editor {
  readonly #page: Page;

  constructor(page: Page) {
    this.#page = page;
  }

  tab(name: string): Locator {
    return this.#page.locator(`.part.editor .tab[aria-label^=${quoted(name)}]`);
  }

  /** Types a line at the end of the open file and saves it. */
  async appendLine(name: string, line: string): Promise<void> {
    await this.tab(name).waitFor({ timeout: bounds.click });
    await this.#page
      .locator('.part.editor .editor-instance .monaco-editor .view-lines')
      .first()
      .click({ timeout: bounds.click });
    await this.#page.keyboard.press('Control+End');
    await this.#page.keyboard.press('Enter');
    await this.#page.keyboard.type(line);
    await this.#page.keyboard.press('Control+s');
    await this.#page
      .locator(`.part.editor .tab:not(.dirty)[aria-label^=${quoted(name)}]`)
      .waitFor({ timeout: bounds.click });
  }
}
