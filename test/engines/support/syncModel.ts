import * as fs from 'node:fs';
import * as path from 'node:path';
import { pollUntil } from '../../../src/base/abort.ts';
import { silentLogger, type Logger } from '../../../src/base/log.ts';
import { silentProgress } from '../../../src/base/progress.ts';
import { WorkspaceSync } from '../../../src/sync/workspaceSync.ts';
import type { Deed, Person } from './person.ts';
import { FolderPerson } from './person.ts';
import type { SshConnectionForTests } from './sshServer.ts';
import { TwoFolders } from './twoFolders.ts';

type SideName = 'host' | 'guest';

/** What only a machine of its own can suffer. `powerOff` loses what was not on its disk; `destroy` loses the disk. */
export type MachineFault = 'suspend' | 'powerOff' | 'destroy';

/** The guest of one run, with a folder of its own. */
export interface Ground {
  /** Absolute, in the guest. */
  readonly folder: string;
  readonly person: Person;
  /** Empty where the guest is this very computer. */
  readonly machineFaults: readonly MachineFault[];
  connect(): Promise<SshConnectionForTests>;
  killAgent(): Promise<void>;
  /** Resolves when the machine is up again. */
  strike(fault: MachineFault): Promise<void>;
  /** Takes away what the run made there. */
  end(): Promise<void>;
}

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

/** How likely each of a machine's own faults is among the faults, besides the one that each run is due. */
const likely = 0.03;

/**
 * One seeded run: two people change the two sides at random while the sync works, and faults strike.
 * Every version ever written is remembered until the person who sees it replaces or deletes it
 * on purpose; at the end each of the others must be in a tree, a conflict copy or a trash.
 *
 * What a machine loses with its power or its disk is nobody's to bring back: a version written in the guest
 * that was not yet on its disk (with `destroy`: any) is forgotten here when that strikes, unless the host has it.
 */
