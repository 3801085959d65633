import { SshServer } from '../engines/support/sshServer.ts';
import type { BenchOptions, Report, Row } from './harness.ts';
import { initial } from './sync/initial.ts';
import { large } from './sync/large.ts';
import { live } from './sync/live.ts';
import { Place } from './sync/place.ts';
import { scale, watcher } from './sync/scale.ts';
import { vmPass } from './sync/vm.ts';

const files = Number(process.env['BENCH_FILES'] ?? 10_000);
/** Software emulation is slow; what is compared grows alike. */
const filesInVm = Number(process.env['BENCH_FILES'] ?? 2_000);
const many = Number(process.env['BENCH_MANY'] ?? 100_000);
const largeMiB = Number(process.env['BENCH_LARGE_MIB'] ?? 1024);

const parts: Readonly<Record<string, (place: Place) => Promise<void> | void>> = {
  initial: (place) => initial(place, files),
  live: (place) => live(place, files),
  large: (place) => large(place, largeMiB),
  watcher: (place) => watcher(place, files),
  scale: (place) => scale(place, files, many),
};

/**
 * The workspace sync over a real sshd on this computer, beside rsync and scp in the same run; and in a second
 * pass into a real machine (`--guest sshd` or `vm`: only that one). For a part of the first alone: `BENCH_PARTS`
 * (names of `parts`, with commas); smaller: `BENCH_FILES`, `BENCH_MANY`, `BENCH_LARGE_MIB`, `BENCH_CHANGES`;
 * elsewhere: `BENCH_FOLDER`.
 */
export async function syncSuite({ runs, guest, signal }: BenchOptions): Promise<Report> {
  const here = guest === 'vm' ? [] : await overSshd(runs, signal);
  signal.throwIfAborted();
  const inside =
    guest === 'sshd' || process.env['BENCH_PARTS'] !== undefined ? [] : await vmPass(runs, filesInVm);
  return { suite: 'sync', rows: [...here, ...inside] };
}

async function overSshd(runs: number, signal: AbortSignal): Promise<readonly Row[]> {
  const server = await SshServer.start(['MaxStartups 100']);
  const place = new Place(server, runs);
  const wanted = process.env['BENCH_PARTS']?.split(',') ?? Object.keys(parts);
  try {
    for (const name of wanted) {
      signal.throwIfAborted();
      await parts[name]?.(place);
    }
    return place.rows;
  } finally {
    place.dispose();
    await server.stop();
  }
}
