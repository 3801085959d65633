import * as l10n from '@vscode/l10n';
import * as vscode from 'vscode';
import { isCancellation, SwitchyardError } from '../../base/errors.ts';
import { formatBytes } from '../../base/format.ts';
import type { Capability, DestroyWishes, OperationOptions } from '../../environments/environment.ts';
import type { CommandId } from '../commandIds.ts';
import { isOtherNode } from '../tree/nodes.ts';
import { kindName } from '../tree/rowText.ts';
import type { CommandServices } from './services.ts';
import { requireTrust, targetEnvironment, type Target } from './targets.ts';

type Handlers = Partial<Record<CommandId, (argument?: unknown) => unknown>>;

/** Bound on asking what a question has to name, in milliseconds. */
const volumesMs = 10_000;

/** Commands on one environment's life: of a project's own, or of another one of this computer. */
export function lifecycleCommands(services: CommandServices): Handlers {
  const { operations, errors, others } = services;

  const onTarget = async (
    argument: unknown,
    capability: Capability,
    verb: {
      title: string;
      activity: (name: string) => string;
      /** Asks the person before anything is done. */
      confirm?: (target: Target) => Promise<boolean>;
    },
    work: (target: Target, options: OperationOptions) => Promise<unknown>,
  ): Promise<void> => {
    requireTrust();
    const target = await targetEnvironment(services, argument, capability, verb.title);
    if (!target || (verb.confirm && !(await verb.confirm(target)))) return;
    const title = verb.activity(targetName(target));
    await operations.run(title, target.environment, (options) => work(target, options), {
      retry: () => onTarget({ type: 'environment', ...target }, capability, verb, work),
    });
  };

  const onOther = async (
    argument: unknown,
    action: 'start' | 'stop' | 'suspend' | 'destroy',
    activity: (name: string) => string,
  ): Promise<boolean> => {
    if (!isOtherNode(argument)) return false;
    const { other } = argument;
    if (action === 'destroy' && !(await confirmDestroy(other.name, otherLoss(other.kind)))) return true;
    await operations.run(activity(other.name), undefined, async (options) => {
      await others.provider(other.kind)?.actOnOther(other.id, action, options);
    });
    await others.refresh(other.kind);
    return true;
  };

  const starting = (name: string): string => l10n.t('Starting {0}', name);
  const stopping = (name: string): string => l10n.t('Stopping {0}', name);
  const suspending = (name: string): string => l10n.t('Suspending {0}', name);
  const destroying = (name: string): string => l10n.t('Destroying {0}', name);

  return {
    'switchyard.start': async (argument) => {
      if (await onOther(argument, 'start', starting)) return;
      await onTarget(
        argument,
        'canOpen',
        { title: l10n.t('Start an environment'), activity: starting },
        async ({ model, environment }, options) => {
          const opened = await model.switcher.open(environment.kind, options);
          if (opened.problem)
            errors.report(opened.problem, starting(model.project.name), { severity: 'warning' });
        },
      );
    },
    'switchyard.stop': async (argument) => {
      if (await onOther(argument, 'stop', stopping)) return;
      await onTarget(
        argument,
        'canStop',
        { title: l10n.t('Stop an environment'), activity: stopping },
        ({ model, environment }, options) => model.switcher.stop(environment.kind, options),
      );
    },
    'switchyard.suspend': async (argument) => {
      if (await onOther(argument, 'suspend', suspending)) return;
      await onTarget(
        argument,
        'canSuspend',
        { title: l10n.t('Suspend an environment'), activity: suspending },
        ({ model, environment }, options) => model.switcher.suspend(environment.kind, options),
      );
    },
    'switchyard.restart': (argument) =>
      onTarget(
        argument,
        'canRestart',
        { title: l10n.t('Restart an environment'), activity: (name) => l10n.t('Restarting {0}', name) },
        ({ model, environment }, options) => model.switcher.restart(environment.kind, options),
      ),
    'switchyard.rebuild': (argument) =>
      onTarget(
        argument,
        'canRebuild',
        { title: l10n.t('Rebuild an environment'), activity: (name) => l10n.t('Rebuilding {0}', name) },
        async ({ model, environment }, options) => {
          const opened = await model.switcher.rebuild(environment.kind, options);
          if (opened.problem) errors.report(opened.problem, model.project.name, { severity: 'warning' });
        },
      ),
    'switchyard.destroy': async (argument) => {
      if (await onOther(argument, 'destroy', destroying)) return;
      let wishes: DestroyWishes | undefined;
      const confirm = async (target: Target): Promise<boolean> => {
        wishes = await confirmTarget(target);
        return wishes !== undefined;
      };
      await onTarget(
        argument,
        'canDestroy',
        { title: l10n.t('Destroy an environment'), activity: destroying, confirm },
        (target, options) => destroyTarget(target, options, wishes),
      );
    },
  };
}

