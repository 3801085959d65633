import { silentLogger } from '../../base/log.ts';
import { DockerConnection } from '../../connections/dockerConnection.ts';
import { DockerEngine } from '../../engines/docker.ts';
import type { DoorFile } from '../doorFile.ts';
import { PlainGuest } from './plainGuest.ts';

/** A bundle of its own, loaded only for a container that the agent does not run in: it brings dockerode. */
export function startPlainGuest(door: DoorFile, containerId: string, user: string, why: string): PlainGuest {
  const engine = new DockerEngine({ program: 'docker', endpoint: door.engine }, silentLogger);
  const env = user === door.user ? door.env : {};
  return new PlainGuest(
    new DockerConnection(engine, { containerId, user, env, cwd: '/' }, silentLogger),
    why,
  );
}
