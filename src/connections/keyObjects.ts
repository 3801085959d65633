import { createSecretKey, type KeyObject } from 'node:crypto';
import type { Client, Connection } from 'ssh2';

/** Where ssh2 keeps the keys of AES-GCM while it has no native binding (its protocol/crypto.js). */
interface Internals {
  readonly _protocol: {
    readonly _cipher: { _encKey?: Buffer | KeyObject };
    readonly _decipher: { _decipherKey?: Buffer | KeyObject };
  };
}

/**
 * ssh2 makes a cipher for every packet, and Node.js a key out of the bytes for every cipher, which takes
 * longer than to encrypt. A key that is one already is taken as it is. To be called after every handshake.
 */
export function keepKeys(client: Client | Connection): void {
  const { _cipher: cipher, _decipher: decipher } = (client as unknown as Internals)._protocol;
  if (Buffer.isBuffer(cipher._encKey)) cipher._encKey = createSecretKey(cipher._encKey);
  if (Buffer.isBuffer(decipher._decipherKey)) decipher._decipherKey = createSecretKey(decipher._decipherKey);
}