export class ModelRun {
  readonly two = new TwoFolders({ log: this.#log() });
  readonly #ground: Ground;
  readonly #people: Readonly<Record<SideName, Person>>;
  readonly #seed: number;
  readonly #random: () => number;
  readonly #done: string[] = [];
  readonly #versions = new Set<string>();
  /** Written in the guest, and perhaps not on its disk. */
  readonly #fleeting = new Set<string>();
  #sync: WorkspaceSync;
  #connection: SshConnectionForTests | undefined;
  #count = 0;

  /** @param ground makes the guest of this run out of the temporary place on this computer, or elsewhere */
  constructor(ground: (two: TwoFolders) => Ground, seed: number) {
    this.#ground = ground(this.two);
    this.#seed = seed;
    this.#random = random(seed);
    const { two } = this;
    const host = new FolderPerson({
      ...{ root: two.host, graveyard: path.join(two.place, 'graveyard') },
      ...{ tree: () => two.tree('host'), trash: () => two.trash('host') },
    });
    this.#people = { host, guest: this.#ground.person };
    this.#sync = new WorkspaceSync(two.options);
  }

  /** One a run, so that each strikes within as many runs as there are of them; chance chooses only when. */
  #machineFaultDue(steps: number): { readonly step: number; readonly fault: MachineFault } | undefined {
    const { machineFaults } = this.#ground;
    const fault = machineFaults[this.#seed % machineFaults.length];
    return fault && { step: Math.floor(this.#random() * steps), fault };
  }

  /** What was done, for the message of a failure. */
  get story(): string {
    return `seed ${this.#seed}:\n  ${this.#done.join('\n  ')}`;
  }

  /** The machine's own faults that struck. */
  get struck(): readonly string[] {
    return this.#done.flatMap((what) => /^machine: (.*)/.exec(what)?.[1] ?? []);
  }

  async run(steps: number): Promise<void> {
    for (let n = 0; n < 6; n += 1) await this.#write(this.#side());
    this.two.write('host', 'stays', 'stays');
    await this.#attach();
    const due = this.#machineFaultDue(steps);
    for (let step = 0; step < steps; step += 1) {
      if (step === due?.step) await this.#machineFault(due.fault);
      else await this.#step();
    }
    await this.#comeToRest();
    await this.#check();
  }

  async dispose(): Promise<void> {
    await this.#sync.detach(AbortSignal.timeout(10_000));
    this.#sync.dispose();
    this.#connection?.dispose();
    await this.#ground.end();
    this.two.dispose();
  }

  /** What the sync says of itself stands in the story. */
  #log(): Logger {
    const say = (text: string): void => void this.#done.push(`  sync: ${text}`);
    return { ...silentLogger, info: say, warn: say, error: say };
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
    if (chance < 0.45) await this.#write(side);
    else if (chance < 0.55) await this.#overwriteInPlace(side);
    else if (chance < 0.65) await this.#remove(side);
    else if (chance < 0.75) await this.#rename(side);
    else if (chance < 0.8) await this.#link(side);
    else if (chance < 0.84) await this.#mode(side);
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
    let chance = this.#random();
    for (const fault of this.#ground.machineFaults) {
      chance -= likely;
      if (chance < 0) return this.#machineFault(fault);
    }
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
        await this.#ground.killAgent();
        break;
      case 'pause':
        this.#sync.pause();
        await this.#write('host');
        await this.#write('guest');
        this.#sync.resume();
        return;
      case 'crash':
      case 'cutJournal':
      case 'corrupt':
        this.#crash();
        if (fault === 'cutJournal') this.#damage('journal', (data) => data.subarray(0, data.length - 7));
        if (fault === 'corrupt') this.#damage('baseline', (data) => data.fill(0, data.length >> 1));
        break;
    }
    // Life goes on while they are apart.
    for (let n = this.#random() * 4; n > 0; n -= 1) await this.#write(this.#side());
    await this.#attach();
  }

  async #machineFault(fault: MachineFault): Promise<void> {
    this.#done.push(`machine: ${fault}`);
    if (fault === 'suspend') {
      // As the extension does it, or behind its back.
      const isTold = this.#random() < 0.5;
      if (isTold) await this.#sync.hold(AbortSignal.timeout(60_000));
      const asleep = this.#ground.strike(fault);
      await this.#write('host');
      await asleep;
      if (isTold) this.#sync.letGo();
      return;
    }
    const isCrash = this.#random() < 0.5;
    if (isCrash) this.#crash();
    await this.#ground.strike(fault);
    const held = new Set(this.#hostHolds(this.two.tree('host')));
    for (const version of this.#versions) {
      if (!held.has(version) && (fault === 'destroy' || this.#fleeting.has(version))) {
        this.#versions.delete(version);
      }
    }
    this.#fleeting.clear();
    for (let n = this.#random() * 4; n > 0; n -= 1) await this.#write('host');
    await this.#attach();
  }

  /** What a killed extension host leaves: nothing flushed, nothing released but by the system. */
  #crash(): void {
    this.#sync.dispose();
    this.#connection?.cut();
    this.#sync = new WorkspaceSync(this.two.options);
  }

  #damage(name: string, how: (data: Buffer) => Buffer): void {
    const file = path.join(this.two.state, 'baseline', name);
    if (fs.existsSync(file)) fs.writeFileSync(file, how(fs.readFileSync(file)));
  }

  async #attach(): Promise<void> {
    this.#connection?.dispose();
    for (let tries = 1; ; tries += 1) {
      this.#connection = await this.#ground.connect();
      try {
        await this.#sync.attach(
          { connection: this.#connection, guestFolder: this.#ground.folder, guestId: 'g' },
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

  #hostHolds(tree: Record<string, string>): string[] {
    return [...Object.values(tree).map((held) => held.slice(2)), ...this.two.trash('host')];
  }

  async #check(): Promise<void> {
    const [host, guest] = [this.two.tree('host'), await this.#people.guest.tree()];
    const differing = [...new Set([...Object.keys(host), ...Object.keys(guest)])].filter(
      (at) => host[at] !== guest[at],
    );
    if (differing.length > 0) {
      throw new Error(
        `The sides differ: ${differing.map((at) => `${at}: ${host[at]} | ${guest[at]}`).join(', ')}`,
      );
    }
    const kept = new Set([...this.#hostHolds(host), ...(await this.#people.guest.trash())]);
    const lost = [...this.#versions].filter((version) => !kept.has(version));
    if (lost.length > 0) {
      const graves = new Set([...(await this.#people.host.graves()), ...(await this.#people.guest.graves())]);
      const inGrave = lost.filter((version) => graves.has(version));
      throw new Error(`LOST: ${lost.join(', ')}; of them in a graveyard: ${inGrave.join(', ') || 'none'}`);
    }
    const staged = fs.readdirSync(path.join(this.two.state, 'staging'));
    if (staged.length > 0) throw new Error(`Left in staging: ${staged.join(', ')}`);
  }

  #new(at: string): string {
    this.#count += 1;
    // Mostly of the same length, so that a size tells nothing.
    return `version ${String(this.#count).padStart(5, '0')} of ${at.length}${this.#random() < 0.1 ? '!' : ''}`;
  }

  async #write(side: SideName): Promise<void> {
    const at = this.#path();
    const [version, isLasting] = [this.#new(at), this.#random() < 0.5];
    const deed = this.#people[side].write(at, version, isLasting);
    if (await this.#did(`${side}: write ${JSON.stringify(at)}: ${version}`, deed))
      this.#made(side, version, isLasting);
  }

  async #overwriteInPlace(side: SideName): Promise<void> {
    const at = await this.#existing(side);
    if (at === undefined) return;
    const [version, keepsTimes, isLasting] = [this.#new(at), this.#random() < 0.5, this.#random() < 0.5];
    const deed = this.#people[side].overwrite(at, version, keepsTimes, isLasting);
    if (await this.#did(`${side}: overwrite ${JSON.stringify(at)}: ${version}`, deed)) {
      this.#made(side, version, isLasting);
    }
  }

  async #remove(side: SideName): Promise<void> {
    const at = this.#random() < 0.3 ? this.#pick(folders.slice(1)) : await this.#existing(side);
    if (at === undefined) return;
    await this.#did(`${side}: remove ${JSON.stringify(at)}`, this.#people[side].remove(at));
  }

  async #rename(side: SideName): Promise<void> {
    const from = this.#random() < 0.3 ? this.#pick(folders.slice(1)) : await this.#existing(side);
    const to = this.#path();
    if (from === undefined) return;
    const what = `${side}: rename ${JSON.stringify(from)} to ${JSON.stringify(to)}`;
    await this.#did(what, this.#people[side].rename(from, to));
  }

  async #link(side: SideName): Promise<void> {
    const [at, target] = [this.#path(), this.#pick(['one', 'stays', 'nowhere'])];
    await this.#did(`${side}: link ${JSON.stringify(at)}`, this.#people[side].link(at, target));
  }

  async #mode(side: SideName): Promise<void> {
    const at = await this.#existing(side);
    if (at === undefined) return;
    const deed = this.#people[side].mode(at, this.#random() < 0.5);
    await this.#did(`${side}: mode ${JSON.stringify(at)}`, deed);
  }

  async #existing(side: SideName): Promise<string | undefined> {
    const files = Object.entries(await this.#people[side].tree()).filter(
      ([at, held]) => !at.endsWith('/') && !held.startsWith('->') && at !== 'stays',
    );
    return files.length === 0 ? undefined : Buffer.from(this.#pick(files)[0], 'latin1').toString();
  }

  #made(side: SideName, version: string, isLasting: boolean): void {
    this.#versions.add(version);
    if (side === 'guest' && !isLasting) this.#fleeting.add(version);
  }

  /** A person's deed, which may come too late. @returns whether it did not */
  async #did(what: string, deed: Promise<Deed>): Promise<boolean> {
    const { done, gone } = await deed;
    for (const version of gone) this.#versions.delete(version);
    if (done) this.#done.push(what);
    return done;
  }
}
