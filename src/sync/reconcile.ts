import type { Base } from './baseline.ts';
import { isExecutable, sizeOf, typeOf, type Entry } from './entry.ts';
import { keepFoldersInUse } from './foldersInUse.ts';
import { ancestorsOf, type BytePath } from './path.ts';
import { wholeFileBytes, type SideName } from './side.ts';

/** What is to happen at a path so that both sides agree again. */
export type Action =
  /** `to` gets what the other side holds (`source`), in the place of `replaces`. */
  | {
      readonly do: 'copy';
      readonly path: BytePath;
      readonly to: SideName;
      readonly source: Entry;
      readonly replaces: Entry | undefined;
    }
  /** `on` loses its entry, which the other side deleted. */
  | { readonly do: 'remove'; readonly path: BytePath; readonly on: SideName; readonly entry: Entry }
  /** Both changed, and differ: the guest's entry moves aside, so that both are kept. */
  | { readonly do: 'conflict'; readonly path: BytePath; readonly guest: Entry };

export interface Plan {
  readonly actions: Action[];
  /** Both sides agree already: this becomes the baseline; undefined where both hold nothing. */
  readonly agreed: Map<BytePath, Base | undefined>;
  /** The guest changed them, and they are protected: nothing is done. */
  readonly heldBack: BytePath[];
  /** Not synced at all, with the reason as an English phrase. */
  readonly skipped: Map<BytePath, string>;
  /** Files whose hash decides; nothing is planned for them yet. */
  readonly unsure: { readonly host: BytePath[]; readonly guest: BytePath[] };
}

/** A file's content as it was found, with the entry it had then. */
export interface Hashed {
  readonly entry: Entry;
  readonly hash: string;
}

export interface ReconcileInput {
  readonly baseline: ReadonlyMap<BytePath, Base>;
  readonly host: ReadonlyMap<BytePath, Entry>;
  readonly guest: ReadonlyMap<BytePath, Entry>;
  /** Hashes made for what an earlier plan was unsure of. */
  readonly hostHashes: ReadonlyMap<BytePath, string>;
  readonly guestHashes: ReadonlyMap<BytePath, string>;
  /** An equal print counts as unchanged also where it proves nothing yet; what that concerns stays noted. */
  readonly trustsPrints: boolean;
  /** True where the guest's change is not written to the host unasked. */
  readonly isProtected: (path: BytePath, isFolder: boolean) => boolean;
}

/** After how many paths others get a chance to work. */
const pause = 250;

type Change = 'same' | 'changed' | 'gone' | 'unsure';

/**
 * Decides what brings both sides together, by the one safe rule: changed on one side only goes to the
 * other; changed on both keeps both. Touches nothing. A generator, so that a large tree does not hold up
 * the event loop.
 * @param paths what to look at; every path of any of the three by default
 */
export function* reconcile(input: ReconcileInput, paths?: Iterable<BytePath>): Generator<undefined, Plan> {
  const plan: Plan = {
    actions: [],
    agreed: new Map(),
    heldBack: [],
    skipped: new Map(),
    unsure: { host: [], guest: [] },
  };
  if (paths) yield* decideEach(paths, () => true, input, plan);
  else {
    const { baseline, host, guest } = input;
    yield* decideEach(host.keys(), () => true, input, plan);
    yield* decideEach(guest.keys(), (path) => !host.has(path), input, plan);
    yield* decideEach(baseline.keys(), (path) => !host.has(path) && !guest.has(path), input, plan);
  }
  yield* keepFoldersInUse(input, plan);
  return plan;
}

function* decideEach(
  paths: Iterable<BytePath>,
  isWanted: (path: BytePath) => boolean,
  input: ReconcileInput,
  plan: Plan,
): Generator<undefined> {
  let count = 0;
  for (const path of paths) {
    if (isWanted(path)) decide(path, input, plan);
    count += 1;
    if (count % pause === 0) yield;
  }
}

