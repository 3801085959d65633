import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import type { Connection, RemoteProcess } from '../../../src/connections/connection.ts';
import type { Deed, Person } from '../../engines/support/person.ts';

const script = path.join(import.meta.dirname, 'guestPerson.py');
/** How long one deed may take, in milliseconds: the machine may be on its way to sleep and back. */
const deedMs = 120_000;

interface Voice {
  readonly connection: Connection;
  readonly process: RemoteProcess;
  readonly lines: AsyncIterator<string>;
  readonly reader: Interface;
}

/** A person inside a machine, on a connection of their own, which is made anew where the machine was. */
export class GuestPerson implements Person {
  readonly #folders: readonly string[];
  readonly #connect: () => Promise<Connection>;
  #voice: Promise<Voice> | undefined;

  /** @param folders the workspace, a place outside it, and where the sync keeps its state */
  constructor(folders: readonly string[], connect: () => Promise<Connection>) {
    this.#folders = folders;
    this.#connect = connect;
  }

  write(at: string, version: string, lasting: boolean): Promise<Deed> {
    return this.#ask('write', at, version, lasting);
  }

  overwrite(at: string, version: string, keepsTimes: boolean, lasting: boolean): Promise<Deed> {
    return this.#ask('overwrite', at, version, keepsTimes, lasting);
  }

  remove(at: string): Promise<Deed> {
    return this.#ask('remove', at);
  }

  rename(from: string, to: string): Promise<Deed> {
    return this.#ask('rename', from, to);
  }

  link(at: string, target: string): Promise<Deed> {
    return this.#ask('link', at, target);
  }

  mode(at: string, executable: boolean): Promise<Deed> {
    return this.#ask('mode', at, executable);
  }

  tree(): Promise<Record<string, string>> {
    return this.#ask('tree');
  }

  trash(): Promise<readonly string[]> {
    return this.#ask('trash');
  }

  graves(): Promise<readonly string[]> {
    return this.#ask('graves');
  }

  async killAgent(): Promise<void> {
    await this.#ask('kill_agent');
  }

  /** The next deed makes a new connection. */
  dispose(): void {
    const voice = this.#voice;
    this.#voice = undefined;
    voice?.then(
      ({ reader, process, connection }) => {
        reader.close();
        process.dispose();
        connection.dispose();
      },
      // Told to whoever asked.
      () => undefined,
    );
  }

  async #ask<T>(...what: readonly (string | boolean)[]): Promise<T> {
    this.#voice ??= this.#begin();
    const { process, lines } = await this.#voice;
    process.stdin.write(`${JSON.stringify(what)}\n`);
    const deadline = AbortSignal.timeout(deedMs);
    const late = new Promise<never>((_resolve, reject) => {
      deadline.addEventListener('abort', () => reject(new Error(`No answer to ${JSON.stringify(what)}.`)));
    });
    const line = await Promise.race([lines.next(), late]);
    if (line.done) throw new Error(`The person in the guest is gone at ${JSON.stringify(what)}.`);
    return JSON.parse(line.value) as T;
  }

  async #begin(): Promise<Voice> {
    const connection = await this.#connect();
    const program = await readFile(script, 'utf8');
    const process = await connection.exec(
      { argv: ['python3', '-c', program, ...this.#folders], cwd: '/' },
      AbortSignal.timeout(deedMs),
    );
    let said = '';
    process.stderr.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      console.error(said);
    });
    const reader = createInterface({ input: process.stdout });
    return { connection, process, reader, lines: reader[Symbol.asyncIterator]() };
  }
}
