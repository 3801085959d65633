import { createHash } from 'node:crypto';
import * as l10n from '@vscode/l10n';
import { SwitchyardError } from '../base/errors.ts';

/** The key blob of a line in OpenSSH's public key format: "ssh-ed25519 AAAA… comment". */
export function keyBlob(line: string): Buffer {
  return Buffer.from(line.trim().split(/\s+/)[1] ?? '', 'base64');
}

/** As `ssh-keygen -l` prints it. */
export function fingerprint(blob: Buffer): string {
  return `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`;
}

/** The key's type, which stands first in its blob (RFC 4253, 6.6). */
export function keyType(blob: Buffer): string {
  const length = blob.length >= 4 ? blob.readUInt32BE(0) : 0;
  return blob.subarray(4, 4 + length).toString('latin1');
}

export function hostKeyMismatch(parts: {
  host: string;
  known: readonly Buffer[];
  offered: Buffer;
}): SwitchyardError {
  return new SwitchyardError({
    code: 'ssh.hostKey',
    what: l10n.t('The SSH server at {0} is not the one that was expected.', parts.host),
    why: l10n.t(
      'It showed the host key {0}; known is {1}.',
      fingerprint(parts.offered),
      parts.known.map(fingerprint).join(', '),
    ),
    next: l10n.t(
      'Somebody may stand between, or the machine was replaced. Rebuild the virtual machine if you know why.',
    ),
    remedies: [{ do: 'rebuild', kind: 'vm' }, { do: 'showLog' }],
  });
}
