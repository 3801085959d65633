import * as l10n from '@vscode/l10n';
import type Dockerode from 'dockerode';
import type { ContainerInspectInfo, ContainerStats } from 'dockerode';
import { isCancellation } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { DockerEngine } from '../../engines/docker.ts';
import type { Usage } from '../environment.ts';
import { usageOf } from './usage.ts';

/** How long a figure of the disk holds, in milliseconds: to size a container can take the engine seconds. */
const diskHoldsMs = 60_000;

/** The API's `size`, which the types of dockerode do not have. */
const withSize: Dockerode.ContainerInspectOptions & { size: true } = { size: true };

interface DiskSizes {
  readonly containerId: string;
  readonly at: number;
  readonly diskBytes: number | undefined;
  readonly diskBaseBytes: number | undefined;
}

/** Samples one container's resource use, keeping what the next sample is compared with. */
export class ContainerSampler {
  readonly #engine: DockerEngine;
  readonly #log: Logger;
  #before: { readonly id: string; readonly stats: ContainerStats } | undefined;
  #disk: DiskSizes | undefined;
  #sizing = false;

  constructor(engine: DockerEngine, log: Logger) {
    this.#engine = engine;
    this.#log = log;
  }

  /** @param end bounds what goes on in the background */
  async sample(container: ContainerInspectInfo, signal: AbortSignal, end: AbortSignal): Promise<Usage> {
    const stats = await this.#engine.ask(
      l10n.t('The resource use of the container could not be read.'),
      (docker) => docker.getContainer(container.Id).stats({ stream: false, 'one-shot': true }),
      { signal, timeoutMs: 5_000 },
    );
    const before = this.#before?.id === container.Id ? this.#before.stats : undefined;
    this.#before = { id: container.Id, stats };
    const disk = this.#disk?.containerId === container.Id ? this.#disk : undefined;
    if (!this.#sizing && (!disk || performance.now() - disk.at > diskHoldsMs))
      void this.#measureDisk(container.Id, end);
    return {
      ...usageOf(stats, before, container.HostConfig),
      diskBytes: disk?.diskBytes,
      diskBaseBytes: disk?.diskBaseBytes,
    };
  }

  async #measureDisk(id: string, signal: AbortSignal): Promise<void> {
    this.#sizing = true;
    try {
      const sizes = await this.#engine.ask(
        l10n.t('The disk use of the container could not be read.'),
        (docker) => docker.getContainer(id).inspect(withSize),
        { signal, timeoutMs: 120_000 },
      );
      const { SizeRw, SizeRootFs } = sizes as { SizeRw?: number; SizeRootFs?: number };
      this.#disk = {
        containerId: id,
        at: performance.now(),
        diskBytes: SizeRw,
        // The root file system is the image and what the container wrote over it.
        diskBaseBytes: SizeRootFs === undefined ? undefined : SizeRootFs - (SizeRw ?? 0),
      };
    } catch (error) {
      if (!isCancellation(error)) this.#log.warn(`No disk use of ${id.slice(0, 12)}: ${String(error)}`);
    } finally {
      this.#sizing = false;
    }
  }
}
