import type { Locator, Page } from 'playwright-core';
import { bounds, plain, until } from './until.ts';

/** The terminal that shows in the panel. It is read as a person reads it: the rows on the screen. */
export class Terminal {
  readonly #page: Page;

  constructor(page: Page) {
    this.#page = page;
  }

  get #wrapper(): Locator {
    return this.#page.locator('#terminal .terminal-wrapper.active:visible');
  }

  /** The rows on the screen, one below the other, without the empty ones. */
  async rows(): Promise<readonly string[]> {
    const rows = await this.#wrapper.locator('.xterm-rows > div').allTextContents();
    return rows.map((row) => row.replaceAll('\u00a0', ' ').trimEnd()).filter((row) => row !== '');
  }

  /** Waits until something on the screen matches, and answers the match's first group, or all of it. */
  async waitFor(pattern: RegExp, boundMs: number = bounds.click): Promise<string> {
    const look = async (): Promise<string> => (await this.rows()).join('\n');
    const seen = await until(
      `The terminal shows ${String(pattern)}`,
      look,
      (text) => pattern.test(text),
      boundMs,
    );
    const found = pattern.exec(seen);
    return found?.[1] ?? found?.[0] ?? '';
  }

  /** Waits for a prompt: the last row ends with one, and nothing is typed behind it yet. */
  async waitForPrompt(boundMs: number = bounds.click): Promise<void> {
    await until(
      'The terminal shows a prompt',
      () => this.rows(),
      (rows) => /[$#]\s*$/.test(rows.at(-1) ?? ''),
      boundMs,
    );
  }

  /** Types a command line and answers what it printed, which must fit on the screen. */
  async run(command: string, boundMs: number = bounds.click): Promise<string> {
    await this.waitForPrompt(boundMs);
    await this.#wrapper.locator('.xterm-helper-textarea').focus({ timeout: bounds.click });
    await this.#page.keyboard.type('clear');
    await this.#page.keyboard.press('Enter');
    await until(
      'The terminal is clear',
      () => this.rows(),
      (rows) => rows.length === 1 && /[$#]\s*$/.test(rows[0] ?? ''),
      boundMs,
    );
    // The line is put together by the shell, so what is typed never looks like what is printed.
    // What a command prints may lack its last line break, so the end has a line of its own.
    await this.#page.keyboard.type(`${command}; s=$?; echo; echo "e""nd:$s"`);
    await this.#page.keyboard.press('Enter');
    const text = await until(
      `The terminal ran ${command}`,
      async () => (await this.rows()).join('\n'),
      (seen) => /^end:\d+$/m.test(seen),
      boundMs,
    );
    const lines = text.split('\n');
    const end = lines.findIndex((line) => /^end:\d+$/.test(line));
    const status = Number(lines[end]?.slice('end:'.length));
    const typed = lines.findIndex((line) => line.includes('nd:$s"'));
    const printed = lines.slice(typed + 1, end).join('\n');
    if (status !== 0) throw new Error(`"${command}" ended with ${status} in the terminal: ${plain(printed)}`);
    return printed;
  }

  /** Ends the shell that shows, which closes its terminal. */
  async close(): Promise<void> {
    await this.#wrapper.locator('.xterm-helper-textarea').focus({ timeout: bounds.click });
    await this.#page.keyboard.type('exit');
    await this.#page.keyboard.press('Enter');
  }
}
