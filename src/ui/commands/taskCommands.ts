import * as l10n from '@vscode/l10n';
import * as vscode from 'vscode';
import { SwitchyardError } from '../../base/errors.ts';
import type { CommandId } from '../commandIds.ts';
import type { ProjectModel } from '../model/projectModel.ts';
import { taskType, type EnvironmentTasks } from '../tasks/taskProvider.ts';
import { lineOf, shellLine, type TaskWork } from '../tasks/taskWork.ts';
import { environmentNodeOf } from '../tree/nodes.ts';
import { kindName } from '../tree/rowText.ts';
import type { CommandServices } from './services.ts';
import { requireTrust, targetProject } from './targets.ts';

type Handlers = Partial<Record<CommandId, (argument?: unknown) => unknown>>;

/** Runs tasks that were made for the host in an environment. */
export function taskCommands({ projects }: CommandServices, tasks: EnvironmentTasks): Handlers {
  return {
    'switchyard.runTask': async (argument) => {
      requireTrust();
      const model = targetProject(projects, argument);
      const { active } = model.switcher;
      const kind =
        environmentNodeOf(argument)?.environment.kind ??
        (active === 'host'
          ? model.switcher.toggleTarget(model.config.settings?.environment ?? 'container')
          : active);
      const able = (await vscode.tasks.fetchTasks()).flatMap((task) => {
        const work = isOf(task, model) ? workOfTask(task) : undefined;
        return work ? [{ task, work }] : [];
      });
      if (able.length === 0) throw noTasks(model.project.name);
      const items = able.map(({ task, work }) => ({
        label: task.source === 'Workspace' ? task.name : `${task.source}: ${task.name}`,
        description: task.detail ?? '',
        task,
        work,
      }));
      const chosen = await vscode.window.showQuickPick(items, {
        title: l10n.t('Run Task in Environment'),
        placeHolder: l10n.t('Which task to run in the {0}?', kindName(kind)),
      });
      if (chosen) await vscode.tasks.executeTask(tasks.around(chosen.task, model, kind, chosen.work));
    },
  };
}

function isOf({ scope, definition }: vscode.Task, { window }: ProjectModel): boolean {
  if (definition.type === taskType) return false;
  return typeof scope !== 'object' || scope.uri.toString() === window.address;
}

/** What a shell or process task runs; undefined where only its own extension knows. */
function workOfTask({ execution }: vscode.Task): TaskWork | undefined {
  if (execution instanceof vscode.ProcessExecution) {
    return { argv: [execution.process, ...execution.args], ...optionsOf(execution.options) };
  }
  if (!(execution instanceof vscode.ShellExecution)) return undefined;
  const line =
    execution.commandLine ?? (execution.command && lineOf(execution.command, execution.args ?? []));
  if (line === undefined || line === '') return undefined;
  return { argv: shellLine(line), ...optionsOf(execution.options) };
}

function optionsOf(options: vscode.ProcessExecutionOptions | undefined): Pick<TaskWork, 'cwd' | 'env'> {
  return { cwd: options?.cwd, env: options?.env ?? {} };
}

function noTasks(project: string): SwitchyardError {
  return new SwitchyardError({
    code: 'config.missing',
    what: l10n.t('There is no task to run in an environment.'),
    why: l10n.t('{0} has no npm, make, shell or process task.', project),
    next: l10n.t('Add one to tasks.json, or choose "Run Command in Environment…".'),
    remedies: [],
  });
}
