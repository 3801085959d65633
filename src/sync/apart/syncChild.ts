import { fork, type ChildProcess } from 'node:child_process';
import type { Disposable } from '../../base/disposable.ts';
import { processFile } from '../files.ts';
import { processEnded } from '../reasons.ts';
import { ConnectionLender, type ToSync } from './connectionLender.ts';
import { Peer } from './peer.ts';

/** How long one that was let go of may take to end, in milliseconds. */
const endMs = 3_000;
/**
 * V8's part for young objects, in MiB of each half: by itself it grows to several times that while a large workspace
 * is taken in, and is never given back.
 */
const youngMiB = 8;
/** How much of what it complained of last is kept, in characters. */
const complaintChars = 2_000;

/** A process that runs `syncProcess.ts`, what is said to it, and the connections that it has on loan. */
export class SyncChild implements Disposable {
  readonly sync: ToSync;
  readonly lender: ConnectionLender;
  /** Rejects when it is over without having been disposed of, with a SwitchyardError that says how. */
  readonly gone: Promise<never>;
  readonly #child: ChildProcess;
  #isDisposed = false;

  /** @param env on top of this process's own variables */
  constructor(env: Readonly<Record<string, string>>) {
    this.#child = fork(processFile(), [], {
      execArgv: [`--max-semi-space-size=${youngMiB}`],
      // The editor's own program is a Node.js when it is told so.
      env: { ...process.env, NODE_OPTIONS: undefined, ELECTRON_RUN_AS_NODE: '1', ...env },
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    this.sync = new Peer(this.#child);
    this.lender = new ConnectionLender(this.sync);
    this.gone = this.#watch();
    // Whoever waits for an answer hears of it, and so does the owner.
    this.gone.catch(() => undefined);
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** It ends by itself when it is let go of. */
  dispose(): void {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    this.lender.dispose();
    this.sync.dispose();
    if (this.#child.connected) this.#child.disconnect();
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), endMs).unref();
    this.#child.once('exit', () => clearTimeout(timer));
  }

  #watch(): Promise<never> {
    let said = '';
    this.#child.stderr?.on('data', (chunk: Buffer) => {
      said = (said + chunk.toString()).slice(-complaintChars);
    });
    return new Promise<never>((_resolve, reject) => {
      const over = (how: string): void => {
        if (!this.#isDisposed) reject(processEnded(`${how} ${said}`.trim()));
        this.dispose();
      };
      this.#child.once('error', (error) => over(error.message));
      this.#child.once('exit', (code, signal) => over(`Its process ended (${signal ?? code ?? 'unknown'}).`));
    });
  }
}
