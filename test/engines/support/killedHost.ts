/**
 * Stands for an extension host that is about to be killed: begins a sync and prints the number of the sync's process.
 * Arguments: port, key, host folder, guest folder, state folder, the guest's state folder.
 */
import { silentLogger } from '../../../src/base/log.ts';
import { silentProgress } from '../../../src/base/progress.ts';
import { ApartSync } from '../../../src/sync/apart/apartSync.ts';
import { connectToTestServer } from './sshServer.ts';

const [port = '', key = '', hostFolder = '', guestFolder = '', stateFolder = '', guestState = ''] =
  process.argv.slice(2);
const connection = await connectToTestServer(Number(port), key, { XDG_STATE_HOME: guestState });
const sync = new ApartSync({ hostFolder, stateFolder, ignore: [], protect: [], log: silentLogger });
const signal = AbortSignal.timeout(60_000);
await sync.attach({ connection, guestFolder, guestId: 'g' }, silentProgress, signal);
console.log(sync.pid);
