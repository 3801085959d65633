import * as l10n from '@vscode/l10n';
import { isCancellation, SwitchyardError } from '../base/errors.ts';
import type { DockerEndpoint } from './dockerEndpoint.ts';

/** The HTTP status of an answer of the engine that is not what was asked for. */
export function statusOf(error: unknown): number | undefined {
  const status = (error as { statusCode?: unknown } | null)?.statusCode;
  return typeof status === 'number' ? status : undefined;
}

/**
 * Trouble with the engine, for a person. What is cancelled and what is explained already stays as it is.
 * @param what the sentence that says what could not be done
 */
export function explainDockerError(
  error: unknown,
  what: string,
  endpoint: DockerEndpoint,
  around: { readonly platform: NodeJS.Platform; readonly hasProgram: boolean },
): unknown {
  if (error instanceof SwitchyardError || isCancellation(error)) return error;
  const code = (error as NodeJS.ErrnoException | null)?.code;
  const unreachable = { endpoint, around, cause: error };
  if ((error as Error | null)?.name === 'TimeoutError') {
    return trouble('timeout', what, {
      ...unreachable,
      why: l10n.t('Docker at {0} did not answer in time.', endpoint.host),
      next: l10n.t('See whether "docker ps" answers; if not, restart Docker.'),
    });
  }
  if (code === 'ENOENT' && !around.hasProgram) {
    return trouble('docker.missing', what, {
      ...unreachable,
      why: l10n.t('Docker is not installed: there is neither its socket {0} nor its program.', endpoint.host),
      next: installHint(around.platform),
    });
  }
  if (
    code !== undefined &&
    [
      'ENOENT',
      'ECONNREFUSED',
      'ECONNRESET',
      'EPIPE',
      'ENOTFOUND',
      'EHOSTUNREACH',
      'ETIMEDOUT',
      'EAI_AGAIN',
    ].includes(code)
  ) {
    return trouble('docker.notRunning', what, {
      ...unreachable,
      why: l10n.t('Docker does not answer at {0}.', endpoint.host),
      next: startHint(endpoint, around.platform),
    });
  }
  if (code === 'EACCES' || code === 'EPERM') {
    return trouble('docker.permission', what, {
      ...unreachable,
      why: l10n.t('You are not allowed to use the Docker socket {0}.', endpoint.host),
      next: l10n.t(
        'Run "sudo usermod -aG docker $USER", then sign out and in again. Mind: this group is as powerful as root.',
      ),
    });
  }
  return new SwitchyardError({
    code: 'docker.failed',
    what,
    why: reasonOf(error),
    next: l10n.t('The log has the details.'),
    remedies: [{ do: 'retry' }, { do: 'showLog' }],
    cause: error,
  });
}

/** Engines on another computer, over SSH, are not spoken to yet. */
export function sshNotSupported(endpoint: DockerEndpoint): SwitchyardError {
  return new SwitchyardError({
    code: 'config.unsupported',
    what: l10n.t('The Docker engine at {0} cannot be used.', endpoint.host),
    why: l10n.t('Switchyard does not reach engines over SSH yet.'),
    next: l10n.t('Choose a local engine with "docker context use default", or unset DOCKER_HOST.'),
    remedies: [{ do: 'checkRequirements' }],
  });
}

function trouble(
  code: 'timeout' | 'docker.missing' | 'docker.notRunning' | 'docker.permission',
  what: string,
  rest: { why: string; next: string; cause: unknown },
): SwitchyardError {
  return new SwitchyardError({
    code,
    what,
    why: rest.why,
    next: rest.next,
    remedies: [{ do: 'retry' }, { do: 'checkRequirements' }],
    cause: rest.cause,
  });
}

function installHint(platform: NodeJS.Platform): string {
  return platform === 'linux'
    ? l10n.t(
        'Install it, on Debian and Ubuntu with "sudo apt install docker.io", or see docs.docker.com/engine/install.',
      )
    : l10n.t('Install Docker Desktop, Rancher Desktop or Colima, and start it.');
}

function startHint(endpoint: DockerEndpoint, platform: NodeJS.Platform): string {
  if (endpoint.host.startsWith('tcp:'))
    return l10n.t('Check the address, the network, and Docker over there.');
  if (endpoint.host.includes('podman')) return l10n.t('Run "systemctl --user start podman.socket".');
  return platform === 'linux'
    ? l10n.t('Start it with "sudo systemctl start docker", or "sudo dockerd" where there is no systemd.')
    : l10n.t('Start Docker Desktop (or Rancher Desktop, or "colima start").');
}

/** The engine's own words: dockerode wraps them as "(HTTP code 409) reason - words". */
function reasonOf(error: unknown): string {
  const json = (error as { json?: { message?: unknown } } | null)?.json;
  if (typeof json?.message === 'string') return json.message;
  return error instanceof Error ? error.message : String(error);
}
