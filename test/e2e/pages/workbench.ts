import type { Page } from 'playwright-core';
import { Editor } from './editor.ts';
import { EnvironmentsView } from './environmentsView.ts';
import { Explorer } from './explorer.ts';
import { Notifications } from './notifications.ts';
import { QuickPick } from './quickPick.ts';
import { StatusBar } from './statusBar.ts';
import { Terminal } from './terminal.ts';
import { bounds, quoted } from './until.ts';

/** VS Code's window as a person sees it. The way in to everything on it. */
export class Workbench {
  readonly page: Page;
  readonly editor: Editor;
  readonly environments: EnvironmentsView;
  readonly explorer: Explorer;
  readonly notifications: Notifications;
  readonly quickPick: QuickPick;
  readonly statusBar: StatusBar;
  readonly terminal: Terminal;

  constructor(page: Page) {
    this.page = page;
    this.editor = new Editor(page);
    this.environments = new EnvironmentsView(page);
    this.explorer = new Explorer(page);
    this.notifications = new Notifications(page);
    this.quickPick = new QuickPick(page);
    this.statusBar = new StatusBar(page);
    this.terminal = new Terminal(page);
  }

  /** Opens the address and waits until VS Code stands and our extension has drawn its status-bar item. */
  async open(url: string): Promise<void> {
    await this.page.goto(url, { timeout: bounds.window });
    await this.page.locator('.monaco-workbench').waitFor({ timeout: bounds.window });
    await this.statusBar.waitForItem(bounds.window);
  }

  /** Clicks an icon of the activity bar, which shows its view; a view that shows already stays. */
  async show(name: string): Promise<void> {
    const tab = this.page.locator(
      `.part.activitybar .action-item:has(.action-label[aria-label^=${quoted(name)}])`,
    );
    if ((await tab.getAttribute('aria-expanded', { timeout: bounds.click })) === 'true') return;
    await tab.locator('.action-label').click({ timeout: bounds.click });
  }

  /** Runs a command by its whole title, as the command palette shows it: "Switchyard: Open in VM". */
  async command(title: string): Promise<void> {
    await this.page.keyboard.press('F1');
    await this.quickPick.choose(`>${title}`, title);
  }

  /** The titles that the command palette offers for a text. */
  async offeredCommands(text: string): Promise<readonly string[]> {
    await this.page.keyboard.press('F1');
    const titles = await this.quickPick.offers(`>${text}`);
    await this.quickPick.dismiss();
    return titles;
  }

  /** Switches the theme as the computer's own setting does, and waits until the window has followed. */
  async theme(scheme: 'dark' | 'light'): Promise<void> {
    await this.page.emulateMedia({ colorScheme: scheme });
    const name = scheme === 'dark' ? 'vs-dark' : 'vs';
    await this.page.locator(`.monaco-workbench.${name}`).waitFor({ timeout: bounds.click });
  }
}
