/**
 * A process that opens a project's container as the extension host does, and says each step: to be killed in
 * the middle of it.
 * Arguments: the project as JSON, the engine's address, the folder of the process ledger.
 */
import { once } from 'node:events';
import { ExecaRunner } from '../../../src/base/execaRunner.ts';
import { silentLogger } from '../../../src/base/log.ts';
import { ProcessLedger } from '../../../src/base/processLedger.ts';
import type { Project } from '../../../src/config/project.ts';
import { containersOf } from './provider.ts';

const [project = '', host = '', ledger = ''] = process.argv.slice(2);
const runner = new ExecaRunner(silentLogger, {}, new ProcessLedger(ledger, silentLogger));
const environment = containersOf(host, runner).forProject(JSON.parse(project) as Project);
const say = (step: string): void => void process.stdout.write(`${step}\n`);
const { hooks } = await environment.open({
  progress: { step: say, line: () => undefined },
  signal: new AbortController().signal,
});
environment.onDidChangeStatus(({ activity }) => activity !== undefined && say(activity));
if (environment.status.activity !== undefined) say(environment.status.activity);
await hooks;
say('over');
// As a window that is closed: nobody waits for what is still to be done.
await once(process.stdin, 'data');
environment.dispose();
setImmediate(() => process.exit());
