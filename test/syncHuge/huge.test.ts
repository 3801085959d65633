import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../../src/base/log.ts';
import { silentProgress } from '../../src/base/progress.ts';
import { WorkspaceSync } from '../../src/sync/workspaceSync.ts';
import { SshServer } from '../engines/support/sshServer.ts';

const exec = promisify(execFile);
const mebibyte = 1024 ** 2;
const size = Math.round(Number(process.env['SYNC_HUGE_GIB'] ?? 5) * 1024 ** 3);
/** How much memory either end may take for it, in MiB. */
const most = { host: 200, guest: 100 };
const patienceMs = 15 * 60_000;

let server: SshServer;
let place: string;

beforeAll(async () => {
  server = await SshServer.start();
});

afterAll(() => server.stop());

beforeEach(() => {
  // On a disk: there need not be memory for it.
  place = fs.mkdtempSync(path.join(tmpdir(), 'switchyard-sync-huge-'));
});

afterEach(() => {
  fs.rmSync(place, { recursive: true });
});

describe(`a file of ${size / 1024 ** 3} GiB over a real sshd`, () => {
  it.each(['host', 'guest'] as const)(
    'goes from the %s, byte for byte and with little memory',
    async (from) => {
      const signal = AbortSignal.timeout(patienceMs);
      const folders = { host: path.join(place, 'host'), guest: path.join(place, 'guest') };
      for (const folder of Object.values(folders)) fs.mkdirSync(folder);
      const guestState = path.join(place, 'guest-state');
      const files = { host: path.join(folders.host, 'huge'), guest: path.join(folders.guest, 'huge') };
      writeHuge(files[from]);
      const connection = await server.connect({ XDG_STATE_HOME: guestState });
      const sync = new WorkspaceSync({
        ...{ hostFolder: folders.host, stateFolder: path.join(place, 'state') },
        ...{ ignore: [], protect: [], log: silentLogger },
      });
      const memory = watchMemory();
      try {
        const request = { connection, guestFolder: folders.guest, guestId: 'huge' };
        await sync.attach(request, silentProgress, signal);
        // What went as a stream is read once more on both sides.
        expect(await sync.flush(signal)).toBe(true);
        expect(memory.most()).toBeLessThan(most.host);
        expect(peakOf(agentIn(guestState))).toBeLessThan(most.guest);
        await exec('cmp', [files.host, files.guest]);
      } finally {
        memory.end();
        await sync.detach(signal);
        sync.dispose();
        connection.dispose();
      }
    },
  );
});

/** No MiB of it is like another one, and none compresses. */
function writeHuge(file: string): void {
  const block = randomBytes(64 * mebibyte);
  const handle = fs.openSync(file, 'w');
  for (let at = 0; at < size; at += block.length) {
    for (let inner = 0; inner < block.length; inner += mebibyte) block.writeDoubleBE(at + inner, inner);
    fs.writeSync(handle, block, 0, Math.min(block.length, size - at));
  }
  fs.closeSync(handle);
}

/** Watches how much more memory this process takes than now, in MiB. */
function watchMemory(): { most(): number; end(): void } {
  const resident = (): number => process.memoryUsage.rss() / mebibyte;
  const before = resident();
  let peak = before;
  const timer = setInterval(() => (peak = Math.max(peak, resident())), 50);
  return { most: () => peak - before, end: () => clearInterval(timer) };
}

/** The agent's process, which notes its number in its lock. */
function agentIn(guestState: string): number {
  const keys = path.join(guestState, 'switchyard', 'sync');
  return Number(fs.readFileSync(path.join(keys, fs.readdirSync(keys)[0] ?? '', 'lock'), 'utf8'));
}

/** The most memory that a process ever had, in MiB. */
function peakOf(pid: number): number {
  const found = /^VmHWM:\s+(\d+) kB$/m.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(found?.[1]) / 1024;
}
