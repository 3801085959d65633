import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import * as l10n from '@vscode/l10n';
import { SwitchyardError } from '../../base/errors.ts';
import type { GuestKind } from '../../base/kinds.ts';
import { lastLines } from '../../base/process.ts';
import type { Progress } from '../../base/progress.ts';
import type { Connection } from '../../connections/connection.ts';
import type { HookMarker, HookMarkers } from './markers.ts';
import {
  hookNames,
  occasionOf,
  type HookName,
  type HookOccasion,
  type HookPlan,
  type HookStep,
} from './plan.ts';
import { hideSecrets, withoutSecrets } from './secrets.ts';

/** Output kept of a failed hook, in characters. */
const keptOutput = 20_000;

export interface HookRun {
  readonly connection: Connection;
  readonly kind: GuestKind;
  readonly plan: HookPlan;
  readonly markers: HookMarkers;
  /**
   * What identifies this creation, this start and this attachment. A hook is due when its marker names
   * another one.
   */
  readonly occasions: Readonly<Record<HookOccasion, string>>;
  /** Working folder: the workspace folder in the guest. */
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Values that hooks get besides, and that nothing may show. Asked for once hooks are due. */
  readonly secrets?: (signal: AbortSignal) => Promise<Readonly<Record<string, string>>>;
  /** Called once hooks are due, before the first of them: waits for what they may count on. */
  readonly beforeHooks?: ((signal: AbortSignal) => Promise<void>) | undefined;
  /** Called when a hook of a creation went well, before it counts as run: what it made has to outlive a power cut. */
  readonly keep?: ((signal: AbortSignal) => Promise<void>) | undefined;
  /** Called when all that a creation runs went well, before the first hook of a start. It never fails. */
  readonly whenCreated?: ((progress: Progress, signal: AbortSignal) => Promise<void>) | undefined;
}

/** With the secrets in its environment. */
type Secretive = HookRun & { readonly hidden: readonly string[] };

/** The first hook that is none of a creation. */
const firstOfStart: HookName = 'postStartCommand';

/**
 * Runs the hooks that are due, in the spec's order. The first that fails stops those after it; they all
 * count as run, so neither opening the environment again nor a restart runs them again: a rebuild does.
 * @param names of the hooks, in their order; the others are left as they are
 * @returns what a failed hook, now or earlier on the same occasion, says to the person; undefined where
 * all went well
 * @throws whatever the signal's reason is when it fires: a hook under way is killed and stays due
 * @throws SwitchyardError `environment.gone` where the connection is lost
 */
export async function runDueHooks(
  run: HookRun,
  progress: Progress,
  signal: AbortSignal,
  names: readonly HookName[] = hookNames,
): Promise<SwitchyardError | undefined> {
  const before = await run.markers.read();
  const secrets = (await run.secrets?.(signal)) ?? {};
  await run.beforeHooks?.(signal);
  const kept: Secretive = { ...run, env: { ...run.env, ...secrets }, hidden: Object.values(secrets) };
  const quiet = withoutSecrets(progress, kept.hidden);
  for (const hook of names) {
    if (hook === firstOfStart) await run.whenCreated?.(progress, signal);
    signal.throwIfAborted();
    const occasion = run.occasions[occasionOf(hook)];
    if (before.get(hook)?.occasion === occasion) continue;
    const problem = await runHook(kept, hook, quiet, signal);
    if (!problem) {
      if (occasionOf(hook) === 'create' && run.plan.get(hook)?.length) await run.keep?.(signal);
      await run.markers.write(hook, { occasion });
      continue;
    }
    await run.markers.write(hook, { occasion, failed: { what: problem.what, why: problem.why } });
    for (const skipped of hookNames.slice(hookNames.indexOf(hook) + 1)) {
      await run.markers.write(skipped, { occasion: run.occasions[occasionOf(skipped)] });
    }
    return problem;
  }
  return failedBefore(run, before);
}

