import { readFile } from 'node:fs/promises';

/**
 * What the proxy needs to know to be the SSH server of an environment that has none. Written beside the
 * SSH configuration by the editor, read by every `ssh`; it holds no secret.
 */
export interface DoorFile {
  readonly version: 1;
  /** For people: "Container of api". */
  readonly name: string;
  /** The Docker engine, as the docker command line writes addresses. */
  readonly engine: string;
  /** Folder with ca.pem, cert.pem and key.pem, for `tcp://` over TLS. */
  readonly tlsFolder?: string;
  readonly containerId: string;
  /** `name=value` labels that find the container again after it was made anew. */
  readonly labels: readonly string[];
  /** Who programs run as where the client names nobody else. */
  readonly user: string;
  /** On top of the container's own environment. */
  readonly env: Readonly<Record<string, string>>;
  /** Whether a stopped or paused container is started. */
  readonly start: boolean;
  /** Absolute path of the private key that the server shows itself with, in OpenSSH's format. */
  readonly hostKeyFile: string;
}

/** @throws Error where there is none, or it is not one */
export async function readDoorFile(file: string): Promise<DoorFile> {
  const door = JSON.parse(await readFile(file, 'utf8')) as Partial<DoorFile>;
  if (door.version !== 1) throw new Error(`${file} is of another version of Switchyard.`);
  return door as DoorFile;
}
