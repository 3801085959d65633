import * as l10n from '@vscode/l10n';
import { asSentence, isCancellation, SwitchyardError } from '../base/errors.ts';
import { lastLines } from '../base/process.ts';
import type { DockerEndpoint } from './dockerEndpoint.ts';
import { SshDialFailed } from './sshDial.ts';

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
  if (error instanceof SshDialFailed) return explainDial(error, what, endpoint);
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

/** Of Docker 19.03, and of what Podman speaks. */
const oldestApi = '1.40';

/**
 * @param version as the engine answers: "1.41"
 * @throws SwitchyardError `docker.failed` where it is older than what Switchyard asks for
 */
export function expectKnownApi(
  version: string | undefined,
  what: string,
  endpoint: DockerEndpoint,
  cause: unknown,
): void {
  const [major = NaN, minor = NaN] = (version ?? '').split('.').map(Number);
  const [wantedMajor = 0, wantedMinor = 0] = oldestApi.split('.').map(Number);
  if (version === undefined || !(major < wantedMajor || (major === wantedMajor && minor < wantedMinor)))
    return;
  throw new SwitchyardError({
    code: 'docker.failed',
    what,
    why: l10n.t(
      'The engine at {0} is too old: it speaks version {1} of its API, and Switchyard needs {2}.',
      endpoint.host,
      version,
      oldestApi,
    ),
    next: l10n.t('Update Docker, or choose another engine.'),
    remedies: [{ do: 'checkRequirements' }],
    cause,
  });
}

/** An engine on another computer that was not reached: what ssh said, as what a person can do. */
function explainDial(error: SshDialFailed, what: string, endpoint: DockerEndpoint): SwitchyardError {
  const common = { what, detail: error.said, cause: error };
  const retry = [{ do: 'retry' }, { do: 'showLog' }] as const;
  const fingerprint = /\bSHA256:[A-Za-z0-9+/]+/.exec(error.said)?.[0];
  if (error.said.includes('REMOTE HOST IDENTIFICATION HAS CHANGED')) {
    return new SwitchyardError({
      ...common,
      code: 'ssh.hostKey',
      why: l10n.t(
        'The host key of {0} is not the one that is known: it is now {1}. Somebody may be listening, or the host was made anew.',
        endpoint.host,
        fingerprint ?? '?',
      ),
      next: l10n.t(
        'Ask whoever runs that host for its fingerprint. Only if it is this one, remove the old key with "ssh-keygen -R".',
      ),
      remedies: retry,
    });
  }
  if (error.said.includes('Host key verification failed')) {
    return new SwitchyardError({
      ...common,
      code: 'ssh.hostKey',
      why: l10n.t('The host key of {0} is not known yet.', endpoint.host),
      next: l10n.t('Connect once with ssh in a terminal and compare the fingerprint that it shows.'),
      remedies: retry,
    });
  }
  if (error.said.includes('Permission denied (')) {
    return new SwitchyardError({
      ...common,
      code: 'docker.permission',
      why: l10n.t('{0} does not let you in: {1}', endpoint.host, asSentence(lastLines(error.said, 1))),
      next: l10n.t('Load your key into the SSH agent (ssh-add), or name it in ~/.ssh/config.'),
      remedies: retry,
    });
  }
  if (/docker: (command )?not found|docker: No such file|docker: Permission denied/i.test(error.said)) {
    return new SwitchyardError({
      ...common,
      code: 'docker.missing',
      why: l10n.t('The host of {0} has no docker program on its PATH.', endpoint.host),
      next: l10n.t('Install it over there.'),
      remedies: retry,
    });
  }
  return new SwitchyardError({
    ...common,
    code: 'docker.notRunning',
    why: l10n.t(
      'The engine at {0} was not reached: {1}',
      endpoint.host,
      asSentence(lastLines(error.message, 2)),
    ),
    next: l10n.t('See whether "ssh" gets to that host, and "docker ps" answers there.'),
    remedies: retry,
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
