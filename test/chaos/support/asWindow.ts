import { once } from 'node:events';
import type { Environment } from '../../../src/environments/environment.ts';

/** What a window does with an environment. */
export type Deed = 'open' | 'rebuild' | 'suspend' | 'stop';

/**
 * Does as the extension host does, in a process that is to be killed in the middle of it: says each step, and `over`
 * after the last hook. Then it lives until something is written to it, and ends as a window that is closed.
 */
export async function asWindow(environment: Environment, deed: Deed): Promise<void> {
  const say = (step: string): void => void process.stdout.write(`${step}\n`);
  const options = {
    progress: { step: say, line: () => undefined },
    signal: new AbortController().signal,
  };
  if (deed === 'open' || deed === 'rebuild') {
    const { hooks } = await environment[deed](options);
    environment.onDidChangeStatus(({ activity }) => activity !== undefined && say(activity));
    if (environment.status.activity !== undefined) say(environment.status.activity);
    await hooks;
  } else {
    await environment[deed](options);
  }
  say('over');
  await once(process.stdin, 'data');
  environment.dispose();
  setImmediate(() => process.exit());
}
