import type { HostSide } from '../../../src/sync/host/hostSide.ts';
import type { Operation, Side, SideIdentity } from '../../../src/sync/side.ts';

/**
 * A side on a disk that does not tell capitals from small letters: whatever is asked for by name gets what
 * has that name in any case, and the list shows names as they were first written. (No disk of Linux does so
 * without a kernel made for it.)
 */
export class FoldingSide implements Side {
  readonly name;
  readonly identity: SideIdentity;
  readonly #inner: HostSide;

  constructor(inner: HostSide, name: 'host' | 'guest') {
    this.#inner = inner;
    this.name = name;
    this.identity = inner.identity;
  }

  scan: Side['scan'] = (rules, signal) => this.#inner.scan(rules, signal);
  staged: Side['staged'] = (id, signal) => this.#inner.staged(id, signal);
  stage: Side['stage'] = (id, offset, data, signal) => this.#inner.stage(id, offset, data, signal);
  watch: Side['watch'] = (rules, events, signal) => this.#inner.watch(rules, events, signal);
  heard: Side['heard'] = (signal) => this.#inner.heard(signal);
  settle: Side['settle'] = (signal) => this.#inner.settle(signal);

  stat: Side['stat'] = async (paths, signal) => this.#inner.stat(await this.#all(paths, signal), signal);
  hash: Side['hash'] = async (paths, signal) => this.#inner.hash(await this.#all(paths, signal), signal);
  read: Side['read'] = async (paths, signal) => this.#inner.read(await this.#all(paths, signal), signal);

  readPiece: Side['readPiece'] = async (piece, signal) =>
    this.#inner.readPiece({ ...piece, path: await this.#onDisk(piece.path, signal) }, signal);

  apply: Side['apply'] = async (operations, signal) => {
    const outcomes = [];
    for (const operation of operations) {
      const renamed: Operation = { ...operation, path: await this.#onDisk(operation.path, signal) };
      outcomes.push(...(await this.#inner.apply([renamed], signal)));
    }
    return outcomes;
  };

  async #all(paths: readonly string[], signal: AbortSignal): Promise<string[]> {
    return Promise.all(paths.map((path) => this.#onDisk(path, signal)));
  }

  /** The path with each of its names as it stands on the disk, as far as it does. */
  async #onDisk(path: string, signal: AbortSignal): Promise<string> {
    const { entries } = await this.#inner.scan([], signal);
    const parts = path.split('/');
    let found = '';
    for (const part of parts) {
      const at = found === '' ? part : `${found}/${part}`;
      found = [...entries.keys()].find((one) => one.toLowerCase() === at.toLowerCase()) ?? at;
    }
    return found;
  }
}
