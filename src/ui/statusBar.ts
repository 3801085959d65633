import * as l10n from '@vscode/l10n';
import * as vscode from 'vscode';
import { DisposableStore, type Disposable } from '../base/disposable.ts';
import type { Monitor } from './model/monitor.ts';
import type { ProjectModel } from './model/projectModel.ts';
import type { WindowProjects } from './model/windowProjects.ts';
import { statusText } from './statusText.ts';

/** The one item in the status bar: the active environment, and the way to the switcher. */
export class StatusBar implements Disposable {
  readonly #projects: WindowProjects;
  readonly #monitor: Monitor;
  readonly #disposables = new DisposableStore();
  readonly #item: vscode.StatusBarItem;

  constructor(projects: WindowProjects, monitor: Monitor) {
    this.#projects = projects;
    this.#monitor = monitor;
    this.#item = this.#disposables.add(
      vscode.window.createStatusBarItem('environment', vscode.StatusBarAlignment.Left, 90),
    );
    this.#item.name = l10n.t('Switchyard Environment');
    this.#item.command = 'switchyard.switch';
    const draw = (): void => this.#draw();
    this.#disposables.add(monitor.onDidChange(draw));
    this.#disposables.add(projects.onDidChange(draw));
    // With several folders the item speaks of the one whose file is open.
    this.#disposables.add(vscode.window.onDidChangeActiveTextEditor(draw));
    this.#draw();
  }

  dispose(): void {
    this.#disposables.dispose();
  }

  #draw(): void {
    const model = this.#projects.current();
    if (!model) {
      this.#item.hide();
      return;
    }
    const { text, tooltip, accessibilityLabel, alarming } = statusText(
      model.switcher.active,
      this.#snapshots(model),
      { project: this.#projects.models.length > 1 ? model.project.name : undefined },
    );
    this.#item.text = text;
    const markdown = new vscode.MarkdownString(tooltip, true);
    this.#item.tooltip = markdown;
    this.#item.accessibilityInformation = { label: accessibilityLabel, role: 'button' };
    this.#item.backgroundColor = alarming
      ? new vscode.ThemeColor('statusBarItem.errorBackground')
      : undefined;
    this.#item.show();
  }

  #snapshots(model: ProjectModel) {
    return model.environments.flatMap((environment) => this.#monitor.snapshot(environment) ?? []);
  }
}
