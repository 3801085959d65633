import * as l10n from '@vscode/l10n';
import { SwitchyardError } from '../base/errors.ts';
import { composeMissing, composeUnreadable } from './composeErrors.ts';

/** The CLI's last line on standard output where it failed. */
export interface FailureOutcome {
  readonly outcome: 'error';
  readonly message?: string;
  readonly description?: string;
  /** Present where the container exists: then a hook failed. */
  readonly containerId?: string;
}

/** How many lines of the failing step a person gets to see; the log has all. */
const shownLines = 12;

/** What the CLI's failure means for a person. `lines` is what programs printed before it. */
export function explainFailure(
  outcome: FailureOutcome,
  lines: readonly string[],
  configFile: string,
): SwitchyardError {
  const message = outcome.message ?? '';
  const detail = [outcome.description, message, ...lines].filter(Boolean).join('\n');
  const tail = lines.slice(-40).join('\n');
  if (/no space left on device|ENOSPC/i.test(`${message}\n${tail}`)) return diskFull(detail);
  const service = /Service '(.*)' configured in devcontainer\.json not found/.exec(message)?.[1];
  if (service !== undefined) return serviceMissing(service, configFile, detail);
  if (/(?:spawn |Command failed: )\S*docker-compose (?:ENOENT|version\b)/.test(message)) {
    return composeMissing(detail);
  }
  if (/^Command failed: \S*docker(?:-| )compose\b.* config$/.test(message)) {
    const why = withLines(l10n.t('Docker Compose says:'), saidBy(lines).slice(-4));
    return composeUnreadable(why, configFile, { detail });
  }
  const hook = failedHook(outcome);
  if (hook !== undefined) return hookFailed(hook, message, lines, configFile, detail);
  const pulled = /^Command failed: \S*docker (?:--\S+ )*pull (\S+)/.exec(message)?.[1] ?? missingBase(lines);
  if (pulled !== undefined) return imageUnavailable(pulled, lines, configFile, detail);
  if (/^Command failed: \S*docker(?:-compose)?\b.* build\b/.test(message)) {
    return buildFailed(lines, configFile, detail);
  }
  if (/spawn \S*docker\S* ENOENT/.test(message)) return programMissing(detail);
  return new SwitchyardError({
    code: 'docker.failed',
    what: l10n.t('The container could not be set up.'),
    why: withLines(
      firstLine(message),
      lines.filter((line) => /error|denied|invalid|unknown|cannot/i.test(line)).slice(-3),
    ),
    next: l10n.t('Correct the configuration, or look into the log for what went before.'),
    remedies: [{ do: 'openFile', file: configFile }, { do: 'showLog' }, { do: 'retry' }],
    detail,
  });
}

/** The name of the hook that failed: "postCreateCommand", or "b of onCreateCommand". */
function failedHook(outcome: FailureOutcome): string | undefined {
  const description = outcome.description ?? '';
  return (
    /^The (initializeCommand) in the devcontainer\.json failed/.exec(description)?.[1] ??
    (outcome.containerId === undefined
      ? undefined
      : /^((?:.+ of )?\w+Command\b.*?)(?: from devcontainer\.json)? failed/.exec(description)?.[1])
  );
}

function hookFailed(
  hook: string,
  message: string,
  lines: readonly string[],
  configFile: string,
  detail: string,
): SwitchyardError {
  const command = firstLine(message.replace(/^Command failed: (?:\/bin\/sh -c )?/, ''));
  const printed = lines
    .filter((line) => !line.includes('Skipping any further user-provided commands'))
    .slice(-4);
  const onHost = hook === 'initializeCommand';
  return new SwitchyardError({
    code: 'hook.failed',
    what: l10n.t('{0} failed.', hook),
    why: withLines(l10n.t('This command ended with an error: {0}', command), printed),
    next: onHost
      ? l10n.t('It runs on this computer before anything starts: correct it and try again.')
      : l10n.t('The container is kept and a terminal opens in it. Correct the command and rebuild.'),
    remedies: [
      { do: 'showLog' },
      { do: 'openFile', file: configFile },
      ...(onHost ? [{ do: 'retry' } as const] : [{ do: 'rebuild', kind: 'container' } as const]),
    ],
    detail,
  });
}