function decide(path: BytePath, input: ReconcileInput, plan: Plan): void {
  const host = input.host.get(path);
  const guest = input.guest.get(path);
  const base = input.baseline.get(path);
  if (host && guest && base && isAsAgreed(host, guest, base, input.trustsPrints)) return;
  for (const entry of [host, guest]) {
    if (entry && isOpaque(entry)) {
      plan.skipped.set(path, entry.target === '' ? 'it could not be read' : entry.target);
      return;
    }
  }
  const opaque = opaqueAncestor(path, input);
  if (opaque !== undefined) {
    plan.skipped.set(path, 'a folder above it could not be read, or is none');
    return;
  }
  if (base?.leftOn && leftAlone(path, base, host, guest, plan)) return;
  const known = base?.leftOn ? undefined : base;
  if (!host && !guest) {
    if (base) plan.agreed.set(path, undefined);
    return;
  }
  // Where no hash tells what was agreed on, and the other side moved on, the print is all there is to go by.
  const [hostStood, guestStood] = [host?.print === known?.host, guest?.print === known?.guest];
  const hostRacy = known?.hostRacy === true && (known.hash !== '' || guestStood);
  const guestRacy = known?.guestRacy === true && (known.hash !== '' || hostStood);
  let ofHost = changeOf(path, host, known, known?.host, hostRacy, input.hostHashes);
  let ofGuest = changeOf(path, guest, known, known?.guest, guestRacy, input.guestHashes);
  const isHashed = known !== undefined && known.hash !== '';
  // Read once, by whoever sends it, who sends nothing where nothing but its times is new.
  if (isHashed && ofHost === 'unsure' && !hostStood && guestStood && isSentWhole(host)) {
    ofHost = 'changed';
  } else if (isHashed && ofGuest === 'unsure' && !guestStood && hostStood && isSentWhole(guest)) {
    if (!input.isProtected(path, false)) ofGuest = 'changed';
  }
  if (ofHost === 'unsure' || ofGuest === 'unsure') {
    // The base's hash may be unknown; then the side that surely did not change holds that content.
    const both = known?.hash === '';
    if (ofHost === 'unsure' || both) plan.unsure.host.push(path);
    if (ofGuest === 'unsure' || both) plan.unsure.guest.push(path);
    return;
  }
  if (ofHost === 'same' && ofGuest === 'same') {
    if (host && guest && known) refresh(path, host, guest, known, input, plan);
    return;
  }
  // Changed on both sides, or with no baseline, or none that tells the content: perhaps to the same.
  if (host && guest && !(isHashed && (ofHost === 'same' || ofGuest === 'same'))) {
    const alike = sameContent(path, host, guest, input, plan);
    if (alike === undefined) return;
    if (alike) {
      plan.agreed.set(path, baseOf(host, guest, input.hostHashes.get(path) ?? ''));
      return;
    }
  }
  act(path, { host, guest, ofHost, ofGuest }, input, plan);
}

/** True for a file that is read in one piece to be sent. */
function isSentWhole(entry: Entry | undefined): boolean {
  return entry !== undefined && typeOf(entry) === 'f' && sizeOf(entry) <= wholeFileBytes;
}

/** True where both sides hold what they last agreed on: so it is with nearly every path. */
function isAsAgreed(host: Entry, guest: Entry, base: Base, trustsPrints: boolean): boolean {
  if (base.leftOn !== undefined || (!trustsPrints && (base.hostRacy || base.guestRacy))) return false;
  return host.print === base.host && guest.print === base.guest;
}

function act(
  path: BytePath,
  found: { host: Entry | undefined; guest: Entry | undefined; ofHost: Change; ofGuest: Change },
  input: ReconcileInput,
  plan: Plan,
): void {
  const { host, guest, ofHost, ofGuest } = found;
  const folder = [host, guest].some((entry) => entry && typeOf(entry) === 'd');
  const isProtected =
    ofGuest !== 'same' &&
    (input.isProtected(path, folder) ||
      (folder && input.isProtected(path, false) && !bothFolders(host, guest)));
  if (isProtected) {
    plan.heldBack.push(path);
  } else if (ofGuest === 'same' || (ofGuest === 'gone' && ofHost === 'changed')) {
    // Change beats delete.
    if (host) plan.actions.push({ do: 'copy', path, to: 'guest', source: host, replaces: guest });
    else if (guest) plan.actions.push({ do: 'remove', path, on: 'guest', entry: guest });
  } else if (ofHost === 'same' || (ofHost === 'gone' && ofGuest === 'changed')) {
    if (guest) plan.actions.push({ do: 'copy', path, to: 'host', source: guest, replaces: host });
    else if (host) plan.actions.push({ do: 'remove', path, on: 'host', entry: host });
  } else if (guest) {
    plan.actions.push({ do: 'conflict', path, guest });
  }
}

