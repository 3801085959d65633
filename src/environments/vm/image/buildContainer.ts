import { PassThrough, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import * as l10n from '@vscode/l10n';
import type Docker from 'dockerode';
import { abortable, withDeadline } from '../../../base/abort.ts';
import { SwitchyardError } from '../../../base/errors.ts';
import { lastLines } from '../../../base/process.ts';
import { isOwnerGone, ownerTag } from '../../../base/processLedger.ts';
import { buildLabel } from '../../buildLabel.ts';

/** How long a container may take to be removed, in milliseconds. */
const removeMs = 60_000;

export interface BuildStep {
  readonly image: string;
  /** For `sh -c`, as root. */
  readonly script: string;
  /** Whether something will be written to its standard input. */
  readonly input: boolean;
  /** Folders that lie on the engine's disk and not in the container's layer. */
  readonly scratch: readonly string[];
}

/**
 * Makes a container for one step of a build, lends it to `use`, and removes it with all that belongs to it
 * in the end, however that comes.
 */
export async function withBuildContainer<T>(
  docker: Docker,
  step: BuildStep,
  signal: AbortSignal,
  use: (container: Docker.Container) => Promise<T>,
): Promise<T> {
  signal.throwIfAborted();
  // Not bound to the signal: a container made while nobody listens any more would stay for good.
  const container = await docker.createContainer({
    Image: step.image,
    Entrypoint: ['/bin/sh', '-c'],
    Cmd: [step.script],
    User: '0:0',
    WorkingDir: '/',
    Labels: { [buildLabel]: ownerTag() },
    Volumes: Object.fromEntries(step.scratch.map((folder) => [folder, {}])),
    ...(step.input ? { OpenStdin: true, StdinOnce: true, AttachStdin: true } : {}),
    AttachStdout: true,
    AttachStderr: true,
  });
  const onAbort = (): void => {
    // Ends what runs inside, and with it the streams; the removal below reports what goes wrong.
    container.kill().catch(() => undefined);
  };
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    signal.throwIfAborted();
    return await use(container);
  } finally {
    signal.removeEventListener('abort', onAbort);
    await container.remove({ force: true, v: true, abortSignal: AbortSignal.timeout(removeMs) });
  }
}

/** Removes the build containers of processes of this computer that died before they could. */
export async function sweepBuildContainers(docker: Docker, signal: AbortSignal): Promise<void> {
  const left = await docker.listContainers({
    all: true,
    filters: { label: [buildLabel] },
    abortSignal: signal,
  });
  const orphans = left.filter(({ Labels }) => isOwnerGone(Labels[buildLabel] ?? ''));
  await Promise.all(
    orphans.map(async ({ Id }) => {
      try {
        await docker.getContainer(Id).remove({ force: true, v: true, abortSignal: signal });
      } catch (error) {
        // 404, 409: another window sweeps as well.
        if (![404, 409].includes((error as { statusCode?: number }).statusCode ?? 0)) throw error;
      }
    }),
  );
}

/**
 * Runs a step's script to its end.
 * @param input what it reads; ended by this function where the script ends early
 * @throws SwitchyardError `image.buildFailed` or `disk.full`
 */
export async function runStep(
  container: Docker.Container,
  options: {
    readonly what: string;
    readonly input?: Readable;
    readonly onLine: (line: string) => void;
    readonly signal: AbortSignal;
    /** Milliseconds. */
    readonly timeoutMs: number;
  },
): Promise<void> {
  const { signal } = options;
  const bounded = withDeadline(signal, options.timeoutMs);
  const stream = await container.attach({
    stream: true,
    stdin: options.input !== undefined,
    stdout: true,
    stderr: true,
    hijack: true,
    abortSignal: signal,
  });
  const output = new PassThrough();
  const printed = collectLines(output, options.onLine);
  (container.modem as { demuxStream(from: unknown, out: PassThrough, err: PassThrough): void }).demuxStream(
    stream,
    output,
    output,
  );
  stream.on('end', () => output.end());
  stream.on('error', () => output.end());
  try {
    await container.start();
    const carried = options.input
      ? // The script's own exit code and words tell more than a broken pipe does.
        pipeline(options.input, stream).catch((error: unknown) => error)
      : undefined;
    const ended = container.wait() as Promise<{ StatusCode: number }>;
    const { StatusCode } = await abortable(ended, bounded);
    const problem = await carried;
    const text = await printed;
    signal.throwIfAborted();
    if (StatusCode === 0 && problem === undefined) return;
    throw buildFailure(options.what, text, problem ?? new Error(`exit code ${StatusCode}`));
  } catch (error) {
    signal.throwIfAborted();
    if (bounded.aborted) {
      throw new SwitchyardError({
        code: 'timeout',
        what: options.what,
        why: l10n.t('It was not over after {0} minutes.', Math.round(options.timeoutMs / 60_000)),
        next: l10n.t('See the log for where it stands, then try again.'),
        remedies: [{ do: 'retry' }, { do: 'showLog' }],
        cause: error,
      });
    }
    throw error;
  } finally {
    options.input?.destroy();
    (stream as NodeJS.ReadWriteStream & { destroy(): void }).destroy();
  }
}

/** The engine's answers are Node streams; its types know only the older interface. */
export function asReadable(stream: NodeJS.ReadableStream): Readable {
  return stream instanceof Readable ? stream : new Readable().wrap(stream);
}

/** What went wrong in a build, in a person's words. */
export function buildFailure(what: string, output: string, cause: unknown): SwitchyardError {
  const full = /No space left on device|ENOSPC/.test(`${output} ${String(cause)}`);
  return new SwitchyardError({
    code: full ? 'disk.full' : 'image.buildFailed',
    what,
    why: full
      ? l10n.t('There is no space left on the disk of this computer.')
      : lastLines(output, 5) || (cause instanceof Error ? cause.message : String(cause)),
    next: full
      ? l10n.t(
          'Free some: remove images and containers that are no longer needed, and virtual machines of other projects. Then try again.',
        )
      : l10n.t('The log has the whole output.'),
    remedies: [{ do: 'retry' }, { do: 'showLog' }],
    detail: lastLines(output, 200),
    cause,
  });
}

async function collectLines(stream: Readable, onLine: (line: string) => void): Promise<string> {
  const kept: string[] = [];
  let rest = '';
  const take = (line: string): void => {
    if (line.trim() === '') return;
    kept.push(line);
    if (kept.length > 500) kept.shift();
    onLine(line);
  };
  stream.setEncoding('utf8');
  for await (const chunk of stream) {
    const lines = (rest + String(chunk)).split(/\r?\n|\r/);
    rest = lines.pop() ?? '';
    lines.forEach(take);
  }
  take(rest);
  return kept.join('\n');
}
