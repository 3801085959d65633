import * as l10n from '@vscode/l10n';
import * as vscode from 'vscode';
import { DisposableStore, type Disposable } from '../../base/disposable.ts';
import { guestKinds, type GuestKind } from '../../base/kinds.ts';
import type { Environment } from '../../environments/environment.ts';
import type { Monitor } from '../model/monitor.ts';
import type { ProjectModel } from '../model/projectModel.ts';
import type { Others } from '../model/others.ts';
import { activeUri } from './activeDecoration.ts';
import { environmentRows } from './environmentRows.ts';
import { KeptRows } from './keptRows.ts';
import type { EnvironmentNode, Node, RowNode } from './nodes.ts';
import { SteadyFigures } from './steadyFigures.ts';
import type { WindowCredentials } from '../credentials/windowCredentials.ts';
import type { WindowEditors } from '../browserEditor/windowEditors.ts';
import type { WindowPorts } from '../ports/windowPorts.ts';
import { environmentRow, kindName, type Snapshot } from './rowText.ts';
import {
  contextValue,
  describe,
  environmentIcon,
  factItem,
  otherItem,
  portItem,
  projectItem,
} from './items.ts';

/** The view *Environments*: the projects' environments first, then the others of this computer. */
export class EnvironmentsTree implements vscode.TreeDataProvider<Node>, Disposable {
  readonly #monitor: Monitor;
  readonly #others: Others;
  readonly #ports: WindowPorts;
  readonly #editors: WindowEditors;
  readonly #credentials: WindowCredentials;
  readonly #nodes = new Map<string, Node>();
  readonly #kept = new KeptRows();
  readonly #steady = new SteadyFigures();
  /** What each environment's own row showed last; only a change of it redraws the row. */
  readonly #shown = new Map<string, string>();
  readonly #changed = new vscode.EventEmitter<Node[] | undefined>();
  readonly onDidChangeTreeData = this.#changed.event;
  readonly #disposables = new DisposableStore();
  #models: readonly ProjectModel[] = [];

