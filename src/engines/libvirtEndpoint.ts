import * as l10n from '@vscode/l10n';
import { SwitchyardError } from '../base/errors.ts';
import type { Command, Runner, RunOptions } from '../base/process.ts';
import type { SshHost } from './sshDial.ts';
import { sessionUri, systemUri, virshOptions } from './virsh.ts';

/** Which libvirt is talked to, and how it was found. */
export interface LibvirtEndpoint {
  /** As libvirt's clients take it. @see https://libvirt.org/uri.html */
  readonly uri: string;
  /** Where it comes from, for Check Requirements and the log. */
  readonly source: 'default' | 'setting' | 'LIBVIRT_DEFAULT_URI';
  /** The computer on which it runs; undefined for this one. */
  readonly ssh: SshHost | undefined;
  /** What LIBVIRT_DEFAULT_URI names where that is not spoken to. */
  readonly passedOver?: string;
}

/**
 * Finds the libvirt as its own clients do (what they are told, LIBVIRT_DEFAULT_URI), with that of this computer's
 * system as the default, and where the variable names what is not spoken to: it may be meant for other clients.
 * @param preferred from the settings, before everything else
 * @throws SwitchyardError `config.invalid` where the setting says what is not spoken to
 */
export function findLibvirtEndpoint(around: {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly preferred?: string | undefined;
}): LibvirtEndpoint {
  const { env, preferred } = around;
  if (preferred) return parseLibvirtUri(preferred, 'setting');
  const named = env['LIBVIRT_DEFAULT_URI'];
  if (!named) return local('default');
  return whyNot(named) === undefined
    ? parseLibvirtUri(named, 'LIBVIRT_DEFAULT_URI')
    : { ...local('default'), passedOver: named };
}

/**
 * `qemu:///system`, `qemu:///session`, or `qemu+ssh://[user@]host[:port]/system`.
 * @throws SwitchyardError `config.invalid`
 */
export function parseLibvirtUri(given: string, source: LibvirtEndpoint['source']): LibvirtEndpoint {
  const why = whyNot(given);
  if (why !== undefined) throw refused(given, why);
  if (isHere(given)) return { uri: given, source, ssh: undefined };
  const [, user, host = '', port] = address.exec(given) ?? [];
  // ssh is not to ask: nobody could answer it here.
  return { uri: `${given}?no_tty=1`, source, ssh: { host, user, port } };
}

/** No sign that a shell, or Vagrant's provider, which writes the name into a command line, could take for its own. */
const address = /^qemu\+ssh:\/\/(?:([A-Za-z0-9_][\w.-]*)@)?([A-Za-z0-9_][\w.-]*)(?::(\d{1,5}))?\/system$/;

/** Why a URI is not spoken to, as a sentence; undefined where it is. */
export function whyNot(given: string): string | undefined {
  if (isHere(given) || address.test(given)) return undefined;
  const [, scheme, rest = ''] = /^([a-z][a-z0-9+]*):\/\/(.*)$/.exec(given) ?? [];
  if (scheme === undefined) return l10n.t('An address begins with qemu:/// or qemu+ssh://.');
  if (!/^qemu(\+|$)/.test(scheme)) {
    return l10n.t('Machines are made for QEMU alone, and "{0}" is another driver of libvirt.', scheme);
  }
  if (!['qemu', 'qemu+ssh'].includes(scheme)) {
    return l10n.t('Another computer is reached by qemu+ssh:// alone, not by {0}://.', scheme);
  }
  if (rest.includes('?')) {
    return l10n.t(
      'What follows a question mark is left to ~/.ssh/config: the key, the program, the known hosts.',
    );
  }
  if (rest.endsWith('/session')) {
    return l10n.t(
      'Of sessions only this computer’s own is spoken to, {0}: the machines of one elsewhere are reached there alone.',
      sessionUri,
    );
  }
  return l10n.t(
    'It is none of {0}, {1} and {2}.',
    systemUri,
    sessionUri,
    'qemu+ssh://user@host[:port]/system',
  );
}

/** A host as a person names it. */
export function hostName({ host, user, port }: SshHost): string {
  return `${user === undefined ? '' : `${user}@`}${host}${port === undefined ? '' : `:${port}`}`;
}

/** Runs commands; those that speak to this computer's libvirt speak to the chosen one instead. */
export class LibvirtRunner implements Runner {
  readonly #runner: Runner;
  readonly #endpoint: LibvirtEndpoint | SwitchyardError;

  /** @param endpoint an error where none can be chosen, which whoever asks libvirt gets then */
  constructor(runner: Runner, endpoint: LibvirtEndpoint | SwitchyardError) {
    this.#runner = runner;
    this.#endpoint = endpoint;
  }

  async run<T>(command: Command<T>, options?: RunOptions): Promise<T> {
    const { program, args } = command;
    if (program !== 'virsh') return this.#runner.run(command, options);
    if (this.#endpoint instanceof SwitchyardError) throw this.#endpoint;
    return this.#runner.run({ ...command, args: at(this.#endpoint.uri, args) }, options);
  }
}

/** A call of virsh with another address in the place of the usual one. */
function at(uri: string, args: readonly string[]): readonly string[] {
  return [...virshOptions.with(-1, uri), ...args.slice(virshOptions.length)];
}

/** This computer's, by the only names that are spoken. */
function isHere(uri: string): boolean {
  return uri === systemUri || uri === sessionUri;
}

function local(source: LibvirtEndpoint['source']): LibvirtEndpoint {
  return { uri: systemUri, source, ssh: undefined };
}

function refused(given: string, why: string): SwitchyardError {
  return new SwitchyardError({
    code: 'config.invalid',
    what: l10n.t('There is no working with the libvirt at {0}.', given),
    why: `${why} ${l10n.t('The setting switchyard.libvirt.uri names it.')}`,
    next: l10n.t('Choose another one with "Choose libvirt Host…".'),
    remedies: [{ do: 'checkRequirements' }],
  });
}
