import * as l10n from '@vscode/l10n';
import type { EnvironmentKind, GuestKind } from './kinds.ts';

/**
 * What a person can do about an error. Symbolic, because the rooms that raise errors know nothing of
 * VS Code; src/ui turns each into a button.
 */
export type Remedy =
  | { readonly do: 'retry' }
  | { readonly do: 'showLog' }
  | { readonly do: 'checkRequirements' }
  | { readonly do: 'addConfiguration' }
  | { readonly do: 'manageTrust' }
  | { readonly do: 'chooseConfiguration' }
  /** `line` and `column` count from 1. */
  | { readonly do: 'openFile'; readonly file: string; readonly line?: number; readonly column?: number }
  | { readonly do: 'openTerminal'; readonly kind: EnvironmentKind }
  | { readonly do: 'open'; readonly kind: GuestKind }
  | { readonly do: 'rebuild'; readonly kind: EnvironmentKind }
  | { readonly do: 'destroy'; readonly kind: EnvironmentKind };

/** Stable names for tests and for telling errors apart; never shown. */
export type ErrorCode =
  | 'cancelled'
  | 'timeout'
  | 'docker.missing'
  | 'docker.notRunning'
  | 'docker.permission'
  | 'docker.failed'
  | 'vagrant.missing'
  | 'vagrant.failed'
  | 'vagrant.locked'
  | 'libvirt.missing'
  | 'libvirt.notRunning'
  | 'libvirt.permission'
  | 'libvirt.failed'
  | 'config.missing'
  | 'config.syntax'
  | 'config.invalid'
  | 'config.unsupported'
  | 'image.unavailable'
  | 'image.buildFailed'
  | 'image.family'
  | 'hook.failed'
  | 'vm.noAddress'
  | 'vm.noSsh'
  | 'vm.mounts'
  | 'vm.entrypoint'
  | 'vm.services'
  | 'ssh.hostKey'
  | 'ssh.failed'
  | 'ssh.config'
  | 'disk.full'
  | 'port.taken'
  | 'editor.missing'
  | 'editor.failed'
  | 'environment.gone'
  | 'environment.interrupted'
  | 'environment.busy'
  | 'sync.failed'
  | 'sync.conflict'
  | 'sync.halted'
  | 'trust'
  | 'internal';

/**
 * An error for a person: what failed, why, and what to do next. All three are whole sentences in the
 * person's language; `detail` is raw output of a program, for the log only.
 */
export class SwitchyardError extends Error {
  override readonly name = 'SwitchyardError';
  readonly code: ErrorCode;
  readonly what: string;
  readonly why: string;
  readonly next: string;
  readonly remedies: readonly Remedy[];
  readonly detail: string | undefined;

  constructor(parts: {
    code: ErrorCode;
    what: string;
    why: string;
    next: string;
    remedies?: readonly Remedy[];
    detail?: string;
    cause?: unknown;
  }) {
    super(
      [parts.what, parts.why, parts.next].filter((part) => part !== '').join(' '),
      parts.cause === undefined ? undefined : { cause: parts.cause },
    );
    this.code = parts.code;
    this.what = parts.what;
    this.why = parts.why;
    this.next = parts.next;
    this.remedies = parts.remedies ?? [{ do: 'showLog' }];
    this.detail = parts.detail;
  }
}

/** True for what an aborted signal throws, however deep it is wrapped. */
export function isCancellation(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause) {
    if (at.name === 'AbortError' || (at instanceof SwitchyardError && at.code === 'cancelled')) return true;
  }
  return false;
}

/** Anything thrown, as an error for a person. Keeps a SwitchyardError as it is. */
export function toSwitchyardError(error: unknown, what: string): SwitchyardError {
  if (error instanceof SwitchyardError) return error;
  if (isCancellation(error)) {
    return new SwitchyardError({
      code: 'cancelled',
      what,
      why: l10n.t('It was cancelled.'),
      next: '',
      remedies: [],
      cause: error,
    });
  }
  return new SwitchyardError({
    code: 'internal',
    what,
    why: asSentence(error instanceof Error ? error.message : String(error)),
    next: l10n.t('The log has the details.'),
    remedies: [{ do: 'retry' }, { do: 'showLog' }],
    cause: error,
  });
}

/** Messages of programs often end without a full stop, and another sentence follows here. */
export function asSentence(message: string): string {
  return /[.!?…]$/.test(message.trimEnd()) ? message.trimEnd() : `${message.trimEnd()}.`;
}
