import { createHash } from 'node:crypto';

/** The keys of one box, in OpenSSH's formats. Made anew for every box that is built. */
export interface GuestKeys {
  /** Opens every account of the box. Never leaves this computer. */
  readonly userPrivate: string;
  readonly userPublic: string;
  /** Goes into the box only. */
  readonly hostPrivate: string;
  /** What the SSH client insists on seeing. */
  readonly hostPublic: string;
}

export async function generateKeys(): Promise<GuestKeys> {
  // Lazily: ssh2 is heavy, and a box is built seldom.
  const { default: ssh2 } = await import('ssh2');
  // About one in a hundred of the pairs that ssh2 writes can be read by nobody.
  const isRead = (text: string): boolean => !(ssh2.utils.parseKey(text) instanceof Error);
  const pair = (comment: string): { readonly private: string; readonly public: string } => {
    for (;;) {
      const made = ssh2.utils.generateKeyPairSync('ed25519', { comment });
      if (isRead(made.private) && isRead(made.public)) return made;
    }
  };
  const user = pair('switchyard');
  const host = pair('switchyard-guest');
  return {
    userPrivate: user.private,
    userPublic: user.public,
    hostPrivate: host.private,
    hostPublic: host.public,
  };
}

/** A short name for content: 12 lower-case hex digits. */
export function contentKey(...parts: readonly string[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(`${part.length}:`).update(part);
  return hash.digest('hex').slice(0, 12);
}
