import type { Progress } from '../../base/progress.ts';
import type { Project } from '../../config/project.ts';

/** A value that the hooks of a project need and that stands in no file. */
export interface DeclaredSecret {
  /** The variable that holds it. */
  readonly name: string;
  readonly description: string | undefined;
  readonly documentationUrl: string | undefined;
}

/**
 * Knows, or asks the person for, the values of a project's secrets; one that the person does not give is
 * missing in the answer. Rejects with the signal's reason when it fires.
 */
export type GetSecrets = (
  project: Project,
  declared: readonly DeclaredSecret[],
  signal: AbortSignal,
) => Promise<Readonly<Record<string, string>>>;

/** What stands for a secret's value wherever a hook prints it. */
const stars = '********';

/** Shorter ones would make a text unreadable and be guessed from what is left of it. */
const leastLength = 3;

/**
 * The secrets that a config declares.
 * @see https://containers.dev/implementors/json_reference/#general-properties, `secrets`
 */
export function declaredSecrets(merged: object): readonly DeclaredSecret[] {
  const { secrets } = merged as { readonly secrets?: unknown };
  if (typeof secrets !== 'object' || secrets === null || Array.isArray(secrets)) return [];
  return Object.entries(secrets).flatMap(([name, about]) => {
    // Nothing else can be a variable's name in every shell.
    if (!/^[A-Za-z_]\w*$/.test(name)) return [];
    const { description, documentationUrl } = Object(about) as Record<string, unknown>;
    return [{ name, description: textOf(description), documentationUrl: textOf(documentationUrl) }];
  });
}

/** A text in which no secret is left; a value of several lines is hidden line by line, as it is printed. */
export function hideSecrets(text: string, values: readonly string[]): string {
  return values
    .flatMap((value) => value.split(/\r?\n/))
    .filter((part) => part.length >= leastLength)
    .toSorted((one, other) => other.length - one.length)
    .reduce((hidden, part) => hidden.replaceAll(part, () => stars), text);
}

/** The same progress, which says no secret. */
export function withoutSecrets(progress: Progress, values: readonly string[]): Progress {
  if (values.length === 0) return progress;
  return {
    step: (title) => progress.step(title),
    line: (text) => progress.line(hideSecrets(text, values)),
  };
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
