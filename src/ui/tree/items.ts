import * as l10n from '@vscode/l10n';
import * as vscode from 'vscode';
import { portRow } from '../ports/portText.ts';
import type { Node } from './nodes.ts';
import type { RowText } from './row.ts';
import type { Snapshot } from './rowText.ts';

/** A list of what it is and what can be done, for the menus' `when` clauses: `viewItem =~ /;canStop;/`. */
export function contextValue(type: string, { kind, status, step, active, sync }: Snapshot): string {
  const can: string[] = step === undefined ? [...status.capabilities] : [];
  if (sync) can.push('synced');
  if (sync?.state === 'paused') can.push('syncPaused');
  else if (sync && sync.state !== 'detached') can.push('syncLive');
  return [type, `kind-${kind}`, ...can, `state-${status.state}`, ...(active ? ['active'] : []), ''].join(';');
}

export function describe(item: vscode.TreeItem, text: RowText): void {
  item.description = text.description;
  item.tooltip = text.tooltip;
  item.accessibilityInformation = { label: `${text.label}. ${text.tooltip}` };
}

export function projectItem({ id, model }: Extract<Node, { type: 'project' }>): vscode.TreeItem {
  const { problem } = model.config;
  const item = new vscode.TreeItem(model.project.name, vscode.TreeItemCollapsibleState.Expanded);
  item.id = id;
  item.contextValue = 'project;';
  item.tooltip = problem?.message ?? model.project.configFile ?? model.project.folder;
  if (problem) {
    item.description = problem.what.replace(/\.$/, '');
    item.iconPath = new vscode.ThemeIcon('warning', new vscode.ThemeColor('list.warningForeground'));
  }
  item.accessibilityInformation = { label: l10n.t('Project {0}', model.project.name) };
  return item;
}

const factIcons: Readonly<Record<string, string>> = {
  problem: 'warning',
  drift: 'diff-modified',
  outdated: 'diff-modified',
  start: 'dashboard',
  first: 'tools',
  up: 'clock',
  cpu: 'pulse',
  memory: 'layers',
  disk: 'database',
  snapshot: 'device-camera',
  volumes: 'archive',
  workspace: 'folder',
  workspaceAlarm: 'warning',
  'sync-problem': 'warning',
  'sync-halt': 'question',
  'sync-transfer': 'arrow-swap',
  'sync-rate': 'dashboard',
  'sync-pending': 'ellipsis',
  'sync-conflict': 'git-compare',
  'sync-held': 'shield',
  'sync-skipped': 'circle-slash',
  'sync-scan': 'history',
  kernel: 'symbol-misc',
  root: 'shield',
  processor: 'chip',
  ports: 'plug',
  editor: 'browser',
  credentials: 'key',
  ignored: 'circle-slash',
};

const alarmingFacts: ReadonlySet<string> = new Set([
  'problem',
  'workspaceAlarm',
  'sync-problem',
  'sync-halt',
]);

export function factItem(node: Extract<Node, { type: 'fact' }>): vscode.TreeItem {
  const item = new vscode.TreeItem(
    node.text.label,
    node.children ? vscode.TreeItemCollapsibleState.Collapsed : vscode.TreeItemCollapsibleState.None,
  );
  item.id = node.id;
  item.contextValue = `fact;${node.fact};`;
  describe(item, node.text);
  const icon = factIcons[node.fact];
  if (icon !== undefined) {
    item.iconPath = alarmingFacts.has(node.fact)
      ? new vscode.ThemeIcon(icon, new vscode.ThemeColor('list.warningForeground'))
      : new vscode.ThemeIcon(icon);
  }
  if (node.fact === 'problem') {
    item.command = {
      command: 'switchyard.showProblem',
      title: l10n.t('Show Problem'),
      arguments: [node.parent],
    };
  }
  return item;
}

export function portItem({ id, port }: Extract<Node, { type: 'port' }>): vscode.TreeItem {
  const text = portRow(port);
  const item = new vscode.TreeItem(text.label, vscode.TreeItemCollapsibleState.None);
  item.id = id;
  item.contextValue = 'port;';
  describe(item, text);
  item.iconPath =
    port.listening === false
      ? new vscode.ThemeIcon('circle-outline', new vscode.ThemeColor('descriptionForeground'))
      : new vscode.ThemeIcon('plug');
  return item;
}

export function otherItem({ id, other }: Extract<Node, { type: 'other' }>): vscode.TreeItem {
  const item = new vscode.TreeItem(other.name, vscode.TreeItemCollapsibleState.None);
  item.id = id;
  const state = stateName(other.state);
  describe(item, {
    label: other.name,
    description: `${state} · ${other.description}`,
    tooltip: `${other.name}: ${state}. ${other.description}`,
  });
  item.iconPath = stateIcon(other.state);
  item.contextValue = ['other', ...other.capabilities, ''].join(';');
  return item;
}

function stateName(state: Snapshot['status']['state']): string {
  switch (state) {
    case 'running':
      return l10n.t('running');
    case 'suspended':
      return l10n.t('suspended');
    case 'stopped':
      return l10n.t('stopped');
    case 'absent':
      return l10n.t('not created yet');
    case 'creating':
    case 'starting':
      return l10n.t('starting…');
    case 'stopping':
      return l10n.t('stopping…');
    case 'suspending':
      return l10n.t('suspending…');
    case 'removing':
      return l10n.t('removing…');
    case 'unknown':
    case 'unavailable':
      return l10n.t('not available');
  }
}

export function environmentIcon({ status, step }: Snapshot): vscode.ThemeIcon {
  if (step !== undefined) return new vscode.ThemeIcon('loading~spin');
  if (status.problem && status.state !== 'unavailable') {
    return new vscode.ThemeIcon('warning', new vscode.ThemeColor('list.warningForeground'));
  }
  return stateIcon(status.state);
}

function stateIcon(state: Snapshot['status']['state']): vscode.ThemeIcon {
  switch (state) {
    case 'running':
      return new vscode.ThemeIcon('circle-filled', new vscode.ThemeColor('testing.iconPassed'));
    case 'suspended':
      return new vscode.ThemeIcon('debug-pause', new vscode.ThemeColor('descriptionForeground'));
    case 'creating':
    case 'starting':
    case 'stopping':
    case 'suspending':
    case 'removing':
    case 'unknown':
      return new vscode.ThemeIcon('loading~spin');
    case 'unavailable':
      return new vscode.ThemeIcon('error', new vscode.ThemeColor('list.errorForeground'));
    case 'absent':
    case 'stopped':
      return new vscode.ThemeIcon('circle-outline', new vscode.ThemeColor('descriptionForeground'));
  }
}
