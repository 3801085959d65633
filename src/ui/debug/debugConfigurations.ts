import * as l10n from '@vscode/l10n';
import type * as vscode from 'vscode';
import { SwitchyardError } from '../../base/errors.ts';
import type { ErrorReporter } from '../errors.ts';
import type { ProjectModel } from '../model/projectModel.ts';
import type { WindowProjects } from '../model/windowProjects.ts';
import type { WindowPorts } from '../ports/windowPorts.ts';
import type { OpenEnvironment } from '../terminals.ts';
import { requireTrust } from '../commands/targets.ts';
import { attachTo, debuggers, readAttach, type AttachDefinition } from './attach.ts';

export const debugType = 'switchyard';

/** Makes of a configuration of ours one of the debugger's that it names: VS Code then goes on with that. */
export class DebugConfigurations implements vscode.DebugConfigurationProvider {
  readonly #projects: WindowProjects;
  readonly #ports: WindowPorts;
  readonly #open: OpenEnvironment;
  readonly #errors: ErrorReporter;

  constructor(parts: {
    readonly projects: WindowProjects;
    readonly ports: WindowPorts;
    readonly open: OpenEnvironment;
    readonly errors: ErrorReporter;
  }) {
    this.#projects = parts.projects;
    this.#ports = parts.ports;
    this.#open = parts.open;
    this.#errors = parts.errors;
  }

  /** Undefined ends the start of the debugger: why was told. */
  async resolveDebugConfiguration(
    folder: vscode.WorkspaceFolder | undefined,
    configuration: vscode.DebugConfiguration,
  ): Promise<vscode.DebugConfiguration | undefined> {
    try {
      requireTrust();
      const definition = readAttach(configuration);
      if (!definition) throw unknownDebugger();
      const model = folder ? this.#projects.in(folder) : this.#projects.current();
      if (!model) throw noProject();
      return await this.#resolve(model, definition);
    } catch (error) {
      this.#errors.report(error, l10n.t('The debugger could not be attached.'));
      return undefined;
    }
  }

  async #resolve(
    model: ProjectModel,
    definition: AttachDefinition,
  ): Promise<vscode.DebugConfiguration | undefined> {
    const place = definition.environment === 'active' ? model.switcher.active : definition.environment;
    if (place === 'host' || place === model.window.inside) {
      return attachTo(definition, definition.port, undefined);
    }
    const opened = await this.#open(model, place);
    if (!opened) return undefined;
    const { localPort } = await this.#ports
      .of(model.environment(place))
      .forward({ host: undefined, port: definition.port });
    return attachTo(definition, localPort, { host: model.window.path, guest: opened.workspaceFolder });
  }
}

function unknownDebugger(): SwitchyardError {
  return new SwitchyardError({
    code: 'config.invalid',
    what: l10n.t('The debug configuration names no debugger that can be attached.'),
    why: l10n.t('"debugger" is expected to be one of: {0}.', debuggers.join(', ')),
    next: l10n.t('Correct it in launch.json.'),
  });
}

function noProject(): SwitchyardError {
  return new SwitchyardError({
    code: 'config.missing',
    what: l10n.t('There is no project to debug.'),
    why: l10n.t('No folder of this window has a devcontainer.json or a Vagrantfile.'),
    next: l10n.t('Add a configuration first.'),
    remedies: [{ do: 'addConfiguration' }],
  });
}
