import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import type Docker from 'dockerode';
import { packFiles, type TarFile } from '../../../src/environments/vm/image/tar.ts';
import { never, type realEngine } from './docker.ts';

/** Images that a test builds, and takes away in its end. */
export class BuiltImages {
  readonly #engine: ReturnType<typeof realEngine>;
  readonly #names: string[] = [];

  constructor(engine: ReturnType<typeof realEngine>) {
    this.#engine = engine;
  }

  /** @returns the name of an image of this Dockerfile, which may copy these files */
  async build(docker: Docker, dockerfile: string, files: readonly TarFile[] = []): Promise<string> {
    const name = `switchyard-test-${randomUUID()}:latest`;
    this.#names.push(name);
    const context = await packFiles([{ path: 'Dockerfile', mode: 0o644, content: dockerfile }, ...files]);
    const stream = await docker.buildImage(Readable.from([context]), { t: name });
    await new Promise<void>((resolve, reject) => {
      docker.modem.followProgress(stream, (error) => (error ? reject(error) : resolve()));
    });
    return name;
  }

  async remove(): Promise<void> {
    await this.#engine.ask(
      'The images of the test stay.',
      async (docker) => {
        for (const name of this.#names) await docker.getImage(name).remove({ force: true });
      },
      { signal: never },
    );
  }
}
