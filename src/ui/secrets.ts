import * as l10n from '@vscode/l10n';
import * as vscode from 'vscode';
import { Turns } from '../base/turns.ts';
import type { Project } from '../config/project.ts';
import type { DeclaredSecret, GetSecrets } from '../environments/hooks/secrets.ts';

/**
 * The values of the projects' secrets: asked for once, kept where the editor keeps secrets. One that is left
 * empty is not asked for again; one whose question is closed is asked for the next time.
 */
export class ProjectSecrets {
  readonly #storage: vscode.SecretStorage;
  /** One question at a time, also where both kinds are made at once. */
  readonly #turns = new Turns();

  constructor(storage: vscode.SecretStorage) {
    this.#storage = storage;
  }

  readonly get: GetSecrets = async (project, declared, signal) => {
    if (declared.length === 0) return {};
    return this.#turns.take(() => this.#ask(project, declared, signal));
  };

  /** All of one project; the next hook that needs one asks again. */
  async forget(project: Pick<Project, 'id'>): Promise<void> {
    await this.#storage.delete(keyOf(project));
  }

  async #ask(
    project: Project,
    declared: readonly DeclaredSecret[],
    signal: AbortSignal,
  ): Promise<Readonly<Record<string, string>>> {
    const known = new Map(
      Object.entries(JSON.parse((await this.#storage.get(keyOf(project))) ?? '{}') as Record<string, string>),
    );
    const missing = declared.filter(({ name }) => !known.has(name));
    for (const [index, secret] of missing.entries()) {
      signal.throwIfAborted();
      const value = await askFor(project, secret, index + 1, missing.length, signal);
      signal.throwIfAborted();
      if (value === undefined) continue;
      known.set(secret.name, value);
      await this.#storage.store(keyOf(project), JSON.stringify(Object.fromEntries(known)));
    }
    return Object.fromEntries(
      declared.flatMap(({ name }) => {
        const value = known.get(name);
        return value === undefined || value === '' ? [] : [[name, value]];
      }),
    );
  }
}

function keyOf({ id }: Pick<Project, 'id'>): string {
  return `secrets:${id}`;
}

async function askFor(
  project: Project,
  { name, description, documentationUrl }: DeclaredSecret,
  step: number,
  steps: number,
  signal: AbortSignal,
): Promise<string | undefined> {
  const closing = new vscode.CancellationTokenSource();
  const onAbort = (): void => closing.cancel();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    const about = [description, documentationUrl].filter((part) => part !== undefined).join(' ');
    return await vscode.window.showInputBox(
      {
        title:
          steps === 1
            ? l10n.t('{0}: the secret {1}', project.name, name)
            : l10n.t('{0}: the secret {1} ({2} of {3})', project.name, name, step, steps),
        prompt: about || l10n.t('The hooks of this project get it as the variable {0}.', name),
        placeHolder: l10n.t('Kept by the editor; empty for none'),
        password: true,
        ignoreFocusOut: true,
      },
      closing.token,
    );
  } finally {
    signal.removeEventListener('abort', onAbort);
    closing.dispose();
  }
}
