import { silentProgress } from '../../../src/base/progress.ts';
import { median } from '../harness.ts';
import { plant, signal, standBy, timed, type Place } from './place.ts';

/** Everything into an empty guest: from the open connection to the report that all is there. */
export async function initial(place: Place, files: number): Promise<void> {
  plant(place.host, files);
  const ours: number[] = [];
  const cold: number[] = [];
  const warm: number[] = [];
  for (let n = 0; n < place.runs; n += 1) {
    const [coldTarget, warmTarget, target] = [place.fresh(), place.fresh(), place.fresh()];
    cold.push(await timed(() => place.rsync(coldTarget, 'cold')));
    await place.warmUp();
    warm.push(await timed(() => place.rsync(warmTarget, 'warm')));
    const sync = place.sync(place.host, `${target}-state`);
    await standBy(sync);
    const connection = await place.connect();
    const request = { connection, guestFolder: target, guestId: 'bench' };
    ours.push(await timed(() => sync.attach(request, silentProgress, signal)));
    sync.dispose();
    connection.dispose();
  }
  const name = `${files} files of 4 KiB, initial`;
  const measured = { name, unit: 'ms', ours: median(ours) };
  place.row({ ...measured, peer: median(cold), peerName: 'rsync, cold', goal: '<=0.5' });
  place.row({ ...measured, peer: median(warm), peerName: 'rsync, warm ControlMaster', goal: '<=0.769' });
}
