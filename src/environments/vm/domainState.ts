import type { DomainInfo } from '../../engines/virshAnswers.ts';
import type { EnvironmentState } from '../environment.ts';

/** What libvirt says of a domain, in product terms. A domain with saved memory is off for libvirt. */
export function stateOf(info: DomainInfo | undefined): EnvironmentState {
  switch (info?.state) {
    case undefined:
      return 'absent';
    case 'running':
    case 'idle':
      return 'running';
    case 'in shutdown':
      return 'stopping';
    case 'paused':
    case 'pmsuspended':
      return 'suspended';
    case 'shut off':
    case 'crashed':
    case 'no state':
      return info.managedSave ? 'suspended' : 'stopped';
  }
}
