import type { Locator, Page } from 'playwright-core';
import { bounds, plain, quoted, until } from './until.ts';

/** The box at the top that takes a text and offers a list. */
export class QuickPick {
  readonly #page: Page;

  constructor(page: Page) {
    this.#page = page;
  }

  get #widget(): Locator {
    return this.#page.locator('.quick-input-widget:visible');
  }

  /** Types a text and takes the entry that begins with `label`; another question may come next. */
  async pick(text: string, label: string = text): Promise<void> {
    await this.#widget.locator('.quick-input-box input').fill(text, { timeout: bounds.click });
    await this.entry(label).first().click({ timeout: bounds.click });
  }

  /** The same as the last answer: the box closes. */
  async choose(text: string, label: string = text): Promise<void> {
    await this.pick(text, label);
    await this.#widget.waitFor({ state: 'hidden', timeout: bounds.click });
  }

  entry(label: string): Locator {
    return this.#widget.locator(`.quick-input-list .monaco-list-row[aria-label^=${quoted(label)}]`);
  }

  /** Types a text and answers the labels that are offered for it, from the top, as far as they show. */
  async offers(text: string): Promise<readonly string[]> {
    await this.#widget.locator('.quick-input-box input').fill(text, { timeout: bounds.click });
    // The list follows what is typed: it has followed when its first entry is one for this text.
    const wanted = text.replace(/^>/, '');
    return until(
      `The list offers something for ${wanted}`,
      async () =>
        (await this.#widget.locator('.quick-input-list .monaco-list-row .label-name').allTextContents()).map(
          plain,
        ),
      (labels) => labels[0]?.startsWith(wanted.trim()) === true,
      bounds.click,
    );
  }

  async dismiss(): Promise<void> {
    await this.#page.keyboard.press('Escape');
    await this.#widget.waitFor({ state: 'hidden', timeout: bounds.click });
  }
}
