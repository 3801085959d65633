import { randomUUID } from 'node:crypto';
import os from 'node:os';
import * as l10n from '@vscode/l10n';
import type { Runner } from '../../base/process.ts';
import type { Project } from '../../config/project.ts';
import type { SwitchyardSettings } from '../../config/settings.ts';
import type { DevcontainerCli } from '../../engines/devcontainerCli.ts';
import type { DockerEngine } from '../../engines/docker.ts';
import type { OperationOptions } from '../environment.ts';
import { chooseAcceleration, probeVirtualisation } from './acceleration.ts';
import { guestEnvironment, remoteUserOf } from './guestSetup.ts';
import type { Box, BoxStore } from './image/boxStore.ts';
import { buildProjectImage, configHash } from './projectImage.ts';
import type { MachineRecord } from './record.ts';
import { expectVagrant } from './requirements.ts';
import { expectRoom, expectSupported } from './supported.ts';
import type { VmHooks } from './vmHooks.ts';

/** All that a new machine is made of. */
export interface Prepared {
  readonly box: Box;
  /** Whether the box was there already. */
  readonly cached: boolean;
  readonly record: MachineRecord;
}

/**
 * Everything that a new machine needs before there is one: acceleration, image, box. Leaves nothing behind
 * but caches where it fails.
 * @throws SwitchyardError
 */
export async function prepareMachine(
  project: Project,
  settings: SwitchyardSettings,
  parts: {
    readonly runner: Runner;
    readonly docker: DockerEngine;
    readonly devcontainer: DevcontainerCli;
    readonly boxes: BoxStore;
    readonly hooks: VmHooks;
    readonly domain: string;
  },
  { progress, signal }: OperationOptions,
): Promise<Prepared> {
  expectSupported(settings);
  expectRoom(settings, { cpus: os.cpus().length, memoryBytes: os.totalmem() }, project.configFile);
  // Not after minutes of building.
  await expectVagrant(parts.runner, signal);
  const acceleration = chooseAcceleration(settings.vm.acceleration, await probeVirtualisation());
  progress.line(l10n.t('Acceleration: {0}. {1}', acceleration.type, acceleration.reason));
  const image = await buildProjectImage(project, parts, { progress, signal });
  const merged: Readonly<Record<string, unknown>> = { ...image.configuration.mergedConfiguration };
  await parts.hooks.initialize(merged, { progress, signal });
  const { box, cached } = await parts.boxes.ensure(image.id, image.layers, project.id, {
    acceleration: acceleration.type,
    progress,
    signal,
  });
  const { mergedConfiguration, workspace } = image.configuration;
  const record: MachineRecord = {
    version: 1,
    phase: 'creating',
    guestId: randomUUID(),
    domain: parts.domain,
    boxKey: box.key,
    image: mergedConfiguration.image ?? image.id,
    acceleration,
    user: remoteUserOf(mergedConfiguration, image.config),
    workspaceFolder: workspace.workspaceFolder,
    env: guestEnvironment(mergedConfiguration, image.config),
    merged,
    configHash: await configHash(project),
  };
  return { box, cached, record };
}
