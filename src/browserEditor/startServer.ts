import * as l10n from '@vscode/l10n';
import { withDeadline } from '../base/abort.ts';
import type { Disposable } from '../base/disposable.ts';
import { SwitchyardError } from '../base/errors.ts';
import { lastLines } from '../base/process.ts';
import type { Connection, RemoteProcess } from '../connections/connection.ts';
import type { EditorServer } from './findServer.ts';

/** Bound on the start, in milliseconds: in an emulated machine it takes a minute. */
const startMs = 180_000;
/** How much of what it prints is kept for the case that it fails, in characters. */
const keptOutput = 20_000;

/** An editor server that runs inside. Its owner ends it. */
export interface RunningServer extends Disposable {
  /** Where it listens, on the loopback address inside. */
  readonly port: number;
  /** Resolves when it is over; never rejects. */
  readonly ended: Promise<void>;
}

/**
 * Runs the server with the token, which comes on standard input, in a file that only its user may read: a
 * command line can be read by all. The server ends with its standard input, and the file with it.
 */
const script = `umask 077
IFS= read -r token
file=$(mktemp "\${TMPDIR:-/tmp}/switchyard-XXXXXX") || exit 1
printf %s "$token" > "$file"
exec 3<&0
(trap '' TERM HUP INT; while read -r line; do :; done <&3; rm -f "$file"; kill "$$" 2>/dev/null) >/dev/null 2>&1 &
exec "$@" --connection-token-file "$file" < /dev/null 3<&-`;

/** @returns the port in a line that says where the server listens */
export function portIn(line: string): number | undefined {
  const at = /(?:bound to|available at)\s+\S*?:(\d+)(?=\D|$)/i.exec(line);
  return at ? Number(at[1]) : undefined;
}

/**
 * Starts the server on a free port of the loopback address inside.
 * @throws SwitchyardError `editor.failed` where it does not come to listen
 */
export async function startServer(
  connection: Connection,
  server: EditorServer,
  options: { readonly token: string; readonly cwd: string },
  signal: AbortSignal,
): Promise<RunningServer> {
  const bounded = withDeadline(signal, startMs);
  const args = ['--accept-server-license-terms', '--host', '127.0.0.1', '--port', '0'];
  // Whoever opened the project trusted it already; other servers than these may not know the option.
  if (server.from !== 'setting') args.push('--disable-workspace-trust');
  const process = await connection.exec(
    { argv: ['/bin/sh', '-c', script, 'sh', ...server.argv, ...args], cwd: options.cwd },
    bounded,
  );
  const end = (): void => {
    process.stdin.end();
    process.dispose();
  };
  // A guest that goes away breaks the pipe; the exit tells it.
  process.stdin.on('error', () => undefined);
  process.stdin.write(`${options.token}\n`);
  try {
    const port = await waitForPort(process, bounded);
    return { port, ended: process.exit.then(() => undefined), dispose: end };
  } catch (error) {
    end();
    signal.throwIfAborted();
    throw error;
  }
}

async function waitForPort(process: RemoteProcess, signal: AbortSignal): Promise<number> {
  let output = '';
  let rest = '';
  const found = Promise.withResolvers<number>();
  const onText = (text: string): void => {
    output = (output + text).slice(-keptOutput);
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      const port = portIn(line);
      if (port !== undefined) found.resolve(port);
    }
  };
  process.stdout.setEncoding('utf8').on('data', onText);
  process.stderr.setEncoding('utf8').on('data', onText);
  const fail = (why: string): void => found.reject(failed(why, output));
  void process.exit.then(({ code }) =>
    fail(lastLines(output, 3) || l10n.t('It ended with {0}.', code ?? '?')),
  );
  const onAbort = (): void => fail(l10n.t('It did not listen within {0} s.', startMs / 1000));
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await found.promise;
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

function failed(why: string, output: string): SwitchyardError {
  return new SwitchyardError({
    code: 'editor.failed',
    what: l10n.t('The editor inside did not start.'),
    why,
    next: l10n.t('The log has what it printed.'),
    remedies: [{ do: 'retry' }, { do: 'showLog' }],
    detail: output,
  });
}
