import * as fs from 'node:fs';
import * as path from 'node:path';
import { pollUntil } from '../../../src/base/abort.ts';
import { silentProgress } from '../../../src/base/progress.ts';
import { WorkspaceSync } from '../../../src/sync/workspaceSync.ts';
import type { SshConnectionForTests, SshServer } from './sshServer.ts';
import { TwoFolders } from './twoFolders.ts';

type SideName = 'host' | 'guest';

/** Mulberry32: small, seeded, good enough to choose what to do next. */
export function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const folders = ['', 'a', 'a/b', 'c', 'new\nline'];
const names = ['one', 'two.txt', '-rf', 'é', 'b', "it's"];

/**
 * One seeded run: two people change the two sides at random while the sync works, and faults strike.
 * Every version ever written is remembered until the person who sees it replaces or deletes it
 * on purpose; at the end each of the others must be in a tree, a conflict copy or a trash.
 */
export class ModelRun {
  readonly two = new TwoFolders();
  readonly #server: SshServer;
  readonly #seed: number;
  readonly #random: () => number;
  readonly #graveyard: string;
  readonly #done: string[] = [];
  readonly #versions = new Set<string>();
  #sync: WorkspaceSync;
  #connection: SshConnectionForTests | undefined;
  #count = 0;

  constructor(server: SshServer, seed: number) {
    this.#server = server;
    this.#seed = seed;
    this.#random = random(seed);
    this.#graveyard = path.join(this.two.place, 'graveyard');
    fs.mkdirSync(this.#graveyard);
    fs.mkdirSync(this.two.guest, { recursive: true });
    this.#sync = new WorkspaceSync(this.two.options);
  }

  /** What was done, for the message of a failure. */
  get story(): string {
    return `seed ${this.#seed}:\n  ${this.#done.join('\n  ')}`;
  }

  async run(steps: number): Promise<void> {
    for (let n = 0; n < 6; n += 1) this.#write(this.#side());
    this.two.write('host', 'stays', 'stays');
    await this.#attach();
    for (let step = 0; step < steps; step += 1) await this.#step();
    await this.#comeToRest();
    this.#check();
  }

  async dispose(): Promise<void> {
    await this.#sync.detach(AbortSignal.timeout(10_000));
    this.#sync.dispose();
    this.#connection?.dispose();
    this.two.dispose();
  }

  #pick<T>(from: readonly T[]): T {
    const picked = from[Math.floor(this.#random() * from.length)];
    if (picked === undefined) throw new Error('Nothing to pick from.');
    return picked;
  }

  #side(): SideName {
    return this.#pick(['host', 'guest'] as const);
  }

  #path(): string {
    const folder = this.#pick(folders);
    return folder === '' ? this.#pick(names) : `${folder}/${this.#pick(names)}`;
  }

