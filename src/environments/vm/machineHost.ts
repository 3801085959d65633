import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import os from 'node:os';
import * as l10n from '@vscode/l10n';
import type { Runner } from '../../base/process.ts';
import { hostName, type LibvirtEndpoint } from '../../engines/libvirtEndpoint.ts';
import type { SshHost } from '../../engines/sshDial.ts';
import { sessionUri, systemUri, virshCommands } from '../../engines/virsh.ts';
import type { NodeInfo } from '../../engines/virshAnswers.ts';
import { virshError } from '../../engines/virshErrors.ts';
import { probeVirtualisation, type Virtualisation } from './acceleration.ts';

/** The computer whose libvirt runs the machines: this one, or another one. */
export class MachineHost {
  /** As libvirt's clients take it. */
  readonly uri: string;
  /** How its network is reached; undefined where it is this computer's. */
  readonly ssh: SshHost | undefined;
  /** As a person names it; undefined for this computer. */
  readonly name: string | undefined;
  /**
   * Sets what is kept of its machines apart from that of others', and this computer's machines there from those that
   * other computers make of a project in the same folder. Undefined for this computer's system.
   */
  readonly mark: string | undefined;
  /** What LIBVIRT_DEFAULT_URI names where that is not spoken to. */
  readonly passedOver: string | undefined;
  /** Its libvirt is the person's own: without a network of its own, and whatever it does the person may. */
  readonly isSession: boolean;
  readonly #runner: Runner;

  /** @param endpoint undefined: none can be chosen, and whoever asks libvirt is told why */
  constructor(endpoint: LibvirtEndpoint | undefined, runner: Runner) {
    this.uri = endpoint?.uri ?? systemUri;
    this.ssh = endpoint?.ssh;
    this.name = this.ssh && hostName(this.ssh);
    this.isSession = this.uri === sessionUri;
    this.mark = this.ssh || this.isSession ? markOf(this.uri) : undefined;
    this.passedOver = endpoint?.passedOver;
    this.#runner = runner;
  }

  /** @throws SwitchyardError `libvirt.*` */
  async virtualisation(signal: AbortSignal): Promise<Virtualisation> {
    if (!this.ssh) return { ...(await probeVirtualisation()), asPerson: this.isSession };
    try {
      return readCapabilities(await this.#runner.run(virshCommands.capabilities(), { signal }));
    } catch (error) {
      throw virshError(error, l10n.t('What the processor of {0} can do is not known.', this.name ?? ''));
    }
  }

  /** What it has. @throws SwitchyardError `libvirt.*` */
  async size(signal: AbortSignal): Promise<NodeInfo> {
    if (!this.ssh) return { cpus: os.cpus().length, memoryBytes: os.totalmem() };
    try {
      return await this.#runner.run(virshCommands.node(), { signal });
    } catch (error) {
      throw virshError(error, l10n.t('How much memory {0} has is not known.', this.name ?? ''));
    }
  }
}

/**
 * What a computer offers, out of `virsh capabilities`. QEMU is said to know KVM wherever its device is there, so the
 * processor has to say it too: by its features, or by a model that has it (AMD's, in libvirt's table of them).
 * @see https://libvirt.org/formatcaps.html
 */
export function readCapabilities(xml: string): Virtualisation {
  const processor = /<host>.*?<cpu>(.*?)<\/cpu>/s.exec(xml)?.[1] ?? '';
  return {
    processor: /<feature name='(vmx|svm)'\/>/.test(processor) || /<model>(EPYC|Opteron)\b/.test(processor),
    device: xml.includes("<domain type='kvm'") ? 'usable' : 'missing',
  };
}

function markOf(uri: string): string {
  return createHash('sha256')
    .update(`${computerId()}\n${os.userInfo().uid}\n${uri}`)
    .digest('hex')
    .slice(0, 8);
}

/** What tells this computer from others. @see machine-id(5) */
function computerId(): string {
  try {
    return readFileSync('/etc/machine-id', 'utf8').trim() || os.hostname();
  } catch {
    return os.hostname();
  }
}
