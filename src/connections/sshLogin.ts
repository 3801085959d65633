import net from 'node:net';
import type { Duplex } from 'node:stream';
import * as l10n from '@vscode/l10n';
import type { Client, ConnectConfig, ServerHostKeyAlgorithm } from 'ssh2';
import { isCancellation, SwitchyardError } from '../base/errors.ts';
import { dialThrough, type SshHost } from '../engines/sshDial.ts';
import { keepKeys } from './keyObjects.ts';
import { hostKeyMismatch, keyBlob, keyType } from './sshHostKey.ts';

/** Where and as whom to log in, and what to insist on. */
export interface SshTarget {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** In OpenSSH's or PEM format. */
  readonly privateKey: string;
  /** Absolute path of a file with that key, for OpenSSH's own programs; none where it is in no file. */
  readonly identityFile?: string;
  /** The server's keys, one of which it must show, as lines in OpenSSH's public key format. */
  readonly hostKeys: readonly string[];
  /** The account that opens with the same key and may become any other user; else sudo is asked. */
  readonly admin?: string;
  /** The computer on whose network the server is, where that is not this one's. */
  readonly through?: SshHost;
}

/**
 * After how long without a word the kernel asks whether the other end is there, in milliseconds. It is the
 * kernel's question and not SSH's, because that one cannot be held back while a machine sleeps.
 */
const keepaliveMs = 10_000;
/** How long the server may take to close a connection that we ended, in milliseconds. */
const hangUpMs = 1_000;
/** A client that is logged in, and the socket that it speaks over. */
export interface SshLogin {
  readonly client: Client;
  /** A socket, or what the system's ssh carries to a server on another network. */
  readonly socket: Duplex;
}

/** Lets the kernel ask whether the other end is there, or not: a machine that sleeps cannot answer. */
export function keepAlive({ socket }: SshLogin, on: boolean): void {
  // On its way over another computer ssh itself minds the connection to that.
  if (socket instanceof net.Socket) socket.setKeepAlive(on, keepaliveMs);
}

/** Says goodbye, and does not wait long for an answer: the machine may be suspended meanwhile. */
export function hangUp({ client, socket }: SshLogin): void {
  client.end();
  // Not by the client: it takes a socket that was said goodbye on for one that is gone (ssh2, client.js, `destroy`).
  setTimeout(() => socket.destroy(), hangUpMs).unref();
}

/** The algorithms with which a key of this type signs, best first. */
function signatures(type: string): ServerHostKeyAlgorithm[] {
  if (type === 'ssh-rsa') return ['rsa-sha2-512', 'rsa-sha2-256'];
  return [type as ServerHostKeyAlgorithm];
}

/**
 * Logs in.
 * @param loginMs bound in milliseconds
 * @param dialled a connection to the server that nothing was said on yet; this owns it from now on
 * @throws SwitchyardError `ssh.hostKey`, `ssh.failed`
 */
export async function login(
  target: SshTarget,
  user: string,
  loginMs: number,
  signal: AbortSignal,
  dialled?: Duplex,
): Promise<SshLogin> {
  // Lazily: ssh2 is heavy and a window may never need it.
  const { default: ssh2 } = await import('ssh2');
  if (signal.aborted) dialled?.destroy();
  signal.throwIfAborted();
  const known = target.hostKeys.map(keyBlob);
  let offered: Buffer | undefined;
  const client = new ssh2.Client();
  client.on('handshake', () => keepKeys(client));
  const { host, port, through } = target;
  const socket =
    dialled ?? (through ? dialThrough(through, host, port) : net.connect({ host, port, noDelay: true }));
  const config: ConnectConfig = {
    sock: socket,
    username: user,
    privateKey: target.privateKey,
    readyTimeout: loginMs,
    algorithms: {
      // Only what is known can be checked.
      serverHostKey: [...new Set(known.flatMap((key) => signatures(keyType(key))))],
      // AES-GCM first: fastest in OpenSSL, and the ChaCha20 of some editors' crypto is missing.
      cipher: ['aes128-gcm@openssh.com', 'aes256-gcm@openssh.com', 'aes128-ctr', 'aes256-ctr'],
    },
    hostVerifier: (key: Buffer) => {
      offered = key;
      return known.some((one) => one.equals(key));
    },
  };
  try {
    await new Promise<void>((resolve, reject) => {
      const onAbort = (): void => reject(signal.reason as Error);
      signal.addEventListener('abort', onAbort, { once: true });
      const end = (act: () => void) => (): void => {
        signal.removeEventListener('abort', onAbort);
        act();
      };
      client.once('ready', end(resolve));
      client.on('error', (error) => end(() => reject(error))());
      client.once(
        'close',
        end(() => reject(new Error('The server closed the connection.'))),
      );
      client.connect(config);
    });
    client.removeAllListeners();
    const done = { client, socket };
    keepAlive(done, true);
    return done;
  } catch (error) {
    client.removeAllListeners();
    // What it says after its end concerns nobody.
    client.on('error', () => undefined);
    client.destroy();
    signal.throwIfAborted();
    if (isCancellation(error)) throw error;
    const shown = offered;
    if (shown && !known.some((one) => one.equals(shown))) {
      throw hostKeyMismatch({ host: target.host, known, offered: shown });
    }
    throw new SwitchyardError({
      code: 'ssh.failed',
      what: l10n.t('There is no SSH connection to {0}@{1}.', user, target.host),
      why: error instanceof Error ? error.message : String(error),
      next: l10n.t('Restart the virtual machine, or rebuild it if that does not help.'),
      remedies: [{ do: 'retry' }, { do: 'rebuild', kind: 'vm' }, { do: 'showLog' }],
      cause: error,
    });
  }
}