  async #step(): Promise<void> {
    const chance = this.#random();
    const side = this.#side();
    if (chance < 0.45) this.#write(side);
    else if (chance < 0.55) this.#overwriteInPlace(side);
    else if (chance < 0.65) this.#remove(side);
    else if (chance < 0.75) this.#rename(side);
    else if (chance < 0.8) this.#link(side);
    else if (chance < 0.84) this.#mode(side);
    else if (chance < 0.92) await this.#breathe();
    else await this.#fault();
  }

  /** Lets the sync work: until some of what is known to be pending is gone. */
  async #breathe(): Promise<void> {
    this.#done.push('breathe');
    await pollUntil(
      () => Promise.resolve(this.#sync.health.pending === 0 || this.#sync.health.halt ? true : undefined),
      { everyMs: 1, timeoutMs: 50 * this.#random(), signal: AbortSignal.timeout(10_000) },
    );
  }

  async #fault(): Promise<void> {
    const fault = this.#pick([
      'cut',
      'killAgent',
      'crash',
      'crash',
      'cutJournal',
      'corrupt',
      'pause',
    ] as const);
    this.#done.push(`fault: ${fault}`);
    switch (fault) {
      case 'cut':
        this.#connection?.cut();
        break;
      case 'killAgent':
        this.#killAgent();
        break;
      case 'pause':
        this.#sync.pause();
        this.#write('host');
        this.#write('guest');
        this.#sync.resume();
        return;
      case 'crash':
      case 'cutJournal':
      case 'corrupt':
        // What a killed extension host leaves: nothing flushed, nothing released but by the system.
        this.#sync.dispose();
        this.#connection?.cut();
        if (fault === 'cutJournal') this.#damage('journal', (data) => data.subarray(0, data.length - 7));
        if (fault === 'corrupt') this.#damage('baseline', (data) => data.fill(0, data.length >> 1));
        this.#sync = new WorkspaceSync(this.two.options);
        break;
    }
    // Life goes on while they are apart.
    for (let n = this.#random() * 4; n > 0; n -= 1) this.#write(this.#side());
    await this.#attach();
  }

  #killAgent(): void {
    const keys = path.join(this.two.guestState, 'switchyard', 'sync');
    for (const key of fs.existsSync(keys) ? fs.readdirSync(keys) : []) {
      const pid = Number(fs.readFileSync(path.join(keys, key, 'lock'), 'utf8'));
      if (pid > 1 && this.#isOurs(pid)) process.kill(pid, 'SIGKILL');
    }
  }

  /** The number may be another program's by now: ours has this run's own folder in its environment. */
  #isOurs(pid: number): boolean {
    try {
      return fs.readFileSync(`/proc/${pid}/environ`, 'utf8').includes(this.two.guestState);
    } catch (error) {
      if (['ENOENT', 'ESRCH', 'EACCES'].includes((error as NodeJS.ErrnoException).code ?? '')) return false;
      throw error;
    }
  }

  #damage(name: string, how: (data: Buffer) => Buffer): void {
    const file = path.join(this.two.state, 'baseline', name);
    if (fs.existsSync(file)) fs.writeFileSync(file, how(fs.readFileSync(file)));
  }

  async #attach(): Promise<void> {
    this.#connection?.dispose();
    for (let tries = 1; ; tries += 1) {
      this.#connection = await this.#server.connect({ XDG_STATE_HOME: this.two.guestState });
      try {
        await this.#sync.attach(
          { connection: this.#connection, guestFolder: this.two.guest, guestId: 'g' },
          silentProgress,
          AbortSignal.timeout(60_000),
        );
        return;
      } catch (error) {
        // Halted: answered when all comes to rest.
        if (this.#sync.health.halt) return;
        if (tries === 3) throw error;
      }
    }
  }

  async #comeToRest(): Promise<void> {
    const signal = AbortSignal.timeout(60_000);
    const rested = await pollUntil(
      async () => {
        if (this.#sync.health.halt) {
          const answer = this.#pick(['delete', 'restore'] as const);
          this.#done.push(`halt ${JSON.stringify(this.#sync.health.halt)}: ${answer}`);
          this.#sync.answerHalt(answer);
        } else if (this.#sync.health.state === 'failed') await this.#attach();
        else if (await this.#sync.flush(signal)) return true;
        return undefined;
      },
      { everyMs: 20, timeoutMs: 30_000, signal },
    );
    if (!rested) throw new Error(`It never came to rest: ${JSON.stringify(this.#sync.health)}`);
  }

  #check(): void {
    const [host, guest] = [this.two.tree('host'), this.two.tree('guest')];
    const differing = [...new Set([...Object.keys(host), ...Object.keys(guest)])].filter(
      (at) => host[at] !== guest[at],
    );
    if (differing.length > 0) {
      throw new Error(
        `The sides differ: ${differing.map((at) => `${at}: ${host[at]} | ${guest[at]}`).join(', ')}`,
      );
    }
    const kept = new Set([
      ...Object.values(host).map((held) => held.slice(2)),
      ...this.two.trash('host'),
      ...this.two.trash('guest'),
    ]);
    const lost = [...this.#versions].filter((version) => !kept.has(version));
    if (lost.length > 0) throw new Error(`LOST: ${lost.join(', ')}`);
    const staged = fs.readdirSync(path.join(this.two.state, 'staging'));
    if (staged.length > 0) throw new Error(`Left in staging: ${staged.join(', ')}`);
  }

  /** The person takes what they see out of the way: exactly what was there, whatever the sync does meanwhile. */
  #bury(side: SideName, at: string): void {
    this.#count += 1;
    const grave = path.join(this.#graveyard, String(this.#count));
    fs.renameSync(path.join(this.two[side], at), grave);
    this.#dismiss(grave);
  }

  #dismiss(grave: string): void {
    const stat = fs.lstatSync(grave);
    if (stat.isDirectory()) for (const name of fs.readdirSync(grave)) this.#dismiss(path.join(grave, name));
    else if (stat.isFile()) this.#versions.delete(fs.readFileSync(grave, 'utf8'));
  }

  #new(at: string): string {
    this.#count += 1;
    // Mostly of the same length, so that a size tells nothing.
    return `version ${String(this.#count).padStart(5, '0')} of ${at.length}${this.#random() < 0.1 ? '!' : ''}`;
  }

  #write(side: SideName): void {
    const at = this.#path();
    this.#try(`${side}: write ${JSON.stringify(at)}`, () => {
      const file = path.join(this.two[side], at);
      fs.mkdirSync(path.dirname(file), { recursive: true });
      if (fs.lstatSync(file, { throwIfNoEntry: false })) this.#bury(side, at);
      const version = this.#new(at);
      fs.writeFileSync(file, version, { flag: 'wx' });
      this.#versions.add(version);
    });
  }

  #overwriteInPlace(side: SideName): void {
    const at = this.#existing(side);
    if (at === undefined) return;
    this.#try(`${side}: overwrite ${JSON.stringify(at)}`, () => {
      const file = fs.openSync(path.join(this.two[side], at), fs.constants.O_RDWR | fs.constants.O_NOFOLLOW);
      try {
        const { size, atime, mtime } = fs.fstatSync(file);
        const seen = Buffer.alloc(size);
        fs.readSync(file, seen, 0, size, 0);
        const version = this.#new(at);
        // Before the write: another name of the same file (the trash's) may hold it from here on.
        this.#versions.delete(seen.toString());
        fs.ftruncateSync(file, 0);
        fs.writeSync(file, version, 0);
        this.#versions.add(version);
        if (this.#random() < 0.5) fs.futimesSync(file, atime, mtime);
      } finally {
        fs.closeSync(file);
      }
    });
  }

  #remove(side: SideName): void {
    const at = this.#random() < 0.3 ? this.#pick(folders.slice(1)) : this.#existing(side);
    if (at === undefined) return;
    this.#try(`${side}: remove ${JSON.stringify(at)}`, () => this.#bury(side, at));
  }

  #rename(side: SideName): void {
    const from = this.#random() < 0.3 ? this.#pick(folders.slice(1)) : this.#existing(side);
    const to = this.#path();
    if (from === undefined) return;
    this.#try(`${side}: rename ${JSON.stringify(from)} to ${JSON.stringify(to)}`, () => {
      const target = path.join(this.two[side], to);
      fs.mkdirSync(path.dirname(target), { recursive: true });
      if (fs.lstatSync(target, { throwIfNoEntry: false })) this.#bury(side, to);
      // A hard link for a file: like a rename, but it replaces nothing that came to be there just now.
      const source = path.join(this.two[side], from);
      if (fs.lstatSync(source).isDirectory()) fs.renameSync(source, target);
      else {
        fs.linkSync(source, target);
        fs.unlinkSync(source);
      }
    });
  }

  #link(side: SideName): void {
    const at = this.#path();
    this.#try(`${side}: link ${JSON.stringify(at)}`, () => {
      const file = path.join(this.two[side], at);
      if (fs.lstatSync(file, { throwIfNoEntry: false })) this.#bury(side, at);
      fs.symlinkSync(this.#pick(['one', 'stays', 'nowhere']), file);
    });
  }

  #mode(side: SideName): void {
    const at = this.#existing(side);
    if (at === undefined) return;
    this.#try(`${side}: mode ${JSON.stringify(at)}`, () => {
      const file = path.join(this.two[side], at);
      if (fs.lstatSync(file).isFile()) fs.chmodSync(file, this.#random() < 0.5 ? 0o755 : 0o644);
    });
  }

  #existing(side: SideName): string | undefined {
    const files = Object.entries(this.#look(side)).filter(
      ([at, held]) => !at.endsWith('/') && !held.startsWith('->') && at !== 'stays',
    );
    return files.length === 0 ? undefined : Buffer.from(this.#pick(files)[0], 'latin1').toString();
  }

  #look(side: SideName): Record<string, string> {
    try {
      return this.two.tree(side);
    } catch (error) {
      if (!isRace(error)) throw error;
      return {};
    }
  }

  /** A person's deed, which may come too late: the sync was quicker. */
  #try(what: string, deed: () => void): void {
    try {
      deed();
      this.#done.push(what);
    } catch (error) {
      if (!isRace(error)) throw error;
    }
  }
}

function isRace(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code ?? '';
  return ['ENOENT', 'ENOTDIR', 'EEXIST', 'EISDIR', 'ENOTEMPTY', 'EINVAL', 'ELOOP', 'EPERM'].includes(code);
}
