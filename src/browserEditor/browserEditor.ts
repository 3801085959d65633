import type { Disposable } from '../base/disposable.ts';
import { Emitter } from '../base/event.ts';
import type { Logger } from '../base/log.ts';
import type { Progress } from '../base/progress.ts';
import * as l10n from '@vscode/l10n';
import type { Connection } from '../connections/connection.ts';
import { Forward } from '../ports/forward.ts';
import { findServer, type EditorServer } from './findServer.ts';
import { startServer, type RunningServer } from './startServer.ts';

export interface OpenEditorOptions {
  readonly connection: Connection;
  /** The person's own choice of a server; empty: whichever is inside. */
  readonly command: string;
  /** Whoever has it may use the editor. */
  readonly token: string;
  /** Absolute path of the workspace inside. */
  readonly workspaceFolder: string;
  /** Gets a server where there is none inside; undefined where the person does not want that. */
  readonly provide: () => Promise<EditorServer | undefined>;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

interface Running {
  readonly server: RunningServer;
  readonly forward: Forward;
}

/** An editor server inside one environment, reached by the browser through a forward on 127.0.0.1. */
export class BrowserEditor implements Disposable {
  readonly #log: Logger;
  readonly #changed = new Emitter<void>();
  /** Fires when it started or ended. */
  readonly onDidChange = this.#changed.event;
  #running: Running | undefined;
  #opening: Promise<Running | undefined> | undefined;
  #disposed = false;

  constructor(log: Logger) {
    this.#log = log;
  }

  get isRunning(): boolean {
    return this.#running !== undefined;
  }

  /** The port inside on which it listens, which is no port of the project's. */
  get guestPort(): number | undefined {
    return this.#running?.server.port;
  }

  /**
   * Starts it unless it runs.
   * @returns its address for a browser of this computer; undefined where there is no server and none is wanted
   * @throws SwitchyardError `editor.failed`
   */
  async open(options: OpenEditorOptions): Promise<string | undefined> {
    this.#opening ??= this.#open(options).finally(() => (this.#opening = undefined));
    const running = this.#running ?? (await this.#opening);
    if (!running) return undefined;
    const query = new URLSearchParams({ tkn: options.token, folder: options.workspaceFolder });
    return `http://127.0.0.1:${running.forward.localPort}/?${query.toString()}`;
  }

  stop(): void {
    const running = this.#running;
    if (!running) return;
    this.#running = undefined;
    running.forward.dispose();
    running.server.dispose();
    this.#changed.fire();
  }

  dispose(): void {
    this.#disposed = true;
    this.stop();
    this.#changed.dispose();
  }

  async #open(options: OpenEditorOptions): Promise<Running | undefined> {
    if (this.#running) return this.#running;
    const { connection, progress, signal, token, workspaceFolder } = options;
    progress.step(l10n.t('Looking for an editor inside'));
    const found = (await findServer(connection, options.command, signal)) ?? (await options.provide());
    if (!found) return undefined;
    progress.step(l10n.t('Starting the editor inside'));
    this.#log.info(`Browser editor in ${connection.description}: ${found.argv.join(' ')}`);
    const server = await startServer(connection, found, { token, cwd: workspaceFolder }, signal);
    const forward = await Forward.listen({ wanted: 0, only: false, log: this.#log }, (dialling) =>
      connection.connectTcp('127.0.0.1', server.port, dialling),
    ).catch((error: unknown) => {
      server.dispose();
      throw error;
    });
    if (!forward || this.#disposed) {
      forward?.dispose();
      server.dispose();
      return undefined;
    }
    const running = { server, forward };
    this.#running = running;
    void server.ended.then(() => {
      // With its environment, or by itself.
      if (this.#running === running) this.stop();
    });
    this.#changed.fire();
    return running;
  }
}
