import { vmDoor } from '../support/vmDoor.ts';
import { doorTable } from '../table.ts';

doorTable('virtual machine', vmDoor);
