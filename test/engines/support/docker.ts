import { silentLogger } from '../../../src/base/log.ts';
import { DockerEngine } from '../../../src/engines/docker.ts';

/** A signal that never fires. */
export const never = new AbortController().signal;

/** The engine of this machine, whichever the docker command line would take. */
export function realEngine(): DockerEngine {
  return new DockerEngine({ program: 'docker' }, silentLogger);
}

/** Starts a container of debian:bookworm that waits; the caller removes it. Answers its id. */
export async function startContainer(engine: DockerEngine): Promise<string> {
  return engine.ask(
    'No container for the test.',
    async (docker) => {
      const container = await docker.createContainer({
        Image: 'debian:bookworm',
        Cmd: [
          '/bin/sh',
          '-c',
          'useradd --create-home --shell /bin/bash dev; touch /ready; exec sleep infinity',
        ],
        HostConfig: { Init: false },
      });
      await container.start();
      return container.id;
    },
    { signal: never },
  );
}

export async function removeContainer(engine: DockerEngine, id: string): Promise<void> {
  await engine.ask(
    'The container of the test stays.',
    (docker) => docker.getContainer(id).remove({ force: true, v: true }),
    { signal: never },
  );
}
