import { describe, expect, it } from 'vitest';
import { parseLibvirtUri } from '../../../../src/engines/libvirtEndpoint.ts';
import { parseNode } from '../../../../src/engines/virshAnswers.ts';
import type { Runner } from '../../../../src/base/process.ts';
import { MachineHost, readCapabilities } from '../../../../src/environments/vm/machineHost.ts';

const nobody: Runner = { run: () => Promise.reject(new Error('Nobody is asked.')) };

/** As of libvirt 9.0.0, shortened. */
const capabilities = (cpu: string, kvm: boolean): string => `<capabilities>
  <host>
    <uuid>c0853ac8</uuid>
    <cpu>
      <arch>x86_64</arch>
      ${cpu}
    </cpu>
  </host>
  <guest>
    <arch name='x86_64'>
      <domain type='qemu'/>${kvm ? "<domain type='kvm'/>" : ''}
    </arch>
  </guest>
</capabilities>`;

describe('the computer whose libvirt runs the machines', () => {
  it.each([
    ["<model>Broadwell</model><feature name='vmx'/>", true, { processor: true, device: 'usable' }],
    ['<model>EPYC-Rome</model>', true, { processor: true, device: 'usable' }],
    ['<model>Broadwell</model>', true, { processor: false, device: 'usable' }],
    ["<model>Broadwell</model><feature name='vmx'/>", false, { processor: true, device: 'missing' }],
  ] as const)('says of %s with KVM %s what it can do', (cpu, kvm, found) => {
    expect(readCapabilities(capabilities(cpu, kvm))).toEqual(found);
  });

  it('has its CPUs and memory read', () => {
    const told = 'CPU model:           x86_64\nCPU(s):              2\nMemory size:         10053408 KiB\n';
    expect(parseNode(told)).toEqual({ cpus: 2, memoryBytes: 10053408 * 1024 });
    expect(() => parseNode('')).toThrow();
  });

  it('has a mark of its own where it is another one, or another libvirt', () => {
    const mark = (uri: string): string | undefined =>
      new MachineHost(parseLibvirtUri(uri, 'setting'), nobody).mark;
    expect(mark('qemu:///system')).toBeUndefined();
    // Another libvirt of this computer, with machines of its own.
    expect(mark('qemu:///session')).toMatch(/^[0-9a-f]{8}$/);
    expect(mark('qemu+ssh://one/system')).toMatch(/^[0-9a-f]{8}$/);
    expect(mark('qemu+ssh://one/system')).not.toBe(mark('qemu+ssh://other/system'));
  });
});
