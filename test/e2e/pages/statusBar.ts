import type { Locator, Page } from 'playwright-core';
import { bounds, plain, quoted, until } from './until.ts';

/** Our item in the status bar: the active environment. */
export class StatusBar {
  readonly #page: Page;

  constructor(page: Page) {
    this.#page = page;
  }

  get item(): Locator {
    return this.#page.locator(
      `footer[id=${quoted('workbench.parts.statusbar')}] .statusbar-item[id=${quoted('switchyard.switchyard.environment')}]`,
    );
  }

  async waitForItem(boundMs: number): Promise<void> {
    await this.item.waitFor({ timeout: boundMs });
  }

  async text(): Promise<string> {
    return plain((await this.item.textContent({ timeout: bounds.click })) ?? '');
  }

  async waitFor(pattern: RegExp, boundMs: number = bounds.click): Promise<string> {
    return until(
      `The status bar says ${String(pattern)}`,
      () => this.text(),
      (text) => pattern.test(text),
      boundMs,
    );
  }

  async click(): Promise<void> {
    await this.item.locator('a').click({ timeout: bounds.click });
  }
}