/** The hooks that have something to run, or to wait for them, and were not run on their occasion. */
export async function dueHooks(run: HookRun): Promise<readonly HookName[]> {
  const markers = await run.markers.read();
  return hookNames.filter(
    (hook) =>
      ((run.plan.get(hook)?.length ?? 0) > 0 || (hook === firstOfStart && run.whenCreated !== undefined)) &&
      markers.get(hook)?.occasion !== run.occasions[occasionOf(hook)],
  );
}

/** What a hook of these occasions left behind, for the person. */
export function failedBefore(
  { kind, occasions }: Pick<HookRun, 'kind' | 'occasions'>,
  markers: ReadonlyMap<HookName, HookMarker>,
): SwitchyardError | undefined {
  for (const [hook, { occasion, failed }] of markers) {
    if (failed && occasion === occasions[occasionOf(hook)]) return hookFailure(kind, failed.what, failed.why);
  }
  return undefined;
}

async function runHook(
  run: Secretive,
  hook: HookName,
  progress: Progress,
  signal: AbortSignal,
): Promise<SwitchyardError | undefined> {
  for (const command of run.plan.get(hook) ?? []) {
    progress.step(l10n.t('Running {0}', hook));
    // In parallel all of them settle; the first that failed is the one that is told.
    const settled = await Promise.allSettled(
      command.map((step) => runStep(run, hook, step, progress, signal)),
    );
    signal.throwIfAborted();
    for (const result of settled) {
      if (result.status === 'rejected') throw result.reason;
      if (result.value) return result.value;
    }
  }
  return undefined;
}

async function runStep(
  run: Secretive,
  hook: HookName,
  step: HookStep,
  progress: Progress,
  signal: AbortSignal,
): Promise<SwitchyardError | undefined> {
  const prefix = step.name === undefined ? '' : `[${step.name}] `;
  const process = await run.connection.exec(
    { argv: step.argv, cwd: run.cwd, ...(run.env ? { env: run.env } : {}) },
    signal,
  );
  const onAbort = (): void => process.dispose();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    signal.throwIfAborted();
    let output = '';
    const onLine = (line: string): void => {
      progress.line(prefix + line);
      output = `${output}${hideSecrets(line, run.hidden)}\n`.slice(-keptOutput);
    };
    const read = [readLines(process.stdout, onLine), readLines(process.stderr, onLine)];
    // A hook that never reads its input must not fail for that.
    process.stdin.on('error', () => undefined);
    process.stdin.end();
    const { code, signal: endedBy } = await process.exit;
    await Promise.all(read);
    signal.throwIfAborted();
    if (code === 0) return undefined;
    if (code === undefined && endedBy === undefined) throw gone(hook);
    const name = step.name === undefined ? hook : `${hook} (${step.name})`;
    const how =
      code === undefined ? l10n.t('was ended by {0}', endedBy ?? '') : l10n.t('exited with {0}', code);
    return hookFailure(
      run.kind,
      l10n.t('{0} failed.', name),
      l10n.t('"{0}" {1}: {2}', step.text, how, lastLines(output, 1) || l10n.t('it printed nothing.')),
      output,
    );
  } finally {
    signal.removeEventListener('abort', onAbort);
    process.dispose();
  }
}

async function readLines(stream: Readable, onLine: (line: string) => void): Promise<void> {
  const lines = createInterface({ input: stream, crlfDelay: Infinity });
  lines.on('line', onLine);
  await once(lines, 'close');
}

/** What a failed hook says to the person. */
export function hookFailure(kind: GuestKind, what: string, why: string, detail?: string): SwitchyardError {
  return new SwitchyardError({
    code: 'hook.failed',
    what,
    why,
    next: l10n.t(
      'The environment is kept and can be used. Mend it in a terminal, or correct the hook and rebuild.',
    ),
    remedies: [{ do: 'showLog' }, { do: 'openTerminal', kind }, { do: 'rebuild', kind }],
    ...(detail === undefined ? {} : { detail }),
  });
}

function gone(hook: HookName): SwitchyardError {
  return new SwitchyardError({
    code: 'environment.gone',
    what: l10n.t('{0} could not be run to its end.', hook),
    why: l10n.t('The connection to the environment was lost.'),
    next: l10n.t('Open the environment again; the hook runs anew.'),
    remedies: [{ do: 'retry' }, { do: 'showLog' }],
  });
}
