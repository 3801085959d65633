import * as l10n from '@vscode/l10n';
import * as vscode from 'vscode';
import { SwitchyardError } from '../../base/errors.ts';
import type { EnvironmentKind, GuestKind } from '../../base/kinds.ts';
import type { ProjectModel } from '../model/projectModel.ts';
import type { WindowProjects } from '../model/windowProjects.ts';
import type { OpenEnvironment } from '../terminals.ts';
import { TaskTerminal } from './taskTerminal.ts';
import { readDefinition, workOf, type TaskDefinition, type TaskWork } from './taskWork.ts';

export const taskType = 'switchyard';

/** Makes tasks that run in an environment. */
export class EnvironmentTasks implements vscode.TaskProvider {
  readonly #projects: WindowProjects;
  readonly #open: OpenEnvironment;

  constructor(projects: WindowProjects, open: OpenEnvironment) {
    this.#projects = projects;
    this.#open = open;
  }

  /** Which there are says tasks.json alone. */
  provideTasks(): vscode.Task[] {
    return [];
  }

  resolveTask(task: vscode.Task): vscode.Task | undefined {
    const definition = readDefinition(task.definition);
    const model = this.#model(task.scope);
    if (!definition || !model) return undefined;
    return new vscode.Task(
      // VS Code takes the task only with the very definition that it asked for.
      task.definition,
      task.scope ?? vscode.TaskScope.Workspace,
      task.name,
      taskType,
      this.#execution(model, definition),
      task.problemMatchers,
    );
  }

  /** Runs the work of a task of another type in an environment, with its name, its group and its problem matchers. */
  around(task: vscode.Task, model: ProjectModel, kind: GuestKind, work: TaskWork): vscode.Task {
    const around = new vscode.Task(
      { type: taskType, command: task.name, environment: kind },
      task.scope ?? vscode.TaskScope.Workspace,
      task.name,
      taskType,
      new vscode.CustomExecution(() => Promise.resolve(this.#terminal(model, kind, work))),
      task.problemMatchers,
    );
    around.presentationOptions = task.presentationOptions;
    if (task.group) around.group = task.group;
    return around;
  }

  #execution(
    model: ProjectModel,
    definition: TaskDefinition,
  ): vscode.CustomExecution | vscode.ShellExecution {
    if (placeOf(model, definition) === 'host') {
      if (model.window.inside === undefined) return onHost(model, definition);
      const work = workOf(definition);
      return new vscode.CustomExecution(() =>
        Promise.resolve(new TaskTerminal(work, model.window.path, () => Promise.reject(notFromInside()))),
      );
    }
    return new vscode.CustomExecution((resolved) => {
      // Its variables have their values now, and another environment may be active.
      const current = readDefinition(resolved) ?? definition;
      const place = placeOf(model, current);
      const work = workOf(current);
      return Promise.resolve(
        place === 'host'
          ? new TaskTerminal(work, model.window.path, () => Promise.reject(nowOnHost()))
          : this.#terminal(model, place, work),
      );
    });
  }

  #terminal(model: ProjectModel, kind: GuestKind, work: TaskWork): TaskTerminal {
    return new TaskTerminal(work, model.window.path, () => this.#open(model, kind));
  }

  #model(scope: vscode.Task['scope']): ProjectModel | undefined {
    if (typeof scope !== 'object') return this.#projects.current();
    return this.#projects.in(scope);
  }
}

function placeOf(model: ProjectModel, { environment }: TaskDefinition): EnvironmentKind {
  return environment === undefined || environment === 'active' ? model.switcher.active : environment;
}

function nowOnHost(): SwitchyardError {
  return new SwitchyardError({
    code: 'environment.gone',
    what: l10n.t('The task was made for an environment, and now the host is the active one.'),
    why: '',
    next: l10n.t('Run it again.'),
  });
}

function notFromInside(): SwitchyardError {
  return new SwitchyardError({
    code: 'environment.gone',
    what: l10n.t('The task is one of the host.'),
    why: l10n.t('This window is inside an environment, and so are its tasks.'),
    next: l10n.t('Go back to the host, and run it there.'),
  });
}

/** On the host it is a task like every other. */
function onHost(model: ProjectModel, { command, args, cwd, env }: TaskDefinition): vscode.ShellExecution {
  const options = { cwd: cwd ?? model.window.path, ...(env ? { env: { ...env } } : {}) };
  return args === undefined
    ? new vscode.ShellExecution(command, options)
    : new vscode.ShellExecution(
        command,
        args.map((value) => ({ value, quoting: vscode.ShellQuoting.Strong })),
        options,
      );
}
