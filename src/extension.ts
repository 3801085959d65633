import { homedir } from 'node:os';
import path from 'node:path';
import * as l10n from '@vscode/l10n';
import * as vscode from 'vscode';
import { DisposableStore } from './base/disposable.ts';
import { ExecaRunner } from './base/execaRunner.ts';
import type { GuestKind } from './base/kinds.ts';
import { ProcessLedger } from './base/processLedger.ts';
import { DevcontainerCli } from './engines/devcontainerCli.ts';
import { DockerEngine } from './engines/docker.ts';
import type { EnvironmentProvider } from './environments/environment.ts';
import { ContainerProvider } from './environments/container/containerProvider.ts';
import { VmProvider } from './environments/vm/vmProvider.ts';
import type { Project } from './config/project.ts';
import type { SwitchyardSettings } from './config/settings.ts';
import { unsavedFiles } from './ui/dirtyEditors.ts';
import { HostCredentials } from './credentials/hostCredentials.ts';
import { SshBook } from './ssh/config/sshBook.ts';
import { Doors } from './ssh/doors.ts';
import { ApartSync } from './sync/apart/apartSync.ts';
import type { LiveSync } from './sync/liveSync.ts';
import { libvirtEndpoint, readDotfiles, readEngineSettings } from './ui/engineSettings.ts';
import { ProjectSecrets } from './ui/secrets.ts';
import { startUi, type Ui } from './ui/start.ts';

/** Bound on the last edits' way to an environment when the window closes, in milliseconds; VS Code waits five seconds. */
const lastEditsMs = 4_000;

/** The one thing that `activate` and `deactivate` share. */
let running: Ui | undefined;

/** Sends the last edits; what does not arrive in time goes at the next start. VS Code then disposes the rest. */
export async function deactivate(): Promise<void> {
  await running?.endSync(AbortSignal.timeout(lastEditsMs));
  running = undefined;
}

/** Composition root: builds the parts, hands each only what it needs, disposes in reverse. */
export function activate(context: vscode.ExtensionContext): void {
  if (vscode.l10n.bundle) l10n.config({ contents: vscode.l10n.bundle });
  const log = vscode.window.createOutputChannel('Switchyard', { log: true });
  const storage = context.globalStorageUri.fsPath;
  const engines = readEngineSettings();
  const compileCache = path.join(storage, 'compile-cache');
  // What VS Code's own process needs must not reach the programs that it starts.
  const ledger = new ProcessLedger(path.join(storage, 'processes'), log);
  const lifetime = new AbortController();
  ledger.endOrphans(lifetime.signal).catch((error: unknown) => {
    // The log ends with the window too.
    if (!lifetime.signal.aborted) log.warn(`What an earlier window left running: ${String(error)}`);
  });
  const runner = new ExecaRunner(log, { ELECTRON_RUN_AS_NODE: undefined, NODE_OPTIONS: undefined }, ledger);
  const docker = new DockerEngine(engines.docker, log);
  const devcontainer = new DevcontainerCli(
    {
      node: process.execPath,
      cli: context.asAbsolutePath(path.join('dist', 'devcontainers-cli', 'devcontainer.js')),
      docker: engines.docker.program,
      env: {
        // The editor's own program is a Node.js when it is told so.
        ELECTRON_RUN_AS_NODE: '1',
        // To compile its megabytes at each call would cost a person a tenth of a second.
        NODE_COMPILE_CACHE: compileCache,
      },
    },
    runner,
    log,
  );
  const syncIn =
    (kind: GuestKind) =>
    (project: Project, rules: () => SwitchyardSettings['sync']): LiveSync =>
      new ApartSync({
        hostFolder: project.folder,
        stateFolder: path.join(project.storage, kind, 'sync'),
        get ignore() {
          return rules().ignore;
        },
        get protect() {
          return rules().protect;
        },
        log,
        unsavedFiles,
        sentences: vscode.l10n.bundle,
        env: { NODE_COMPILE_CACHE: compileCache },
      });
  const secrets = new ProjectSecrets(context.secrets);
  const vm = new VmProvider({
    libvirt: libvirtEndpoint(engines.libvirt),
    runner,
    log,
    docker,
    devcontainer,
    storage,
    syncFor: syncIn('vm'),
    dotfiles: readDotfiles,
    secrets: secrets.get,
  });
  const container = new ContainerProvider({
    engine: docker,
    runner,
    log,
    devcontainer,
    dockerProgram: engines.docker.program,
    syncFor: syncIn('container'),
    dotfiles: readDotfiles,
    secrets: secrets.get,
  });
  const providers = new Map<GuestKind, EnvironmentProvider>([
    ['container', container],
    ['vm', vm],
  ]);
  const doors = new Doors(new SshBook(path.join(homedir(), '.ssh'), log), {
    node: process.execPath,
    script: context.asAbsolutePath(path.join('dist', 'ssh', 'proxy.cjs')),
    env: { ELECTRON_RUN_AS_NODE: '1' },
  });
  const ui = startUi({
    providers,
    docker,
    doors,
    hostCredentials: new HostCredentials({ runner, folder: storage, log }),
    storage,
    workspaceState: context.workspaceState,
    computerState: context.globalState,
    secrets: context.secrets,
    projectSecrets: secrets,
    log,
  });
  running = ui;
  const parts = new DisposableStore();
  for (const part of [log, runner, docker, container, vm, ui]) parts.add(part);
  parts.add({ dispose: () => lifetime.abort() });
  context.subscriptions.push(parts);
}
