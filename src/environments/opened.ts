import type { OpenResult } from './environment.ts';
import type { HookOutcome } from './hooks/environmentHooks.ts';
import type { ShellReserve } from './shells.ts';

/** An environment that is open, after its due hooks; a shell is held ready once those that run on are over. */
export function opened(
  shells: ShellReserve,
  { problem, rest }: HookOutcome,
  more: Pick<OpenResult, 'start' | 'workspaceFolder' | 'carried'>,
): OpenResult {
  if (rest) shells.prepareAfter(rest);
  else shells.prepare();
  return {
    ...more,
    connection: shells.connection,
    shell: (size, signal, variables) => shells.open(size, signal, variables),
    problem,
    hooks: rest,
  };
}
