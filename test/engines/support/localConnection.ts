import { spawn } from 'node:child_process';
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { Emitter } from '../../../src/base/event.ts';
import type { Connection, ExecRequest, RemoteProcess } from '../../../src/connections/connection.ts';

/** A "guest" that is this computer: programs are child processes. For fast tests of what stands on a connection. */
export class LocalConnection implements Connection {
  readonly description = 'this computer';
  readonly user = 'root';
  readonly #closed = new Emitter<Error | undefined>();
  readonly onDidClose = this.#closed.event;
  readonly #running = new Set<RemoteProcess>();
  readonly #env: Readonly<Record<string, string>>;
  isClosed = false;

  constructor(env: Readonly<Record<string, string>> = {}) {
    this.#env = env;
  }

  exec(request: ExecRequest): Promise<RemoteProcess> {
    const [program = '', ...args] = request.argv;
    const child = spawn(program, args, {
      cwd: request.cwd,
      env: { ...process.env, ...this.#env, ...request.env },
      detached: true,
    });
    const end = (signal: NodeJS.Signals): void => {
      if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
      try {
        process.kill(-child.pid, signal);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
      }
    };
    const running: RemoteProcess = {
      stdin: child.stdin,
      stdout: child.stdout,
      stderr: child.stderr,
      exit: new Promise((resolve) => {
        child.once('close', (code, signal) => {
          this.#running.delete(running);
          resolve({ code: code ?? undefined, signal: signal?.replace('SIG', '') });
        });
        child.once('error', () => resolve({ code: 127, signal: undefined }));
      }),
      resize: () => undefined,
      kill: (signal) => {
        end(`SIG${signal}`);
        return Promise.resolve();
      },
      dispose: () => end('SIGKILL'),
    };
    this.#running.add(running);
    return Promise.resolve(running);
  }

  connectTcp(host: string, port: number): Promise<Duplex> {
    return Promise.resolve(connect(port, host));
  }

  connectUnix(path: string): Promise<Duplex> {
    return new Promise((resolve, reject) => {
      const socket = connect(path, () => resolve(socket));
      socket.once('error', reject);
    });
  }

  dispose(): void {
    this.isClosed = true;
    for (const running of this.#running) running.dispose();
    this.#closed.fire(undefined);
    this.#closed.dispose();
  }
}
