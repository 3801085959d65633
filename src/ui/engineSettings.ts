import * as l10n from '@vscode/l10n';
import * as vscode from 'vscode';
import type { Disposable } from '../base/disposable.ts';
import { SwitchyardError } from '../base/errors.ts';
import { findLibvirtEndpoint, type LibvirtEndpoint } from '../engines/libvirtEndpoint.ts';
import type { Dotfiles } from '../environments/hooks/dotfiles.ts';

/** Where the engines are, as the computer's (never a workspace's) settings say. */
export interface EngineSettings {
  readonly docker: { readonly program: string; readonly endpoint?: string };
  /** As its setting says it; empty where it says nothing. */
  readonly libvirt: string;
}

export function readEngineSettings(): EngineSettings {
  const settings = vscode.workspace.getConfiguration('switchyard');
  const endpoint = settings.get<string>('docker.host', '').trim();
  return {
    docker: {
      program: settings.get<string>('docker.path', '').trim() || 'docker',
      ...(endpoint === '' ? {} : { endpoint }),
    },
    libvirt: settings.get<string>('libvirt.uri', '').trim(),
  };
}

/** Which libvirt runs the machines, or why none can be chosen: then whoever wants one is told. */
export function libvirtEndpoint(setting: string): LibvirtEndpoint | SwitchyardError {
  try {
    return findLibvirtEndpoint({ env: process.env, preferred: setting });
  } catch (error) {
    if (error instanceof SwitchyardError) return error;
    throw error;
  }
}

/** Engines are looked up when a window begins: who chooses another one is offered to begin it anew. */
export function offerReload(): Disposable {
  return vscode.workspace.onDidChangeConfiguration(async (event) => {
    const isLibvirt = event.affectsConfiguration('switchyard.libvirt');
    if (!isLibvirt && !event.affectsConfiguration('switchyard.docker')) return;
    const reload = l10n.t('Reload Window');
    const chosen = await vscode.window.showInformationMessage(
      isLibvirt
        ? l10n.t('Another libvirt was chosen. This window uses it once it is reloaded.')
        : l10n.t('Another Docker engine was chosen. This window uses it once it is reloaded.'),
      reload,
    );
    if (chosen === reload) await vscode.commands.executeCommand('workbench.action.reloadWindow');
  });
}

/** The person's dotfiles, as the settings say now. */
export function readDotfiles(): Dotfiles {
  const settings = vscode.workspace.getConfiguration('switchyard.dotfiles');
  return {
    repository: settings.get<string>('repository', ''),
    targetPath: settings.get<string>('targetPath', ''),
    installCommand: settings.get<string>('installCommand', '').trim(),
  };
}
