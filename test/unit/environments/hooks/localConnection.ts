import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Connection, ExecRequest, RemoteProcess } from '../../../../src/connections/connection.ts';
import { Emitter } from '../../../../src/base/event.ts';

/** A Connection to this very computer: real programs behind the port that both kinds implement. */
export function localConnection(): Connection {
  const closed = new Emitter<Error | undefined>();
  return {
    description: 'this computer',
    user: 'me',
    isClosed: false,
    onDidClose: closed.event,
    exec: async (request: ExecRequest): Promise<RemoteProcess> => {
      const [program = '', ...args] = request.argv;
      const child = spawn(program, args, {
        cwd: request.cwd,
        env: { ...process.env, ...request.env },
        detached: true,
      });
      await once(child, 'spawn');
      const exit = once(child, 'close').then(([code, signal]: unknown[]) => ({
        code: typeof code === 'number' ? code : undefined,
        signal: typeof signal === 'string' ? signal.replace(/^SIG/, '') : undefined,
      }));
      const end = (): void => {
        // The group, so that what a shell started ends with it.
        if (child.exitCode === null && child.signalCode === null && child.pid)
          process.kill(-child.pid, 'SIGKILL');
      };
      return {
        stdin: child.stdin,
        stdout: child.stdout,
        stderr: child.stderr,
        exit,
        resize: () => undefined,
        kill: async () => {
          end();
          return Promise.resolve();
        },
        dispose: end,
      };
    },
    connectTcp: () => Promise.reject(new Error('not used')),
    dispose: () => closed.dispose(),
  };
}
