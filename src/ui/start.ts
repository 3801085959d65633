import * as l10n from '@vscode/l10n';
import * as vscode from 'vscode';
import { DisposableStore, type Disposable } from '../base/disposable.ts';
import type { GuestKind } from '../base/kinds.ts';
import type { HostCredentials } from '../credentials/hostCredentials.ts';
import type { DockerEngine } from '../engines/docker.ts';
import type { EnvironmentProvider } from '../environments/environment.ts';
import type { Doors } from '../ssh/doors.ts';
import { tellCarryReports } from './carryReports.ts';
import { tellHookFailures } from './hookReports.ts';
import { configCommands } from './commands/configCommands.ts';
import { credentialCommands } from './commands/credentialCommands.ts';
import { engineCommands } from './commands/engineCommands.ts';
import { lifecycleCommands } from './commands/lifecycleCommands.ts';
import { editorCommands } from './commands/editorCommands.ts';
import { portCommands } from './commands/portCommands.ts';
import { registerCommands } from './commands/register.ts';
import type { CommandServices } from './commands/services.ts';
import { syncCommands } from './commands/syncCommands.ts';
import { sshCommands } from './commands/sshCommands.ts';
import { switchCommands } from './commands/switchCommands.ts';
import { taskCommands } from './commands/taskCommands.ts';
import { toolCommands } from './commands/toolCommands.ts';
import { workCommands } from './commands/workCommands.ts';
import { trackContextKeys } from './contextKeys.ts';
import { offerReload } from './engineSettings.ts';
import { ErrorReporter } from './errors.ts';
import { ProjectMemory, projectFactory } from './model/makeProject.ts';
import { Monitor } from './model/monitor.ts';
import { Others } from './model/others.ts';
import { WindowProjects, type FindPlace } from './model/windowProjects.ts';
import { Operations } from './operations.ts';
import { withCredentials, WindowCredentials } from './credentials/windowCredentials.ts';
import { WindowEditors } from './browserEditor/windowEditors.ts';
import { DebugConfigurations, debugType } from './debug/debugConfigurations.ts';
import { tellPorts } from './ports/portNotices.ts';
import { WindowPorts } from './ports/windowPorts.ts';
import { watchArrivals } from './remote/arrivals.ts';
import type { ProjectSecrets } from './secrets.ts';
import { Moves } from './remote/moves.ts';
import { placeOf } from './remote/place.ts';
import { WindowMover } from './remote/windowMover.ts';
import { StatusBar } from './statusBar.ts';
import { prepareOther } from './prepareOther.ts';
import { registerSyncVersions } from './syncVersions.ts';
import { EnvironmentTasks, taskType } from './tasks/taskProvider.ts';
import { registerTerminalProfiles } from './terminalProfiles.ts';
import { openForTerminal, Terminals } from './terminals.ts';
import { activeDecoration } from './tree/activeDecoration.ts';
import { EnvironmentsTree } from './tree/environmentsTree.ts';

/** The interface as its owner sees it. */
export interface Ui extends Disposable {
  /** Sends the last edits of every synced workspace, until the signal fires, and ends their sessions. */
  endSync(signal: AbortSignal): Promise<void>;
}

/**
 * Builds everything that a person sees, and keeps it in step with the window's projects.
 * @param storage absolute path of the extension's storage
 * @param workspaceState the workspace's own memory
 * @param computerState what all windows share
 */
