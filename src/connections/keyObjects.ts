import { createSecretKey, type CipherGCMTypes, type KeyObject } from 'node:crypto';
import type { Client, Connection } from 'ssh2';
import { GcmSeal } from './gcmSeal.ts';

/** What ssh2 keeps of AES-GCM while it has no native binding (its protocol/crypto.js). */
interface OwnSeal {
  readonly outSeqno: number;
  readonly _encSSLName: CipherGCMTypes;
  readonly _encKey: Buffer;
  readonly _encIV: Buffer;
  readonly _onWrite: (data: Buffer) => void;
}

interface Internals {
  readonly _protocol: {
    _cipher: GcmSeal | OwnSeal | { readonly _encKey?: undefined };
    readonly _decipher: { _decipherKey?: Buffer | KeyObject };
  };
}

/**
 * ssh2 makes a cipher for every packet, and Node.js a key out of the bytes for every cipher, which takes
 * longer than to encrypt. A key that is one already is taken as it is, and outgoing packets are made by an object
 * of ours (`GcmSeal`). To be called after every handshake.
 */
export function keepKeys(client: Client | Connection): void {
  // The types of ssh2 do not show it; what is found in it is looked at before it is used.
  const { _protocol: protocol } = client as unknown as Internals;
  const { _cipher: cipher, _decipher: decipher } = protocol;
  if ('_encKey' in cipher && Buffer.isBuffer(cipher._encKey) && '_encIV' in cipher) {
    protocol._cipher = new GcmSeal({
      algorithm: cipher._encSSLName,
      key: createSecretKey(cipher._encKey),
      iv: cipher._encIV,
      outSeqno: cipher.outSeqno,
      write: cipher._onWrite,
    });
  }
  if (Buffer.isBuffer(decipher._decipherKey)) decipher._decipherKey = createSecretKey(decipher._decipherKey);
}
