import * as l10n from '@vscode/l10n';
import { SwitchyardError } from '../../base/errors.ts';

/**
 * The lifecycle hooks that run inside an environment, in the spec's order.
 * @see https://containers.dev/implementors/json_reference/#lifecycle-scripts
 */
export const hookNames = [
  'onCreateCommand',
  'updateContentCommand',
  'postCreateCommand',
  'postStartCommand',
  'postAttachCommand',
] as const;

export type HookName = (typeof hookNames)[number];

/** What a hook is due by: made new, started, or attached to. */
export type HookOccasion = 'create' | 'start' | 'attach';

const occasions: Readonly<Record<HookName, HookOccasion>> = {
  onCreateCommand: 'create',
  updateContentCommand: 'create',
  postCreateCommand: 'create',
  postStartCommand: 'start',
  postAttachCommand: 'attach',
};

export function occasionOf(hook: HookName): HookOccasion {
  return occasions[hook];
}

/**
 * The hooks that a person waits for before a terminal opens, and those that run on behind it.
 * @param waitFor the config's; where it says nothing, or nonsense, it is the spec's default
 * @see https://containers.dev/implementors/json_reference/#lifecycle-scripts
 */
export function splitByWaitFor(waitFor: string | undefined): {
  readonly first: readonly HookName[];
  readonly later: readonly HookName[];
} {
  if (waitFor === 'initializeCommand') return { first: [], later: hookNames };
  const named = hookNames.findIndex((hook) => hook === waitFor);
  const last = named === -1 ? hookNames.indexOf('updateContentCommand') : named;
  return { first: hookNames.slice(0, last + 1), later: hookNames.slice(last + 1) };
}

/** One program to run: a line for the guest's shell, or a program with its arguments as written. */
export interface HookStep {
  /** The key in the object form; undefined in the others. */
  readonly name: string | undefined;
  readonly argv: readonly string[];
  /** As a person wrote it, for messages. */
  readonly text: string;
}

/** Steps of one command; several (the object form) run in parallel. */
export type HookCommand = readonly HookStep[];

/** Every command of each hook, in the order in which they run: the features' first, the user's last. */
export type HookPlan = ReadonlyMap<HookName, readonly HookCommand[]>;

/** The names under which a merged configuration lists the commands of a hook. */
const mergedNames: Readonly<Record<HookName, string>> = {
  onCreateCommand: 'onCreateCommands',
  updateContentCommand: 'updateContentCommands',
  postCreateCommand: 'postCreateCommands',
  postStartCommand: 'postStartCommands',
  postAttachCommand: 'postAttachCommands',
};

/**
 * @param merged the `mergedConfiguration` of `devcontainer read-configuration`
 * @throws SwitchyardError `config.invalid` where a command has none of the spec's three forms
 */
export function hookPlan(merged: Readonly<Record<string, unknown>>): HookPlan {
  return new Map(
    hookNames.map((hook) => {
      const listed = merged[mergedNames[hook]];
      const commands = Array.isArray(listed) ? (listed as readonly unknown[]) : [];
      return [hook, commands.map((value) => parseHook(hook, value)).filter((steps) => steps.length > 0)];
    }),
  );
}

/**
 * Reads a command in any of its forms: a string for the shell, an array of a program and its arguments,
 * or an object of those, which run in parallel.
 * @throws SwitchyardError `config.invalid`
 */
export function parseHook(hook: string, value: unknown): HookCommand {
  if (value === undefined || value === null) return [];
  if (typeof value === 'object' && !Array.isArray(value)) {
    return Object.entries(value).flatMap(([name, command]) => parseStep(hook, name, command));
  }
  return parseStep(hook, undefined, value);
}

function parseStep(hook: string, name: string | undefined, value: unknown): HookStep[] {
  if (typeof value === 'string') {
    return value.trim() === '' ? [] : [{ name, argv: ['/bin/sh', '-c', value], text: value }];
  }
  if (Array.isArray(value) && value.every((word) => typeof word === 'string')) {
    return value.length === 0 ? [] : [{ name, argv: value, text: value.join(' ') }];
  }
  throw new SwitchyardError({
    code: 'config.invalid',
    what: l10n.t('{0} cannot be run.', name === undefined ? hook : `${hook}.${name}`),
    why: l10n.t('It must be a text, a list of texts, or an object of those.'),
    next: l10n.t('Correct it in the configuration, then rebuild.'),
    remedies: [{ do: 'showLog' }],
  });
}