export function startUi(parts: {
  providers: ReadonlyMap<GuestKind, EnvironmentProvider>;
  docker: DockerEngine;
  doors: Doors;
  hostCredentials: HostCredentials;
  storage: string;
  workspaceState: vscode.Memento;
  computerState: vscode.Memento;
  secrets: vscode.SecretStorage;
  projectSecrets: ProjectSecrets;
  log: vscode.LogOutputChannel;
}): Ui {
  const { providers, docker, doors, storage, log } = parts;
  const ui = new DisposableStore();
  const memory = new ProjectMemory(parts.workspaceState, parts.computerState);
  // The book is read only where a folder is not this computer's own.
  const findPlace: FindPlace = async (address) =>
    placeOf(address, address.scheme === 'file' ? [] : await doors.book.entries());
  const factory = projectFactory({ providers, memory, storage, log });
  const projects = ui.add(new WindowProjects(factory, findPlace, log));
  const monitor = ui.add(new Monitor(providers, log));
  const others = ui.add(new Others(providers));
  const ports = ui.add(new WindowPorts(projects, log));
  const editors = ui.add(new WindowEditors(projects, ports, log));
  const errors = new ErrorReporter(log);
  const operations = ui.add(new Operations(log, errors));
  ui.add(
    operations.onDidChangeStep((environment) => monitor.setStep(environment, operations.step(environment))),
  );
  const credentials = ui.add(
    new WindowCredentials({
      projects,
      host: parts.hostCredentials,
      memory: parts.computerState,
      isTrusted: () => vscode.workspace.isTrusted,
      doors,
      errors,
    }),
  );
  const open = withCredentials(openForTerminal(operations, errors), credentials);
  const terminals = new Terminals(open);
  const moves = new Moves(parts.computerState);
  const tasks = new EnvironmentTasks(projects, open);
  const services: CommandServices = { projects, monitor, others, operations, errors, terminals, log };

  ui.add(
    registerCommands(
      [
        switchCommands(services, memory, new WindowMover(doors, moves, credentials)),
        lifecycleCommands(services),
        workCommands(services),
        syncCommands(services),
        configCommands(services, memory, parts.projectSecrets),
        toolCommands(services),
        engineCommands(docker),
        sshCommands(services, doors, credentials),
        portCommands(services, ports),
        taskCommands(services, tasks),
        editorCommands(services, editors, parts.secrets),
        credentialCommands(services, credentials),
      ],
      errors,
    ),
  );
  ui.add(watchArrivals(projects, { moves, operations, errors }));
  ui.add(registerTerminalProfiles(projects, terminals));
  ui.add(vscode.tasks.registerTaskProvider(taskType, tasks));
  ui.add(
    vscode.debug.registerDebugConfigurationProvider(
      debugType,
      new DebugConfigurations({ projects, ports, open, errors }),
    ),
  );
  ui.add(registerSyncVersions(projects));
  ui.add(trackContextKeys(projects));
  ui.add(tellCarryReports(projects, log));
  ui.add(tellHookFailures(projects, errors));
  ui.add(tellPorts(ports, errors));
  ui.add(offerReload());
  ui.add(prepareOther(projects, operations));
  ui.add(new StatusBar(projects, monitor));
  ui.add(showTree({ projects, monitor, others, ports, editors, credentials }));
  void projects.reload();
  return {
    dispose: () => ui.dispose(),
    async endSync(signal) {
      const syncs = projects.models.flatMap((model) => model.environments.flatMap(({ sync }) => sync ?? []));
      const ended = await Promise.allSettled(syncs.map((sync) => sync.detach(signal)));
      for (const end of ended) {
        if (end.status === 'rejected')
          log.warn(`The last edits stay for the next start: ${String(end.reason)}`);
      }
    },
  };
}

/** The sidebar's view; figures and lists are read only while it can be seen. */
function showTree({
  projects,
  monitor,
  others,
  ports,
  editors,
  credentials,
}: Pick<CommandServices, 'projects' | 'monitor' | 'others'> & {
  ports: WindowPorts;
  editors: WindowEditors;
  credentials: WindowCredentials;
}): Disposable {
  const disposables = new DisposableStore();
  const tree = disposables.add(new EnvironmentsTree({ monitor, others, ports, editors, credentials }));
  const view = disposables.add(
    vscode.window.createTreeView('switchyard.environments', { treeDataProvider: tree }),
  );
  disposables.add(vscode.window.registerFileDecorationProvider(activeDecoration));
  let looking: Disposable | undefined;
  const look = (): void => {
    if (view.visible && !looking) {
      looking = monitor.look();
      void others.refreshAll();
    } else if (!view.visible && looking) {
      looking.dispose();
      looking = undefined;
    }
  };
  disposables.add(view.onDidChangeVisibility(look));
  disposables.add({ dispose: () => looking?.dispose() });
  const trust = (): void => {
    if (vscode.workspace.isTrusted) delete view.message;
    else view.message = l10n.t('Nothing of this folder is built or run until you trust it.');
  };
  disposables.add(vscode.workspace.onDidGrantWorkspaceTrust(trust));
  trust();
  disposables.add(
    projects.onDidChange(() => {
      monitor.track(projects.models);
      tree.setProjects(projects.models);
      look();
    }),
  );
  return disposables;
}
