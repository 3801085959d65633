import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import * as l10n from '@vscode/l10n';
import type { ContainerInspectInfo } from 'dockerode';
import { parse } from 'jsonc-parser';
import { SwitchyardError } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { Project } from '../../config/project.ts';
import type { SwitchyardSettings } from '../../config/settings.ts';
import type { DevcontainerCli, DevcontainerTarget, UpResult } from '../../engines/devcontainerCli.ts';
import type { DockerEngine } from '../../engines/docker.ts';
import type { BuiltImage } from '../../engines/devcontainerLog.ts';
import type { OperationOptions } from '../environment.ts';
import type { ContainerControl } from './control.ts';
import { findContainer, labelsOf } from './lookup.ts';
import { composedIn, composeFolder } from './services.ts';

/** Told each image that is built on the way. */
type OnImage = (image: BuiltImage) => void;

/** How long cleaning up after a cancelled creation may take, in milliseconds. */
const cleanUpMs = 60_000;

/** Makes a project's container with the Dev Containers CLI; the hooks come later, over the connection. */
export class ContainerCreator {
  readonly #engine: DockerEngine;
  readonly #cli: DevcontainerCli;
  readonly #control: ContainerControl;
  readonly #log: Logger;

  constructor(parts: { engine: DockerEngine; cli: DevcontainerCli; control: ContainerControl; log: Logger }) {
    this.#engine = parts.engine;
    this.#cli = parts.cli;
    this.#control = parts.control;
    this.#log = parts.log;
  }

  /** Builds the image only, so that a rebuild that fails meanwhile leaves the old container as it is. */
  async build(
    project: Project,
    settings: SwitchyardSettings,
    options: OperationOptions & { readonly onImage: OnImage },
  ): Promise<void> {
    await this.#cli.build(await this.target(project, settings), { ...options, imageName: undefined });
  }

  /**
   * Creates and starts the container, or starts the one that is there. What it made and did not finish it
   * removes again.
   * @throws SwitchyardError
   */
  async up(
    project: Project,
    settings: SwitchyardSettings,
    options: OperationOptions & { readonly replace?: boolean; readonly onImage?: OnImage },
  ): Promise<UpResult> {
    const target = await this.target(project, settings);
    const before = await this.#ids(project, options.signal);
    try {
      const outcome = await this.#cli.up(target, {
        ...options,
        skipHooks: true,
        rebuild: options.replace ?? false,
      });
      if (outcome.ok) return outcome.result;
      throw outcome.problem;
    } catch (error) {
      await this.#removeNew(project, before);
      throw error;
    }
  }

  /** What the config comes to for a container that somebody else made. @throws SwitchyardError */
  async adopt(
    project: Project,
    settings: SwitchyardSettings,
    container: ContainerInspectInfo,
    options: OperationOptions,
  ): Promise<UpResult> {
    const { mergedConfiguration, workspace } = await this.#cli.readConfiguration(
      await this.target(project, settings),
      { ...options, containerId: container.Id },
    );
    return {
      containerId: container.Id,
      remoteUser: mergedConfiguration.remoteUser ?? (container.Config.User || 'root'),
      remoteWorkspaceFolder: workspace.workspaceFolder,
      mergedConfiguration,
    };
  }

  /** The CLI reads a copy of the config where its own way to mount the workspace will not do. */
  async target(project: Project, settings: SwitchyardSettings): Promise<DevcontainerTarget> {
    const { configFile } = project;
    if (configFile === undefined) throw noConfig(project);
    const target = { folder: project.folder, configFile, env: await this.#engine.env() };
    const config = await rawConfig(configFile);
    const mount = workspaceMount(project, settings, config);
    if (!mount) return target;
    const overrideConfigFile = path.join(project.storage, 'devcontainer.json');
    await writeFile(overrideConfigFile, JSON.stringify({ ...config, ...mount }));
    return { ...target, overrideConfigFile };
  }

  /** What there is of a project, with the other services of its compose file. */
  async #ids(project: Project, signal: AbortSignal): Promise<ReadonlySet<string>> {
    const { configFile } = project;
    const folder =
      configFile === undefined ? undefined : composeFolder(await rawConfig(configFile), configFile);
    const services = folder === undefined ? [] : await composedIn(this.#engine, folder, signal);
    const listed = await this.#engine.ask(
      l10n.t('The containers of "{0}" could not be listed.', project.name),
      (docker, bound) =>
        docker.listContainers({
          all: true,
          filters: JSON.stringify({ label: labelsOf(project) }),
          abortSignal: bound,
        }),
      { signal },
    );
    return new Set([...listed.map(({ Id }) => Id), ...services]);
  }

  /** Runs after a failure or a cancellation, so it has a bound of its own. */
  async #removeNew(project: Project, before: ReadonlySet<string>): Promise<void> {
    const signal = AbortSignal.timeout(cleanUpMs);
    try {
      for (const id of await this.#ids(project, signal)) {
        if (!before.has(id)) await this.#control.remove(id, signal);
      }
    } catch (error) {
      // The first trouble is the one to tell; the next open finds the creation unfinished and removes it.
      this.#log.error(error as Error);
    }
  }

  /** Removes a container of a creation that never ended, in a window that is no more. */
  async removeUnfinished(project: Project, signal: AbortSignal): Promise<void> {
    for (;;) {
      const container = await findContainer(this.#engine, project, signal);
      if (!container) return;
      this.#log.info(`Removing ${container.Id.slice(0, 12)}: its creation was interrupted.`);
      await this.#control.remove(container.Id, signal);
    }
  }
}

/** The config as it is written. */
async function rawConfig(configFile: string): Promise<Readonly<Record<string, unknown>>> {
  return parse(await readFile(configFile, 'utf8')) as Record<string, unknown>;
}

/** @throws SwitchyardError `config.missing` where the project has none */
export function configFileOf(project: Project): string {
  if (project.configFile === undefined) throw noConfig(project);
  return project.configFile;
}

function noConfig(project: Project): SwitchyardError {
  return new SwitchyardError({
    code: 'config.missing',
    what: l10n.t('"{0}" cannot be opened in a container.', project.name),
    why: l10n.t('It has no devcontainer.json.'),
    next: l10n.t('Add a configuration.'),
    remedies: [{ do: 'addConfiguration' }],
  });
}

/** Undefined where the mount that the CLI makes by itself is right. */
export function workspaceMount(
  project: Pick<Project, 'folder'>,
  settings: Pick<SwitchyardSettings, 'container'>,
  config: Readonly<Record<string, unknown>>,
): { readonly workspaceFolder: unknown; readonly workspaceMount: string } | undefined {
  const inside = `/workspaces/${path.basename(project.folder)}`;
  const workspaceFolder = config['workspaceFolder'] ?? inside;
  // Where the workspace comes by sync nothing is mounted.
  if (settings.container.workspace === 'ssh') return { workspaceFolder, workspaceMount: '' };
  // The docker command line reads a mount as a line of CSV, and the CLI quotes nothing.
  if (!/[",]/.test(project.folder) || config['workspaceMount'] !== undefined) return undefined;
  const fields = ['type=bind', `source=${project.folder}`, `target=${inside}`];
  return {
    workspaceFolder,
    workspaceMount: fields.map((field) => `"${field.replaceAll('"', '""')}"`).join(','),
  };
}
