import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { silentLogger } from '../../../src/base/log.ts';
import { silentProgress, type Progress } from '../../../src/base/progress.ts';
import type { Connection } from '../../../src/connections/connection.ts';
import type { CarryReport } from '../../../src/sync/carrier.ts';
import { WorkspaceSync, type WorkspaceSyncOptions } from '../../../src/sync/workspaceSync.ts';
import { LocalConnection } from './localConnection.ts';

/** In memory where that can be: thousands of files are made and written through to the disk. */
const temporary = fs.existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

/** What a guest has that has neither Python nor Perl. */
const shellTools =
  'find xargs stat dd ln mv cp cat rm rmdir mkdir chmod readlink sync head tail tr od date cut du sed'.split(
    ' ',
  );

/** A host folder and a guest folder in a temporary place, and the sync between them. */
export class TwoFolders {
  readonly place = fs.mkdtempSync(path.join(temporary, 'switchyard-sync-test-'));
  readonly host = path.join(this.place, 'host');
  readonly guest = path.join(this.place, 'guest', 'workspace');
  readonly state = path.join(this.place, 'state');
  readonly guestState = path.join(this.place, 'guest-state');
  readonly connection: Connection;
  readonly options: WorkspaceSyncOptions;
  guestId = 'guest-1';

  /** @param interpreter the only one that the guest has */
  constructor(options: Partial<WorkspaceSyncOptions> = {}, connection?: Connection, interpreter = 'python3') {
    fs.mkdirSync(this.host, { recursive: true });
    const env = { XDG_STATE_HOME: this.guestState, PATH: this.#path(interpreter) };
    this.connection = connection ?? new LocalConnection(env);
    this.options = {
      hostFolder: this.host,
      stateFolder: this.state,
      ignore: [],
      protect: [],
      log: silentLogger,
      ...options,
    };
  }

  /** A search path with little more than one interpreter. */
  #path(interpreter: string): string {
    const folder = path.join(this.place, 'bin');
    fs.mkdirSync(folder);
    const tools = interpreter === 'sh' ? shellTools : ['tar'];
    for (const name of new Set([interpreter, 'sh', 'env', 'sha256sum', ...tools])) {
      const found = ['/usr/bin', '/bin']
        .map((bin) => path.join(bin, name))
        .find((file) => fs.existsSync(file));
      if (found !== undefined) fs.symlinkSync(found, path.join(folder, name));
    }
    return folder;
  }

  async carry(
    signal: AbortSignal = AbortSignal.timeout(60_000),
    progress: Progress = silentProgress,
  ): Promise<CarryReport> {
    return new WorkspaceSync(this.options).carry(
      { connection: this.connection, guestFolder: this.guest, guestId: this.guestId },
      progress,
      signal,
    );
  }

  write(side: 'host' | 'guest', at: string, content: string | Uint8Array): void {
    const file = path.join(this[side], at);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, content);
  }

  remove(side: 'host' | 'guest', at: string): void {
    fs.rmSync(path.join(this[side], at), { recursive: true });
  }

  read(side: 'host' | 'guest', at: string): string {
    return fs.readFileSync(path.join(this[side], at), 'utf8');
  }

  raw(side: 'host' | 'guest', at: string): Buffer {
    return fs.readFileSync(path.join(this[side], at));
  }

  exists(side: 'host' | 'guest', at: string): boolean {
    return fs.lstatSync(path.join(this[side], at), { throwIfNoEntry: false }) !== undefined;
  }

  /** Everything in a folder: names in latin1 with what they hold. */
  tree(side: 'host' | 'guest'): Record<string, string> {
    const found: Record<string, string> = {};
    const visit = (folder: Buffer, prefix: string): void => {
      for (const item of fs.readdirSync(folder, { withFileTypes: true, encoding: 'buffer' })) {
        const at = Buffer.concat([folder, Buffer.from('/'), item.name]);
        const name = prefix + item.name.toString('latin1');
        if (item.isDirectory()) {
          found[`${name}/`] = '';
          visit(at, `${name}/`);
        } else if (item.isSymbolicLink()) found[name] = `-> ${fs.readlinkSync(at)}`;
        else if (item.isFile()) {
          const mode = fs.lstatSync(at).mode & 0o100 ? 'x ' : '  ';
          found[name] = mode + fs.readFileSync(at, 'latin1');
        } else found[name] = 'special';
      }
    };
    visit(Buffer.from(this[side]), '');
    return found;
  }

  /** What the trash of a side holds: the contents. */
  trash(side: 'host' | 'guest'): string[] {
    const folder =
      side === 'host'
        ? path.join(this.state, 'trash')
        : path.join(
            this.guestState,
            'switchyard',
            'sync',
            fs.readdirSync(path.join(this.guestState, 'switchyard', 'sync'))[0] ?? '',
            'trash',
          );
    return fs
      .readdirSync(Buffer.from(folder), { encoding: 'buffer' })
      .filter((name) => name.includes('~'))
      .map((name) => Buffer.concat([Buffer.from(`${folder}/`), name]))
      .filter((file) => fs.lstatSync(file).isFile())
      .map((file) => fs.readFileSync(file, 'utf8'));
  }

  dispose(): void {
    this.connection.dispose();
    fs.rmSync(this.place, { recursive: true, force: true });
  }
}
