import type { Locator, Page } from 'playwright-core';
import { bounds, plain, quoted, textOf, until } from './until.ts';

/** Our view in the sidebar: the project's container and VM, and what else this computer has. */
export class EnvironmentsView {
  readonly #page: Page;

  constructor(page: Page) {
    this.#page = page;
  }

  get list(): Locator {
    return this.#page.locator(`.part.sidebar .monaco-list[aria-label=${quoted('Environments')}]`);
  }

  /** The row of this project's environment; `name` is "Container" or "VM". */
  row(name: string): EnvironmentRow {
    return new EnvironmentRow(this.#page, this.list, name);
  }

  /** All rows that show, as "label description", from the top. */
  async rows(): Promise<readonly string[]> {
    await this.list.waitFor({ timeout: bounds.click });
    return (await this.list.locator('.monaco-list-row').all()).reduce<Promise<string[]>>(
      async (rows, row) => [...(await rows), await rowText(row)],
      Promise.resolve([]),
    );
  }
}

/** One environment's row and the rows of figures below it. */
export class EnvironmentRow {
  readonly #page: Page;
  readonly #list: Locator;
  readonly #name: string;

  constructor(page: Page, list: Locator, name: string) {
    this.#page = page;
    this.#list = list;
    this.#name = name;
  }

  get #row(): Locator {
    return this.#named(this.#name);
  }

  /** The first row of that label; those of the environment that is opened first come first. */
  #named(label: string): Locator {
    return this.#list
      .locator('.monaco-list-row')
      .filter({ has: this.#page.locator('.label-name', { hasText: new RegExp(`^${label}$`) }) })
      .first();
  }

  /** What stands beside the name: state and figures. */
  async description(): Promise<string> {
    return textOf(this.#row.locator('.label-description'));
  }

  /** Waits until the description holds the pattern, and answers it. */
  async waitFor(pattern: RegExp, boundMs: number = bounds.click): Promise<string> {
    return until(
      `The row of ${this.#name} says ${String(pattern)}`,
      () =>
        this.#row
          .locator('.label-description')
          .textContent({ timeout: bounds.click })
          .then((text) => plain(text ?? '')),
      (text) => pattern.test(text),
      boundMs,
    );
  }

  async expand(): Promise<void> {
    await this.#row.waitFor({ timeout: bounds.click });
    if ((await this.#row.getAttribute('aria-expanded')) === 'false') {
      await this.#row.locator('.monaco-tl-twistie').click();
    }
    await until(
      `The row of ${this.#name} is open`,
      () => this.#row.getAttribute('aria-expanded'),
      (expanded) => expanded === 'true',
      bounds.click,
    );
  }

  /** The rows below it as a map from label to description. */
  async facts(): Promise<ReadonlyMap<string, string>> {
    const level = Number(await this.#row.getAttribute('aria-level', { timeout: bounds.click }));
    const facts = new Map<string, string>();
    let below = false;
    const own = await this.#row.getAttribute('id');
    for (const row of await this.#list.locator('.monaco-list-row').all()) {
      const rowLevel = Number(await row.getAttribute('aria-level'));
      if ((await row.getAttribute('id')) === own) below = true;
      else if (below && rowLevel <= level) break;
      else if (below) facts.set(await textOf(row.locator('.label-name')), await describe(row));
    }
    return facts;
  }

  /** Waits for a figure below the row. */
  async waitForFact(
    label: string | RegExp,
    pattern: RegExp,
    boundMs: number = bounds.click,
  ): Promise<string> {
    const named = (name: string): boolean => (typeof label === 'string' ? name === label : label.test(name));
    return until(
      `${this.#name} · ${String(label)} says ${String(pattern)}`,
      async () => [...(await this.facts())].find(([name]) => named(name))?.[1] ?? '',
      (text) => pattern.test(text),
      boundMs,
    );
  }

  /** Opens a row below it that has rows of its own. */
  async expandFact(label: string): Promise<void> {
    const row = this.#named(label);
    if ((await row.getAttribute('aria-expanded', { timeout: bounds.click })) === 'false') {
      await row.locator('.monaco-tl-twistie').click({ timeout: bounds.click });
    }
  }

  /** Clicks one of the icons of a row below it. */
  async factInline(label: string, action: string): Promise<void> {
    await clickIcon(this.#named(label), action);
  }

  /**
   * How often the icons under the pointer were made anew while the row below of that label said `changes`
   * new things.
   */
  async redrawsDuring(label: string, changes: number): Promise<number> {
    const icons = this.#row.locator('.actions .action-label');
    await this.#row.hover({ timeout: bounds.click });
    let icon = await icons.first().elementHandle({ timeout: bounds.click });
    let redraws = 0;
    const said = new Set<string>();
    await until(
      `${this.#name} · ${label} says ${changes} new things`,
      async () => {
        if (!(await icon.isVisible())) {
          redraws += 1;
          icon = await icons.first().elementHandle({ timeout: bounds.click });
        }
        said.add(await textOf(this.#named(label).locator('.label-description')));
        return said.size;
      },
      (size) => size > changes,
      bounds.start,
    );
    return redraws;
  }

  /** Clicks one of the icons that show while the pointer is on the row. */
  async inline(action: string): Promise<void> {
    await clickIcon(this.#row, action);
  }

  /** Chooses from the row's context menu. */
  async menu(entry: string): Promise<void> {
    await this.#row.click({ button: 'right', timeout: bounds.click });
    const item = this.#page.locator(`.context-view .action-item .action-label[aria-label=${quoted(entry)}]`);
    // A menu takes no clicks in its first moments, lest the click that opened it choose something; the key it takes.
    await item.hover({ timeout: bounds.click });
    await this.#page.keyboard.press('Enter');
  }
}

async function clickIcon(row: Locator, action: string): Promise<void> {
  await row.hover({ timeout: bounds.click });
  await row.locator(`.actions .action-label[aria-label^=${quoted(action)}]`).click({ timeout: bounds.click });
}

async function rowText(row: Locator): Promise<string> {
  return plain(`${await textOf(row.locator('.label-name'))} ${await describe(row)}`);
}

/** Not every row has a description. */
async function describe(row: Locator): Promise<string> {
  return plain((await row.locator('.label-description').allTextContents()).join(' '));
}