  constructor(parts: {
    monitor: Monitor;
    others: Others;
    ports: WindowPorts;
    editors: WindowEditors;
    credentials: WindowCredentials;
  }) {
    const { monitor, others, ports, editors, credentials } = parts;
    this.#monitor = monitor;
    this.#others = others;
    this.#ports = ports;
    this.#editors = editors;
    this.#credentials = credentials;
    for (const changes of [
      monitor.onDidChange,
      ports.onDidChange,
      editors.onDidChange,
      credentials.onDidChange,
    ]) {
      this.#disposables.add(changes((environment) => this.#redraw(environment)));
    }
    this.#disposables.add(
      others.onDidChange((kind) => {
        const node = this.#nodes.get(othersId(kind));
        if (node) this.#changed.fire([node]);
      }),
    );
  }

  setProjects(models: readonly ProjectModel[]): void {
    this.#models = models;
    this.#nodes.clear();
    this.#kept.clear();
    this.#steady.clear();
    this.#shown.clear();
    this.#changed.fire(undefined);
  }

  getChildren(node?: Node): Node[] {
    if (!node) return this.#roots();
    switch (node.type) {
      case 'project':
        return node.model.environments.map((environment) => this.#environmentNode(node.model, environment));
      case 'environment':
        return this.#rows(node);
      case 'fact':
        return this.#kept.of(node);
      case 'others':
        return this.#others
          .list(node.kind)
          .map((other) => ({ type: 'other', id: `other:${other.kind}:${other.id}`, other }));
      case 'other':
      case 'port':
        return [];
    }
  }

  getTreeItem(node: Node): vscode.TreeItem {
    switch (node.type) {
      case 'project':
        return projectItem(node);
      case 'environment':
        return this.#environmentItem(node);
      case 'fact':
        return factItem(node);
      case 'port':
        return portItem(node);
      case 'others':
        return this.#othersItem(node);
      case 'other':
        return otherItem(node);
    }
  }

  getParent(node: Node): Node | undefined {
    if (node.type === 'fact' || node.type === 'port') return node.parent;
    if (node.type === 'environment') return this.#nodes.get(projectId(node.model));
    if (node.type === 'other') return this.#nodes.get(othersId(node.other.kind));
    return undefined;
  }

  dispose(): void {
    this.#disposables.dispose();
    this.#changed.dispose();
  }

  #roots(): Node[] {
    // Without a project the view's welcome says what to do; it shows only where the tree is empty.
    if (this.#models.length === 0) return [];
    return [
      ...this.#models.map((model) => this.#keep({ type: 'project', id: projectId(model), model })),
      ...guestKinds.map((kind) => this.#keep({ type: 'others', id: othersId(kind), kind })),
    ];
  }

  #keep(node: Node): Node {
    const known = this.#nodes.get(node.id);
    if (known) return known;
    this.#nodes.set(node.id, node);
    return node;
  }

  #environmentNode(model: ProjectModel, environment: Environment): Node {
    return this.#keep({ type: 'environment', id: environmentId(environment), model, environment });
  }

  #rowsNow(node: EnvironmentNode, snapshot: Snapshot): RowNode[] {
    const { environment } = node;
    return environmentRows(node, snapshot, {
      forwarded: this.#ports.find(environment)?.list ?? [],
      editorRuns: this.#editors.find(environment)?.isRunning ?? false,
      credentials: this.#credentials.shared(environment),
    });
  }

  #rows(node: EnvironmentNode): RowNode[] {
    const snapshot = this.#snapshot(node);
    return snapshot ? this.#kept.put(node, this.#rowsNow(node, snapshot)) : [];
  }

  #environmentItem(node: EnvironmentNode): vscode.TreeItem {
    const snapshot = this.#snapshot(node);
    const item = new vscode.TreeItem(
      kindName(node.environment.kind),
      vscode.TreeItemCollapsibleState.Collapsed,
    );
    item.id = node.id;
    if (!snapshot) return item;
    describe(item, environmentRow(snapshot));
    item.iconPath = environmentIcon(snapshot);
    item.resourceUri = activeUri(node.id, snapshot.active);
    item.contextValue = contextValue('environment', snapshot);
    if (snapshot.active) item.collapsibleState = vscode.TreeItemCollapsibleState.Expanded;
    return item;
  }

  #snapshot({ id, environment }: EnvironmentNode): Snapshot | undefined {
    const snapshot = this.#monitor.snapshot(environment);
    return snapshot && { ...snapshot, usage: this.#steady.next(id, snapshot.usage, snapshot.now.getTime()) };
  }

  #othersItem(node: Extract<Node, { type: 'others' }>): vscode.TreeItem {
    const { list, problem } = this.#others.state(node.kind);
    const label = node.kind === 'container' ? l10n.t('Other containers') : l10n.t('Other virtual machines');
    const item = new vscode.TreeItem(
      label,
      list.length > 0 ? vscode.TreeItemCollapsibleState.Collapsed : vscode.TreeItemCollapsibleState.None,
    );
    item.id = node.id;
    item.contextValue = 'others;';
    const running = list.filter(({ state }) => state === 'running').length;
    item.description = problem
      ? l10n.t('not available')
      : running > 0
        ? l10n.t('{0}, {1} running', list.length, running)
        : list.length === 0
          ? l10n.t('none')
          : String(list.length);
    item.tooltip = problem?.message ?? `${label}: ${item.description}`;
    item.accessibilityInformation = { label: item.tooltip };
    return item;
  }

  /** Draws again what says something else than before, and nothing beside it. */
  #redraw(environment: Environment): void {
    const node = this.#nodes.get(environmentId(environment));
    if (node?.type !== 'environment') return;
    const snapshot = this.#snapshot(node);
    if (!snapshot) return;
    const shown = JSON.stringify([
      environmentRow(snapshot),
      environmentIcon(snapshot),
      contextValue('environment', snapshot),
      snapshot.active,
    ]);
    const changed = this.#kept.change(node, this.#rowsNow(node, snapshot));
    if (this.#shown.get(node.id) !== shown) {
      this.#shown.set(node.id, shown);
      this.#changed.fire([node]);
    } else if (changed.length > 0) this.#changed.fire(changed);
  }
}

function projectId(model: ProjectModel): string {
  return `project:${model.project.id}`;
}

function environmentId(environment: Environment): string {
  return `environment:${environment.project.id}:${environment.kind}`;
}

function othersId(kind: GuestKind): string {
  return `others:${kind}`;
}