function bothFolders(host: Entry | undefined, guest: Entry | undefined): boolean {
  return [host, guest].every((entry) => !entry || typeOf(entry) === 'd');
}

/** True for what is there but is not synced: nothing is done at or below it. */
export function isOpaque(entry: Entry): boolean {
  const type = typeOf(entry);
  return type === 's' || type === 'e';
}

function opaqueAncestor(path: BytePath, { host, guest }: ReconcileInput): BytePath | undefined {
  return ancestorsOf(path).find((folder) => {
    return [host.get(folder), guest.get(folder)].some((entry) => entry && isOpaque(entry));
  });
}

/** True where what was left over on one side is as it was left. */
function leftAlone(
  path: BytePath,
  { leftOn, host: print }: Base,
  host: Entry | undefined,
  guest: Entry | undefined,
  plan: Plan,
): boolean {
  const there = leftOn === 'host' ? host : guest;
  const deleted = leftOn === 'host' ? guest : host;
  if (deleted) return false;
  if (there && typeOf(there) === print.charAt(0)) return true;
  if (!there) plan.agreed.set(path, undefined);
  return !there;
}

function changeOf(
  path: BytePath,
  entry: Entry | undefined,
  base: Base | undefined,
  print: string | undefined,
  racy: boolean,
  hashes: ReadonlyMap<BytePath, string>,
): Change {
  if (base === undefined || print === undefined) return entry ? 'changed' : 'same';
  if (!entry) return 'gone';
  if (entry.print === print && !racy) return 'same';
  const type = typeOf(entry);
  if (type !== print.charAt(0)) return 'changed';
  if (type === 'd') return 'same';
  if (type === 'l') return entry.target === base.target ? 'same' : 'changed';
  if (isExecutable(entry) !== (print.charAt(1) === '1')) return 'changed';
  if (sizeOf(entry) !== sizeOf({ print, target: '', racy: false })) return 'changed';
  const hash = hashes.get(path);
  if (hash === undefined) return 'unsure';
  // With no hash in the baseline the two sides are compared with each other instead.
  return base.hash === hash ? 'same' : 'changed';
}

/** Undefined where hashes are needed first. */
function sameContent(
  path: BytePath,
  host: Entry,
  guest: Entry,
  input: ReconcileInput,
  plan: Plan,
): boolean | undefined {
  const type = typeOf(host);
  if (type !== typeOf(guest)) return false;
  if (type === 'd') return true;
  if (type === 'l') return host.target === guest.target;
  if (sizeOf(host) !== sizeOf(guest) || isExecutable(host) !== isExecutable(guest)) return false;
  const ofHost = input.hostHashes.get(path);
  const ofGuest = input.guestHashes.get(path);
  if (ofHost !== undefined && ofGuest !== undefined) return ofHost === ofGuest;
  plan.unsure.host.push(path);
  plan.unsure.guest.push(path);
  return undefined;
}

/** Same content under another print (touched), or proved by its hash meanwhile: remembered as such. */
function refresh(
  path: BytePath,
  host: Entry,
  guest: Entry,
  base: Base,
  input: ReconcileInput,
  plan: Plan,
): void {
  const next: Base = {
    ...base,
    host: host.print,
    guest: guest.print,
    hash: base.hash === '' ? (input.hostHashes.get(path) ?? '') : base.hash,
    hostRacy: host.print === base.host && !input.hostHashes.has(path) ? base.hostRacy : host.racy,
    guestRacy: guest.print === base.guest && !input.guestHashes.has(path) ? base.guestRacy : guest.racy,
  };
  const changed = (Object.keys(next) as (keyof Base)[]).some((key) => next[key] !== base[key]);
  if (changed && typeOf(host) !== 'd') plan.agreed.set(path, next);
}

export function baseOf(host: Entry, guest: Entry, hash: string): Base {
  return {
    host: host.print,
    guest: guest.print,
    hash,
    target: typeOf(host) === 'l' ? host.target : '',
    hostRacy: host.racy,
    guestRacy: guest.racy,
    leftOn: undefined,
  };
}
