import * as vscode from 'vscode';

/** Where the engines are, as the computer's (never a workspace's) settings say. */
export interface EngineSettings {
  readonly docker: { readonly program: string; readonly endpoint?: string };
}

export function readEngineSettings(): EngineSettings {
  const settings = vscode.workspace.getConfiguration('switchyard');
  const endpoint = settings.get<string>('docker.host', '').trim();
  return {
    docker: {
      program: settings.get<string>('docker.path', '').trim() || 'docker',
      ...(endpoint === '' ? {} : { endpoint }),
    },
  };
}