function targetName({ model, environment }: Target): string {
  return `${model.project.name} · ${kindName(environment.kind)}`;
}

/** @returns undefined where it is not to be destroyed */
async function confirmTarget(target: Target): Promise<DestroyWishes | undefined> {
  const { state, snapshot, keptVolumes = [] } = target.environment.status;
  if (state === 'absent' && keptVolumes.length > 0) {
    const left = l10n.t('Only its volumes are left: {0}.', keptVolumes.join(', '));
    return (await confirmDestroy(targetName(target), left)) ? { withVolumes: true } : undefined;
  }
  const loss = l10n.t(
    'Everything in it outside of the workspace folder is lost. The workspace on this computer stays.',
  );
  if (!snapshot) {
    const volumes = (await target.environment.volumes?.(AbortSignal.timeout(volumesMs))) ?? [];
    if (volumes.length > 0) return confirmWithVolumes(targetName(target), volumes);
    return (await confirmDestroy(targetName(target), loss)) ? {} : undefined;
  }
  const size = formatBytes(snapshot.bytes);
  if (state === 'absent') {
    const left = l10n.t('Only its ready snapshot is left, which takes {0}.', size);
    return (await confirmDestroy(targetName(target), left)) ? {} : undefined;
  }
  const keep: vscode.MessageItem = { title: l10n.t('Destroy, Keep Snapshot') };
  const all: vscode.MessageItem = { title: l10n.t('Destroy with Snapshot') };
  const chosen = await vscode.window.showWarningMessage(
    l10n.t('Destroy {0}?', targetName(target)),
    {
      modal: true,
      detail: l10n.t('{0} From its ready snapshot, which takes {1}, it is back in seconds.', loss, size),
    },
    keep,
    all,
  );
  return chosen === keep ? { keepSnapshot: true } : chosen === all ? {} : undefined;
}

async function confirmWithVolumes(
  name: string,
  volumes: readonly string[],
): Promise<DestroyWishes | undefined> {
  const keep: vscode.MessageItem = { title: l10n.t('Destroy, Keep Volumes') };
  const all: vscode.MessageItem = { title: l10n.t('Destroy with Volumes') };
  const detail = l10n.t(
    'Everything in it outside of the workspace folder and of its volumes is lost. The workspace on this computer stays. Its volumes: {0}.',
    volumes.join(', '),
  );
  const chosen = await vscode.window.showWarningMessage(
    l10n.t('Destroy {0}?', name),
    { modal: true, detail },
    keep,
    all,
  );
  return chosen === keep ? {} : chosen === all ? { withVolumes: true } : undefined;
}

async function destroyTarget(
  target: Target,
  options: OperationOptions,
  wishes: DestroyWishes = {},
): Promise<void> {
  const { model, environment } = target;
  try {
    await model.switcher.destroy(environment.kind, options, wishes);
  } catch (error) {
    // What cannot be brought back is the person's to give up, never ours.
    if (isCancellation(error) || !(error instanceof SwitchyardError) || !error.code.startsWith('sync.'))
      throw error;
    const anyway: vscode.MessageItem = { title: l10n.t('Destroy and Lose Changes') };
    const chosen = await vscode.window.showWarningMessage(
      l10n.t('Changes made in {0} cannot be brought back first.', targetName(target)),
      { modal: true, detail: error.message },
      anyway,
    );
    if (chosen === anyway)
      await model.switcher.destroy(environment.kind, options, { ...wishes, abandon: true });
  }
}

async function confirmDestroy(name: string, loss: string): Promise<boolean> {
  const destroy: vscode.MessageItem = { title: l10n.t('Destroy') };
  const chosen = await vscode.window.showWarningMessage(
    l10n.t('Destroy {0}?', name),
    { modal: true, detail: loss },
    destroy,
  );
  return chosen === destroy;
}

function otherLoss(kind: 'container' | 'vm'): string {
  return kind === 'container'
    ? l10n.t('The container and everything written in it outside of volumes and mounts is lost.')
    : l10n.t('The virtual machine and everything on its disks is lost.');
}
