import { createInterface } from 'node:readline';
import { abortable } from '../../base/abort.ts';
import type { Disposable } from '../../base/disposable.ts';
import type { Connection, RemoteProcess } from '../../connections/connection.ts';
import { run } from '../../connections/run.ts';

/** What the guest's clock may be off by, in milliseconds. Builds and syncs go by whole seconds. */
export const clockToleranceMs = 1_000;
/** A guest in software emulation may be slow to get there, and is then off by as much: how often it is told. */
const attempts = 3;

/** BusyBox's date knows whole seconds only. @param at of the shell, such as `$1`: a time by `timeFor` */
export function setTime(at: string): string {
  return `at=${at}; date -u -s "$at" > /dev/null 2>&1 || date -u -s "\${at%.*}" > /dev/null`;
}

/** Sets the clock to what it is told, line by line, and answers each time. */
const waiting = `while read -r line; do ${setTime('$line')}; echo set; done`;

/** Sets the guest's clock, which stood still while the machine was suspended. */
export async function setGuestClock(connection: Connection, signal: AbortSignal): Promise<void> {
  await tell(async (at) => {
    // One program and no shell around it: in software emulation each one costs a fifth of a second.
    const set = await run(connection, { argv: ['date', '-u', '-s', at], user: 'root', cwd: '/' }, signal);
    if (set.code === 0) return;
    // BusyBox's date knows whole seconds only.
    const whole = at.replace(/\.\d*$/, '');
    await run(connection, { argv: ['date', '-u', '-s', whole], user: 'root', cwd: '/' }, signal);
  });
}

/**
 * A program in the guest that waits for the time. It is begun before the machine sleeps, and sleeps with it, so that
 * nothing has to be started where everybody waits for the clock.
 */
export class WaitingClock implements Disposable {
  readonly connection: Connection;
  readonly #process: RemoteProcess;
  readonly #lines: AsyncIterator<string>;

  private constructor(connection: Connection, process: RemoteProcess) {
    this.connection = connection;
    this.#process = process;
    // A guest that goes away breaks the pipe; that no answer comes tells it.
    process.stdin.on('error', () => undefined);
    this.#lines = createInterface({ input: process.stdout })[Symbol.asyncIterator]();
  }

  static async begin(connection: Connection, signal: AbortSignal): Promise<WaitingClock> {
    const argv = ['/bin/sh', '-c', waiting];
    return new WaitingClock(connection, await connection.exec({ argv, user: 'root', cwd: '/' }, signal));
  }

  /** Sets the guest's clock. @throws where it does not answer any more, or the signal fires */
  async set(signal: AbortSignal): Promise<void> {
    await tell(async (at) => {
      this.#process.stdin.write(`${at}\n`);
      const { done } = await abortable(this.#lines.next(), signal);
      if (done) throw new Error('What waited for the time is gone.');
    });
  }

  dispose(): void {
    this.#process.dispose();
  }
}

/** A time as `date -s` takes it. @param at in milliseconds since 1970 */
export function timeFor(at: number): string {
  return `@${(at / 1000).toFixed(3)}`;
}

async function tell(set: (at: string) => Promise<void>): Promise<void> {
  for (let attempt = 0; attempt < attempts; attempt += 1) {
    const sent = Date.now();
    await set(timeFor(sent));
    if (Date.now() - sent < clockToleranceMs) return;
  }
}