function serviceMissing(service: string, configFile: string, detail: string): SwitchyardError {
  return new SwitchyardError({
    code: 'config.invalid',
    what: l10n.t('The service of the project was not found.'),
    why: l10n.t('"service" is "{0}", and its compose files have no service of that name.', service),
    next: l10n.t('Name one of theirs as "service".'),
    remedies: [{ do: 'openFile', file: configFile }, { do: 'retry' }],
    detail,
  });
}

/** Without what the CLI itself adds to what a program printed. */
function saidBy(lines: readonly string[]): readonly string[] {
  return lines.filter((line) => line.trim() !== '' && !/^(?:Exit code |Error: Command |\s+at )/.test(line));
}

function buildFailed(lines: readonly string[], configFile: string, detail: string): SwitchyardError {
  return new SwitchyardError({
    code: 'image.buildFailed',
    what: l10n.t('The image could not be built.'),
    why: withLines(l10n.t('The failing step printed:'), failingStep(lines)),
    next: l10n.t('Correct the Dockerfile or the feature, and try again.'),
    remedies: [{ do: 'showLog' }, { do: 'openFile', file: configFile }, { do: 'retry' }],
    detail,
  });
}

function imageUnavailable(
  image: string,
  lines: readonly string[],
  configFile: string,
  detail: string,
): SwitchyardError {
  const reason = lines.findLast(
    (line) =>
      /error|denied|not found|unauthorized|no such host/i.test(line) && !/Retrying|no such image/i.test(line),
  );
  return new SwitchyardError({
    code: 'image.unavailable',
    what: l10n.t('The image "{0}" is not on this computer and could not be fetched.', image),
    why: reason?.replace(/^Error response from daemon: /, '') ?? '',
    next: l10n.t(
      'Check its name and the network, sign in with "docker login" where it is private, and try again.',
    ),
    remedies: [{ do: 'openFile', file: configFile }, { do: 'retry' }, { do: 'showLog' }],
    detail,
  });
}

function diskFull(detail: string): SwitchyardError {
  return new SwitchyardError({
    code: 'disk.full',
    what: l10n.t('The container could not be set up.'),
    why: l10n.t('No space is left on the disk that Docker uses.'),
    next: l10n.t('Make room, for instance with "docker system prune", and try again.'),
    remedies: [{ do: 'retry' }, { do: 'showLog' }],
    detail,
  });
}

function programMissing(detail: string): SwitchyardError {
  return new SwitchyardError({
    code: 'docker.missing',
    what: l10n.t('The program "docker" was not found.'),
    why: l10n.t('Containers are created with it.'),
    next: l10n.t('Install the Docker command line, or set its path in the settings.'),
    remedies: [{ do: 'checkRequirements' }, { do: 'retry' }],
    detail,
  });
}

/** The base image that a build could not fetch, as BuildKit and the classic builder say it. */
function missingBase(lines: readonly string[]): string | undefined {
  for (const line of lines.slice(-30)) {
    const image =
      /pull access denied for (\S+?),/.exec(line)?.[1] ??
      /manifest for (\S+) not found/.exec(line)?.[1] ??
      /ERROR: failed to solve: (\S+): (?:failed to resolve|pull access denied|not found)/.exec(line)?.[1];
    if (image !== undefined) return image;
  }
  return undefined;
}

/** The lines from the last step that began to the end, at most `shownLines` of them. */
function failingStep(lines: readonly string[]): readonly string[] {
  const begin = lines.findLastIndex((line) => /^(?:Step \d+\/\d+ : |#\d+ \[| > \[)/.test(line));
  const step = lines.slice(Math.max(begin, 0)).filter((line) => !/^ ---> |^-+$/.test(line));
  return step.length <= shownLines ? step : [step[0] ?? '', '…', ...step.slice(2 - shownLines)];
}

function withLines(sentence: string, lines: readonly string[]): string {
  return [sentence, ...lines].join('\n');
}

function firstLine(text: string): string {
  const [first = ''] = text.split('\n');
  return first.length > 300 ? `${first.slice(0, 299)}…` : first;
}
