import * as l10n from '@vscode/l10n';
import * as vscode from 'vscode';
import { SwitchyardError } from '../../base/errors.ts';
import type { GuestKind } from '../../base/kinds.ts';
import type { Capability, Environment } from '../../environments/environment.ts';
import type { Monitor } from '../model/monitor.ts';
import type { ProjectModel } from '../model/projectModel.ts';
import type { WindowProjects } from '../model/windowProjects.ts';
import { environmentIconName } from '../statusText.ts';
import { environmentNodeOf, isProjectNode } from '../tree/nodes.ts';
import { environmentRow, kindName } from '../tree/rowText.ts';

/** What a command works on. */
export interface Target {
  readonly model: ProjectModel;
  readonly environment: Environment;
}

/** @throws SwitchyardError `trust` where the workspace is not trusted: nothing of it is built or run */
export function requireTrust(): void {
  if (vscode.workspace.isTrusted) return;
  throw new SwitchyardError({
    code: 'trust',
    what: l10n.t('This workspace is not trusted.'),
    why: l10n.t('Opening an environment builds and runs what the project says.'),
    next: l10n.t('Trust the workspace, then try again.'),
    remedies: [{ do: 'manageTrust' }],
  });
}

/**
 * The project that a command means: the one of the row it was called on, else that of the open file,
 * else the only one.
 * @throws SwitchyardError `config.missing` where the window has none, `config.*` where its config is broken
 */
export function targetProject(projects: WindowProjects, argument: unknown): ProjectModel {
  const row = environmentNodeOf(argument);
  const model = row?.model ?? (isProjectNode(argument) ? argument.model : projects.current());
  if (!model) {
    throw new SwitchyardError({
      code: 'config.missing',
      what: l10n.t('There is no project to open.'),
      why: l10n.t('No folder of this window has a devcontainer.json or a Vagrantfile.'),
      next: l10n.t('Add a configuration; Switchyard looks at what is in the folder and writes a small one.'),
      remedies: [{ do: 'addConfiguration' }],
    });
  }
  if (model.config.problem) throw model.config.problem;
  return model;
}

/**
 * The environment that a command means: the row's, the named kind's, the active one where it can do
 * this, the only one that can, or the one that the person picks.
 * @returns undefined where the person picked none
 * @throws SwitchyardError as targetProject does, and where no environment can do this now
 */
export async function targetEnvironment(
  parts: { projects: WindowProjects; monitor: Monitor },
  argument: unknown,
  capability: Capability,
  title: string,
): Promise<Target | undefined> {
  const model = targetProject(parts.projects, argument);
  const row = environmentNodeOf(argument);
  if (row) return { model, environment: row.environment };
  const named = namedKind(argument);
  if (named) return { model, environment: model.environment(named) };
  const able = model.environments.filter(({ status }) => status.capabilities.has(capability));
  const active = able.find(({ kind }) => kind === model.switcher.active);
  const only = active ?? (able.length === 1 ? able[0] : undefined);
  if (only) return { model, environment: only };
  if (able.length === 0) throw nothingToDo(title);
  const items = able.map((environment) => {
    const snapshot = parts.monitor.snapshot(environment);
    return {
      label: `$(${environmentIconName(environment.kind)}) ${kindName(environment.kind)}`,
      description: snapshot ? environmentRow(snapshot).description : '',
      environment,
    };
  });
  const chosen = await vscode.window.showQuickPick(items, {
    title,
    placeHolder: l10n.t('Which environment of {0}?', model.project.name),
  });
  return chosen && { model, environment: chosen.environment };
}

function namedKind(argument: unknown): GuestKind | undefined {
  if (typeof argument !== 'object' || argument === null || !('kind' in argument)) return undefined;
  return argument.kind === 'container' || argument.kind === 'vm' ? argument.kind : undefined;
}

function nothingToDo(title: string): SwitchyardError {
  return new SwitchyardError({
    code: 'environment.gone',
    what: title.endsWith('.') ? title : `${title}.`,
    why: l10n.t('No environment of this project is in a state for that.'),
    next: l10n.t('Open the container or the VM first.'),
    remedies: [],
  });
}
