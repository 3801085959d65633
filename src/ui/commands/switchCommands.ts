import * as l10n from '@vscode/l10n';
import * as vscode from 'vscode';
import type { EnvironmentKind, GuestKind } from '../../base/kinds.ts';
import type { ProjectModel } from '../model/projectModel.ts';
import { environmentIconName, environmentName } from '../statusText.ts';
import { environmentRow, kindName } from '../tree/rowText.ts';
import type { CommandId } from '../commandIds.ts';
import type { ProjectMemory } from '../model/makeProject.ts';
import { chooseConfig } from './configCommands.ts';
import type { CommandServices } from './services.ts';
import type { WindowMover } from '../remote/windowMover.ts';
import { requireTrust, targetProject } from './targets.ts';

type Handlers = Partial<Record<CommandId, (argument?: unknown) => unknown>>;

/** Commands that make another environment active. */
export function switchCommands(
  services: CommandServices,
  memory: ProjectMemory,
  mover: WindowMover,
): Handlers {
  const { projects, operations, errors, terminals } = services;

  const switchTo = async (model: ProjectModel, kind: EnvironmentKind): Promise<void> => {
    if (kind !== 'host' && !model.config.isConfigChosen) {
      const chosen = await chooseConfig(services, memory, model);
      return chosen ? switchTo(chosen, kind) : undefined;
    }
    if (kind !== 'host') requireTrust();
    const how = mover.whereTo(model, kind);
    let left: GuestKind | undefined;
    // A window that is inside what it leaves is there until it has gone.
    const leave = how === 'stay' ? undefined : (kind: GuestKind): void => void (left = kind);
    const title = titleOf(model, kind);
    const environment = kind === 'host' ? model.switcher.activeEnvironment : model.environment(kind);
    const done = await operations.run(
      title,
      environment,
      async (options) => ({ opened: await model.switcher.switchTo(kind, options, leave) }),
      kind === 'host'
        ? {}
        : { retry: () => switchTo(model, kind), quiet: environment?.status.state === 'running' },
    );
    if (!done) return;
    if (how !== 'stay' && (await mover.move(model, kind, left ?? 'host', how))) return;
    // Where the window could not go, what it is inside of stays as it is.
    if (left !== undefined && left !== model.window.inside) model.switcher.leave(left);
    const { opened } = done;
    if (kind === 'host' || !opened) return;
    if (opened.problem) errors.report(opened.problem, `${title}.`, { severity: 'warning' });
    if (vscode.workspace.getConfiguration('switchyard').get<boolean>('openTerminalOnSwitch', true)) {
      terminals.reveal(model, kind);
    }
  };

  return {
    'switchyard.toggle': async (argument) => {
      const model = targetProject(projects, argument);
      await switchTo(model, model.switcher.toggleTarget(model.config.settings?.environment ?? 'container'));
    },
    'switchyard.openInContainer': (argument) => switchTo(targetProject(projects, argument), 'container'),
    'switchyard.openInVm': (argument) => switchTo(targetProject(projects, argument), 'vm'),
    'switchyard.backToHost': (argument) => switchTo(targetProject(projects, argument), 'host'),
    'switchyard.switch': async (argument) => {
      const model = targetProject(projects, argument);
      const choice = await pickEnvironment(services, model);
      if (typeof choice === 'string') await switchTo(model, choice);
      else if (choice) await vscode.commands.executeCommand(choice.command);
    },
  };
}

function titleOf({ project }: ProjectModel, kind: EnvironmentKind): string {
  switch (kind) {
    case 'host':
      return l10n.t('Going back to the host');
    case 'container':
      return l10n.t('Opening {0} in the container', project.name);
    case 'vm':
      return l10n.t('Opening {0} in the VM', project.name);
  }
}

interface Choice extends vscode.QuickPickItem {
  readonly result?: EnvironmentKind | { readonly command: CommandId };
}

async function pickEnvironment({ monitor }: CommandServices, model: ProjectModel): Promise<Choice['result']> {
  const { switcher } = model;
  const active = switcher.active;
  const likely = switcher.toggleTarget(model.config.settings?.environment ?? 'container');
  const guests = [...model.environments]
    .sort((a, b) => Number(b.kind === likely) - Number(a.kind === likely))
    .map((environment): Choice => {
      const snapshot = monitor.snapshot(environment);
      const state = snapshot ? environmentRow(snapshot).description : '';
      return {
        label: `$(${environmentIconName(environment.kind)}) ${kindName(environment.kind)}`,
        description: environment.kind === active ? l10n.t('active · {0}', state) : state,
        result: environment.kind,
      };
    });
  const host: Choice = {
    label: `$(${environmentIconName('host')}) ${environmentName('host')}`,
    description: active === 'host' ? l10n.t('active') : l10n.t('this computer, without isolation'),
    result: 'host',
  };
  const more: Choice[] = [
    {
      label: l10n.t('$(terminal) Open Terminal in Environment'),
      result: { command: 'switchyard.openTerminal' },
    },
    { label: l10n.t('$(gear) Open Configuration'), result: { command: 'switchyard.openConfiguration' } },
    { label: l10n.t('$(checklist) Check Requirements'), result: { command: 'switchyard.checkRequirements' } },
  ];
  // The active one stands last of its group: choosing it again changes nothing.
  const places = [...guests, host].sort((a, b) => Number(a.result === active) - Number(b.result === active));
  const separator = (label: string): Choice => ({ label, kind: vscode.QuickPickItemKind.Separator });
  const chosen = await vscode.window.showQuickPick(
    [separator(l10n.t('switch to')), ...places, separator(l10n.t('more')), ...more],
    {
      title: l10n.t('Switch Environment'),
      placeHolder: l10n.t('Where should {0} run?', model.project.name),
    },
  );
  return chosen?.result;
}
