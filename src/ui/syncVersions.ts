import * as vscode from 'vscode';
import type { GuestKind } from '../base/kinds.ts';
import type { WindowProjects } from './model/windowProjects.ts';

const scheme = 'switchyard-sync';

/** Bound on reading both versions, in milliseconds. */
const readTimeoutMs = 30_000;

/** Names one side's version of a synced file, for a diff editor. */
export function versionUri(
  projectId: string,
  kind: GuestKind,
  side: 'host' | 'guest',
  path: string,
): vscode.Uri {
  return vscode.Uri.from({ scheme, authority: projectId, path: `/${path}`, query: `${kind}&${side}` });
}

/** Reads the versions that `versionUri` names; a side without the file is an empty document. */
export function syncVersionProvider(projects: WindowProjects): vscode.TextDocumentContentProvider {
  return {
    provideTextDocumentContent: async (uri) => {
      const [kind, side] = uri.query.split('&');
      const model = projects.models.find(({ project }) => project.id === uri.authority);
      const sync = model?.environments.find((environment) => environment.kind === kind)?.sync;
      const versions = await sync?.versions(uri.path.slice(1), AbortSignal.timeout(readTimeoutMs));
      const bytes = side === 'host' ? versions?.host : versions?.guest;
      return new TextDecoder().decode(bytes ?? new Uint8Array());
    },
  };
}

export function registerSyncVersions(projects: WindowProjects): vscode.Disposable {
  return vscode.workspace.registerTextDocumentContentProvider(scheme, syncVersionProvider(projects));
}
