/**
 * A window with a project's virtual machine, to be killed. Arguments: what it does, the project as JSON, the folder of
 * the process ledger, the storage folder.
 */
import { ExecaRunner } from '../../../src/base/execaRunner.ts';
import { silentLogger } from '../../../src/base/log.ts';
import { ProcessLedger } from '../../../src/base/processLedger.ts';
import type { Project } from '../../../src/config/project.ts';
import { machinesIn } from '../../engines/support/vm.ts';
import { asWindow, type Deed } from './asWindow.ts';

const [deed, project = '', ledger = '', storage = ''] = process.argv.slice(2);
const runner = new ExecaRunner(silentLogger, {}, new ProcessLedger(ledger, silentLogger));
const machines = machinesIn(storage, runner, silentLogger);
await asWindow(machines.forProject(JSON.parse(project) as Project), deed as Deed);
