import type { Connection, ExecRequest, ExecResult } from './connection.ts';

/**
 * Runs a program in a guest to its end and collects what it prints. When the signal fires the program
 * is killed and the call rejects with the signal's reason.
 */
export async function run(
  connection: Pick<Connection, 'exec'>,
  request: ExecRequest & { readonly input?: string | Uint8Array },
  signal: AbortSignal,
): Promise<ExecResult> {
  const process = await connection.exec(request, signal);
  const onAbort = (): void => process.dispose();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    process.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
    process.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
    // A program that ends without reading its input closes the pipe; its exit code tells what matters.
    process.stdin.on('error', () => undefined);
    process.stdin.end(request.input ?? '');
    const { code, signal: endedBy } = await process.exit;
    signal.throwIfAborted();
    return { code, signal: endedBy, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr) };
  } finally {
    signal.removeEventListener('abort', onAbort);
    process.dispose();
  }
}
