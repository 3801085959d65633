import * as l10n from '@vscode/l10n';
import type { DockerEngine } from '../engines/docker.ts';
import { statusOf } from '../engines/dockerErrors.ts';
import type { ExecResult } from './connection.ts';
import { DockerDemux } from './dockerDemux.ts';

/** Bound on a short program of ours in a container, in milliseconds. */
const runMs = 30_000;

/**
 * Runs a short program of ours in a container to its end, with no input and without a connection. When
 * the signal fires or the bound is over it is no longer waited for.
 * @throws SwitchyardError
 */
export async function runInContainer(
  engine: DockerEngine,
  containerId: string,
  request: { readonly argv: readonly string[]; readonly user: string; readonly timeoutMs?: number },
  signal: AbortSignal,
): Promise<ExecResult> {
  return engine.ask(
    l10n.t('A program could not be run in the container.'),
    async (docker, bound) => {
      const exec = await docker.getContainer(containerId).exec({
        Cmd: [...request.argv],
        User: request.user,
        AttachStdout: true,
        AttachStderr: true,
        abortSignal: bound,
      });
      const stream = await exec.start({ abortSignal: bound });
      const stdout: Buffer[] = [];
      const stderr: Buffer[] = [];
      const demux = new DockerDemux(
        (payload) => stdout.push(payload),
        (payload) => stderr.push(payload),
      );
      for await (const chunk of stream) demux.write(chunk as Buffer);
      const { ExitCode } = await exec.inspect({ abortSignal: bound });
      return {
        code: ExitCode ?? undefined,
        signal: undefined,
        stdout: Buffer.concat(stdout),
        stderr: Buffer.concat(stderr),
      };
    },
    { signal, timeoutMs: request.timeoutMs ?? runMs },
  );
}

/** True where the container is not there, or not in a state in which programs run in it. */
export function isContainerGone(error: unknown): boolean {
  const status = statusOf(error);
  return status === 404 || status === 409;
}
