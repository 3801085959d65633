import type { Locator, Page } from 'playwright-core';
import { bounds, plain, quoted } from './until.ts';

/** What VS Code tells at the lower right, and the dialogs that ask before something is lost. */
export class Notifications {
  readonly #page: Page;

  constructor(page: Page) {
    this.#page = page;
  }

  get toasts(): Locator {
    return this.#page.locator('.notifications-toasts .notification-toast');
  }

  /** The messages that show now. */
  async messages(): Promise<readonly string[]> {
    return (await this.toasts.locator('.notification-list-item-message').allTextContents()).map(plain);
  }

  /** Clicks a button of a toast. */
  async press(button: string): Promise<void> {
    await this.toasts
      .locator(`.monaco-button[aria-label^=${quoted(button)}], .monaco-button:has-text(${quoted(button)})`)
      .first()
      .click({ timeout: bounds.click });
  }

  /** Answers a dialog that stands before the whole window. */
  async answer(button: string): Promise<void> {
    await this.#page
      .locator(`.monaco-dialog-box .monaco-button:has-text(${quoted(button)})`)
      .first()
      .click({ timeout: bounds.click });
  }
}
