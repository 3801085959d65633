/**
 * A window with a project's container, to be killed. Arguments: what it does, the project as JSON, the folder of the
 * process ledger, the engine's address.
 */
import { ExecaRunner } from '../../../src/base/execaRunner.ts';
import { silentLogger } from '../../../src/base/log.ts';
import { ProcessLedger } from '../../../src/base/processLedger.ts';
import type { Project } from '../../../src/config/project.ts';
import { asWindow, type Deed } from './asWindow.ts';
import { containersOf } from './provider.ts';

const [deed, project = '', ledger = '', host = ''] = process.argv.slice(2);
const runner = new ExecaRunner(silentLogger, {}, new ProcessLedger(ledger, silentLogger));
await asWindow(containersOf(host, runner).forProject(JSON.parse(project) as Project), deed as Deed);
