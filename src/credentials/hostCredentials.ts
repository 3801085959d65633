import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import * as l10n from '@vscode/l10n';
import { SwitchyardError } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import { CommandFailed, type Runner } from '../base/process.ts';
import { fillCommand, longestRequest, readGitRequest } from './gitRequest.ts';

/** How long somebody inside may take to ask, in milliseconds. */
const askMs = 10_000;

/** What OpenSSH's agent for Windows listens on. */
const windowsAgent = '\\\\.\\pipe\\openssh-ssh-agent';

/** The credentials of this computer, as somebody inside reaches them: they stay here, and answers go in. */
export class HostCredentials {
  readonly #runner: Runner;
  readonly #folder: string;
  readonly #env: Readonly<Record<string, string | undefined>>;
  readonly #log: Logger;

  /** @param folder absolute path of a folder that is no repository */
  constructor(parts: {
    readonly runner: Runner;
    readonly folder: string;
    readonly env?: Readonly<Record<string, string | undefined>>;
    readonly log: Logger;
  }) {
    this.#runner = parts.runner;
    this.#folder = parts.folder;
    this.#env = parts.env ?? process.env;
    this.#log = parts.log;
  }

  /** Where this computer's ssh-agent listens. @throws SwitchyardError `config.missing` where there is none */
  agentAddress(): string {
    const address = this.#env['SSH_AUTH_SOCK'];
    if (address !== undefined && address !== '') return address;
    if (process.platform === 'win32') return windowsAgent;
    throw new SwitchyardError({
      code: 'config.missing',
      what: l10n.t('There is no ssh-agent on this computer to share.'),
      why: l10n.t('SSH_AUTH_SOCK is not set for this editor.'),
      next: l10n.t('Start one and the editor after it, or share the git credentials only.'),
    });
  }

  /** Passes what comes out of the environment on to the agent, and back. */
  serveAgent(stream: Duplex): void {
    const agent = connect(this.agentAddress());
    const cut = (): void => {
      agent.destroy();
      stream.destroy();
    };
    agent.on('error', (error) => {
      this.#log.warn(`The ssh-agent of this computer: ${error.message}`);
      cut();
    });
    stream.on('error', cut);
    stream.once('close', () => agent.destroy());
    agent.once('close', () => stream.end());
    stream.pipe(agent).pipe(stream);
  }

  /** Answers one request of git's; never throws. */
  async serveGit(stream: Duplex): Promise<void> {
    stream.on('error', () => stream.destroy());
    const life = new AbortController();
    stream.once('close', () => life.abort());
    try {
      const request = readGitRequest(await readAll(stream));
      if (request) {
        this.#log.info(`Credentials for ${request.protocol}://${request.host} are asked for from inside`);
        stream.write(await this.#runner.run(fillCommand(request, this.#folder), { signal: life.signal }));
      }
    } catch (error) {
      if (!life.signal.aborted) this.#log.info(`No credentials are given: ${reasonOf(error)}`);
    }
    stream.end();
  }
}

/** What git says may hold what is secret. */
function reasonOf(error: unknown): string {
  return error instanceof CommandFailed ? `git (${error.reason})` : String(error);
}

/** @throws Error where more comes than any request is, or it takes too long */
async function readAll(stream: Duplex): Promise<string> {
  const parts: Buffer[] = [];
  let bytes = 0;
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('The request did not come in time.')), askMs);
    const settle = (act: () => void): void => {
      clearTimeout(timer);
      act();
    };
    stream.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > longestRequest) settle(() => reject(new Error('The request is too long.')));
      else parts.push(chunk);
    });
    stream.once('end', () => settle(() => resolve(Buffer.concat(parts).toString('utf8'))));
    stream.once('close', () => settle(() => reject(new Error('The request was cut.'))));
  });
}
