import { readFile } from 'node:fs/promises';
import { readDoorFile, type DoorFile } from '../doorFile.ts';
import type { Guest } from '../../connections/guest/guest.ts';
import { DockerApi, DockerRefusal } from './dockerApi.ts';
import { serveSsh } from './server.ts';
import { NoInterpreter, startGuest } from './startGuest.ts';
import { StdioSocket } from './stdio.ts';

/** How long an agent that is only just starting may take to start and then to hear of the end, in milliseconds. */
const farewellMs = 10_000;

/**
 * Is the SSH server of a container for the one client that started it as its ProxyCommand.
 * @param doorFile absolute path of a `DoorFile`
 */
async function main(doorFile: string): Promise<void> {
  const door = await readDoorFile(doorFile);
  const [docker, hostKey] = await Promise.all([
    DockerApi.open(door.engine, door.tlsFolder),
    readFile(door.hostKeyFile),
  ]);
  let isOver = false;
  const guests = new Map<string, Promise<Guest>>();
  const guestFor = (user: string): Promise<Guest> => {
    const known = guests.get(user);
    if (known) return known;
    const opening = open(docker, door, user);
    guests.set(user, opening);
    opening.then((guest) => guest.onDidEnd(gone)).catch(() => undefined);
    return opening;
  };
  const end = (error: Error | undefined): void => {
    if (isOver) return;
    isOver = true;
    if (error) say(door, error.message);
    // An agent is ended only when it listens: Docker does not tell a program of an end before its start.
    const farewells = [...guests.values()].map(async (guest) => {
      (await guest).dispose();
    });
    const exit = (): void => process.exit(error ? 1 : 0);
    Promise.allSettled(farewells)
      .then(() => setImmediate(exit))
      .catch(exit);
    setTimeout(exit, farewellMs);
  };
  const socket = new StdioSocket();
  /** The sessions say so themselves; a connection that only forwards ends with them, after their last words. */
  const gone = (reason: string): void => {
    if (isOver) return;
    say(door, reason);
    setImmediate(() => socket.end());
  };
  // Begun at once, while client and server agree on keys.
  guestFor(door.user).catch(end);
  // Also of a client that goes before it said a word, which ssh2 does not tell.
  socket.once('end', () => end(undefined));
  socket.once('close', () => end(undefined));
  serveSsh(socket, { user: door.user, hostKey, guestFor, onEnd: end });
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.once(signal, () => end(undefined));
}

async function open(docker: DockerApi, door: DoorFile, user: string): Promise<Guest> {
  let { containerId } = door;
  try {
    try {
      return await startGuest(docker, door, containerId, user);
    } catch (error) {
      if (!(error instanceof DockerRefusal) || (error.status !== 404 && error.status !== 409)) throw error;
      containerId = await wake(docker, door);
      return await startGuest(docker, door, containerId, user);
    }
  } catch (error) {
    if (!(error instanceof NoInterpreter)) throw error;
    // Loaded only here: it is as large as everything else together.
    const { startPlainGuest } = await import('./plain.ts');
    return startPlainGuest(door, containerId, user, error.message);
  }
}

/** The container that runs, found anew and started as needed. @throws Error that says why it is not */
async function wake(docker: DockerApi, door: DoorFile): Promise<string> {
  let id = door.containerId;
  let state = await docker.stateOf(id);
  if (state === undefined && door.labels.length > 0) {
    id = (await docker.find(door.labels)) ?? id;
    state = await docker.stateOf(id);
  }
  if (state === undefined) throw new Error('It does not exist. Open it in the editor first.');
  if (state === 'running') return id;
  if (!door.start) throw new Error(`It does not run (${state}), and the setting says not to start it.`);
  if (state === 'paused') await docker.unpause(id);
  else await docker.start(id);
  return id;
}

/** For the person: the client shows what its ProxyCommand says here. */
function say(door: DoorFile, message: string): void {
  process.stderr.write(`${door.name}: ${message}\n`);
}

const [, , doorFile] = process.argv;
if (doorFile === undefined) {
  process.stderr.write('usage: proxy <door file>\n');
  process.exit(64);
}
main(doorFile).catch((error: unknown) => {
  process.stderr.write(`Switchyard: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
});
