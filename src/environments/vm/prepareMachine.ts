import { randomUUID } from 'node:crypto';
import * as l10n from '@vscode/l10n';
import type { Logger } from '../../base/log.ts';
import type { Project } from '../../config/project.ts';
import type { SwitchyardSettings } from '../../config/settings.ts';
import type { Connection } from '../../connections/connection.ts';
import type { DockerEngine } from '../../engines/docker.ts';
import type { OperationOptions } from '../environment.ts';
import type { ImageLedger } from '../imageLedger.ts';
import { installEntrypoints } from './entrypoints.ts';
import { chooseAcceleration } from './acceleration.ts';
import { containerOf, guestEnvironment, remoteUserOf } from './guestSetup.ts';
import type { Box, BoxStore } from './image/boxStore.ts';
import { buildProjectImage, configHash } from './projectImage.ts';
import type { MachineRecord } from './record.ts';
import { prepareBox, prepareOwn, type SourceParts } from './prepareSource.ts';
import { expectVagrant } from './requirements.ts';
import { mountsOf } from './mounts/vmMounts.ts';
import { composeProjectName } from './services/composedProject.ts';
import { installServices } from './services/guestServices.ts';
import { ensureSessionPool } from './sessionStorage.ts';
import { settleIn } from './settleIn.ts';
import { expectRoom, expectSupported } from './supported.ts';

/** All that a new machine is made of. */
export interface Prepared {
  /** The image box; undefined where it is made of anything else. */
  readonly box?: Box;
  /** Whether there was nothing to be built for it. */
  readonly cached: boolean;
  readonly record: MachineRecord;
  /** Whether the machine is there already: then it is not removed where something fails. */
  readonly found?: boolean;
  /** Whether a machine on the disk of the same box is there still, and all of it may be kept that would come out the same. */
  readonly over?: boolean;
  /** Makes the machine and boots it. @returns the record with what is known from then on */
  readonly make: (options: OperationOptions & Pick<Prepared, 'over'>) => Promise<MachineRecord>;
  /** The first that is done in it. @returns the record of a machine that can be worked in */
  readonly setUp: (
    connection: Connection,
    made: MachineRecord,
    signal: AbortSignal,
  ) => Promise<MachineRecord>;
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
    readonly docker: DockerEngine;
    readonly boxes: BoxStore;
    readonly images: ImageLedger;
    readonly log: Logger;
  } & SourceParts,
  options: OperationOptions,
): Promise<Prepared> {
  const { progress, signal } = options;
  expectSupported(settings);
  const { source } = settings.vm;
  if (source.type === 'box') return prepareBox(project, settings, source, parts, options);
  if (source.type === 'vagrantfile') return prepareOwn(project, settings, source, parts, options);
  const { name } = parts.host;
  expectRoom(settings, { ...(await parts.host.size(signal)), name }, project.configFile);
  // Not after minutes of building.
  await expectVagrant(parts.runner, signal);
  const acceleration = chooseAcceleration(settings.vm.acceleration, await parts.host.virtualisation(signal));
  progress.line(l10n.t('Acceleration: {0}. {1}', acceleration.type, acceleration.reason));
  const image = await buildProjectImage(project, parts, { progress, signal });
  const merged: Readonly<Record<string, unknown>> = { ...image.configuration.mergedConfiguration };
  await parts.hooks.initialize(merged, { progress, signal });
  // The box before was made of the image before, and needs it no more.
  const tidying = parts.images.removeFormer(signal);
  const { box, cached } = await parts.boxes
    .ensure(image.id, image.layers, project.id, { acceleration: acceleration.type, progress, signal })
    .finally(() => tidying);
  const { mergedConfiguration, workspace } = image.configuration;
  const { workspaceFolder } = workspace;
  const plan = mountsOf(project.folder, { merged, workspaceFolder });
  const entrypoints = mergedConfiguration.entrypoints ?? [];
  const record: MachineRecord = {
    version: 1,
    phase: 'creating',
    guestId: randomUUID(),
    domain: parts.generated.domain,
    boxKey: box.key,
    image: mergedConfiguration.image ?? image.id,
    acceleration,
    ...(parts.host.name === undefined ? {} : { host: parts.host.name }),
    user: remoteUserOf(mergedConfiguration, image.config),
    workspaceFolder,
    mounts: plan.mounts.length > 0,
    entrypoints: entrypoints.length > 0,
    ...(image.left ? { left: image.left } : {}),
    env: guestEnvironment(mergedConfiguration, image.config),
    merged,
    configHash: await configHash(project),
  };
  return {
    box,
    cached,
    record,
    make: async (inner) => {
      const { cpus, memoryBytes, diskBytes } = settings.vm;
      const login = { user: 'root', privateKeyFile: box.privateKeyFile };
      if (parts.host.isSession) await ensureSessionPool(parts.runner, inner.signal);
      const directBoot = await parts.boxes.directBoot(box, inner.signal);
      await parts.generated.create(
        { box: box.name, login, cpus, memoryBytes, diskBytes, acceleration: acceleration.type, directBoot },
        inner.progress,
        inner.signal,
        inner.over,
      );
      const disks = plan.mounts.filter((mount) => mount.how === 'disk');
      await parts.generated.attachVolumes(disks, diskBytes, inner.signal);
      return record;
    },
    setUp: async (connection, made, inner) => {
      const settled = await settleIn(
        connection,
        made,
        { projectName: project.name, plan, log: parts.log },
        inner,
      );
      await installEntrypoints(
        connection,
        entrypoints,
        containerOf(mergedConfiguration, image.config),
        inner,
      );
      if (!image.services) return { ...made, ...settled };
      const name = composeProjectName(project);
      return {
        ...{ ...made, ...settled },
        services: await installServices(connection, image.services, name, inner),
      };
    },
  };
}
