import * as l10n from '@vscode/l10n';
import type { EnvironmentKind } from '../base/kinds.ts';
import { syncNeedsPerson, syncState } from './tree/syncText.ts';
import { environmentRow, kindName, type Snapshot } from './tree/rowText.ts';

/** What the status-bar item says. Free of VS Code, so that the wording is tested as plain text. */
export interface StatusText {
  /** With `$(icon)` in front. */
  readonly text: string;
  /** Markdown. */
  readonly tooltip: string;
  readonly accessibilityLabel: string;
  /** True where the person has to do something: the environment they work in has gone or failed. */
  readonly alarming: boolean;
}

const icons: Readonly<Record<EnvironmentKind, string>> = {
  host: 'home',
  container: 'package',
  vm: 'vm',
};

export function hostName(): string {
  return l10n.t('Host');
}

export function environmentName(kind: EnvironmentKind): string {
  return kind === 'host' ? hostName() : kindName(kind);
}

export function environmentIconName(kind: EnvironmentKind): string {
  return icons[kind];
}

/**
 * @param project the project's name; given only where the window has several
 * @param target where an operation of this window is taking the project, if one is under way
 */
export function statusText(
  active: EnvironmentKind,
  snapshots: readonly Snapshot[],
  options: { project: string | undefined },
): StatusText {
  const busy = snapshots.find(({ step }) => step !== undefined);
  const current = snapshots.find(({ kind }) => kind === active);
  const name = environmentName(active);
  const state = activeState(current);
  const label = [options.project, state === undefined ? name : `${name} · ${state}`]
    .filter((part) => part !== undefined)
    .join(': ');
  const text = busy
    ? `$(loading~spin) ${kindName(busy.kind)}: ${busy.step ?? ''}`
    : `$(${icons[active]}) ${label}`;
  return {
    text,
    tooltip: tooltip(active, snapshots),
    accessibilityLabel: busy
      ? l10n.t('Switchyard: {0}: {1}', kindName(busy.kind), busy.step ?? '')
      : l10n.t('Switchyard: the active environment is {0}. Press to switch.', label),
    alarming: !busy && (current?.status.state === 'unavailable' || current?.sync?.halt !== undefined),
  };
}

/** What is worth saying of the active environment: nothing while it runs as it should. */
function activeState(current: Snapshot | undefined): string | undefined {
  switch (current?.status.state) {
    case undefined:
    case 'unknown':
      return undefined;
    case 'running':
      return current.status.problem
        ? l10n.t('problem')
        : syncNeedsPerson(current.sync) && current.sync
          ? syncState(current.sync, current.now)
          : undefined;
    case 'unavailable':
      return l10n.t('not available');
    case 'absent':
      return l10n.t('gone');
    case 'stopped':
      return l10n.t('stopped');
    case 'suspended':
      return l10n.t('suspended');
    case 'creating':
    case 'starting':
      return l10n.t('starting…');
    case 'stopping':
      return l10n.t('stopping…');
    case 'suspending':
      return l10n.t('suspending…');
    case 'removing':
      return l10n.t('removing…');
  }
}

function tooltip(active: EnvironmentKind, snapshots: readonly Snapshot[]): string {
  const row = (kind: EnvironmentKind, description: string): string => {
    const name = active === kind ? `**${environmentName(kind)}** ✓` : environmentName(kind);
    return `| $(${icons[kind]}) ${name} | ${description} |`;
  };
  return [
    l10n.t('**Switchyard** — where this project runs'),
    '',
    '| | |',
    '|:--|:--|',
    ...snapshots.map((snapshot) => row(snapshot.kind, environmentRow(snapshot).description)),
    row('host', l10n.t('this computer')),
    '',
    l10n.t('Click to switch.'),
  ].join('\n');
}
