import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';

export interface Ended {
  readonly code: number | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/** A program of this computer, usually an SSH client, and what it prints. */
export class Client {
  readonly child: ChildProcess;
  readonly #stdout: Buffer[] = [];
  readonly #stderr: Buffer[] = [];
  readonly ended: Promise<Ended>;

  constructor(
    program: string,
    args: readonly string[],
    options: { env?: Readonly<Record<string, string>>; cwd?: string; input?: string | Buffer } = {},
  ) {
    this.child = spawn(program, args, {
      env: { ...process.env, ...options.env },
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    });
    this.child.stdout?.on('data', (chunk: Buffer) => this.#stdout.push(chunk));
    this.child.stderr?.on('data', (chunk: Buffer) => this.#stderr.push(chunk));
    this.child.stdin?.on('error', () => undefined);
    if (options.input !== undefined) this.child.stdin?.end(options.input);
    this.ended = once(this.child, 'close').then(([code]) => ({
      code: code as number | null,
      stdout: Buffer.concat(this.#stdout),
      stderr: this.stderr,
    }));
  }

  get stdout(): string {
    return Buffer.concat(this.#stdout).toString();
  }

  get stderr(): string {
    return Buffer.concat(this.#stderr).toString();
  }

  /** Ends it as a crash does. */
  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.ended;
  }
}

/** Runs a program to its end; it must succeed. */
export async function succeed(
  program: string,
  args: readonly string[],
  options: ConstructorParameters<typeof Client>[2] = {},
): Promise<string> {
  const { code, stdout, stderr } = await new Client(program, args, { input: '', ...options }).ended;
  if (code !== 0) throw new Error(`${program} ${args.join(' ')}: ${code} ${stderr}`);
  return stdout.toString();
}
