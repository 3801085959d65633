import { randomBytes } from 'node:crypto';
import type * as vscode from 'vscode';

const name = 'browserEditor.token';

/**
 * What an editor asks of whoever opens it. One for all of a person's editors: a browser keeps the token in a
 * cookie of 127.0.0.1, and those of other ports would displace it.
 */
export async function editorToken(secrets: vscode.SecretStorage): Promise<string> {
  const known = await secrets.get(name);
  if (known !== undefined) return known;
  const token = randomBytes(24).toString('base64url');
  await secrets.store(name, token);
  return token;
}
