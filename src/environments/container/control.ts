import * as l10n from '@vscode/l10n';
import type Dockerode from 'dockerode';
import type { DockerEngine } from '../../engines/docker.ts';
import { statusOf } from '../../engines/dockerErrors.ts';

/** How long a container may take to stop by itself before it is killed, in seconds; Docker's own default. */
const stopSeconds = 10;

/** The verbs of the engine on one container. All are idempotent. */
export class ContainerControl {
  readonly #engine: DockerEngine;

  constructor(engine: DockerEngine) {
    this.#engine = engine;
  }

  async start(id: string, signal: AbortSignal): Promise<void> {
    await this.#do(l10n.t('The container could not be started.'), id, signal, (c) => c.start());
  }

  async stop(id: string, signal: AbortSignal): Promise<void> {
    await this.#do(l10n.t('The container could not be stopped.'), id, signal, async (c) => {
      // A paused container takes no signal.
      if ((await c.inspect()).State.Paused) await c.unpause();
      await c.stop({ t: stopSeconds });
    });
  }

  async pause(id: string, signal: AbortSignal): Promise<void> {
    await this.#do(l10n.t('The container could not be paused.'), id, signal, async (c) => {
      const { State } = await c.inspect();
      if (State.Running && !State.Paused) await c.pause();
    });
  }

  async unpause(id: string, signal: AbortSignal): Promise<void> {
    await this.#do(l10n.t('The container could not be woken.'), id, signal, async (c) => {
      if ((await c.inspect()).State.Paused) await c.unpause();
    });
  }

  /** Removes it with its anonymous volumes, running or not. */
  async remove(id: string, signal: AbortSignal): Promise<void> {
    await this.#do(l10n.t('The container could not be removed.'), id, signal, async (c) => {
      try {
        await c.remove({ force: true, v: true });
      } catch (error) {
        // 404: gone already. 409: being removed by somebody else.
        if (statusOf(error) !== 404 && statusOf(error) !== 409) throw error;
      }
    });
  }

  async #do(
    what: string,
    id: string,
    signal: AbortSignal,
    work: (container: Dockerode.Container) => Promise<unknown>,
  ): Promise<void> {
    await this.#engine.ask(
      what,
      async (docker) => {
        try {
          await work(docker.getContainer(id));
        } catch (error) {
          // Is so already.
          if (statusOf(error) !== 304) throw error;
        }
      },
      { signal, timeoutMs: (stopSeconds + 50) * 1000 },
    );
  }
}
