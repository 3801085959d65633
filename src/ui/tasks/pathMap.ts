/** A folder and what it is called on the other side; both absolute. */
export interface SameFolder {
  readonly host: string;
  readonly guest: string;
}

/** Characters that go on a name: `/work/api` is not in `/work/api-2`, nor in `/old/work/api`. */
const nameCharacter = /[\p{L}\p{N}_.-]/u;

/** A text with the paths below the host's folder as the guest calls them. */
export function toGuest(text: string, { host, guest }: SameFolder): string {
  const { done, rest } = replaceAll(text, host, guest);
  return done + (rest === host ? guest : rest);
}

/**
 * Turns the guest's paths into the host's in what a program prints piece by piece. What might be the beginning
 * of a path is kept back until more comes, or until `flush`.
 */
export class OutputPaths {
  readonly #folder: SameFolder;
  #kept = '';
  /** The last character that went out: a path begins a word. */
  #before = '';

  constructor(folder: SameFolder) {
    this.#folder = folder;
  }

  write(text: string): string {
    const all = this.#before + this.#kept + text;
    const { host, guest } = this.#folder;
    const { done, rest } = replaceAll(all, guest, host, this.#before.length);
    this.#kept = rest;
    return this.#out(done);
  }

  /** What was kept back, because no more is coming soon. */
  flush(): string {
    const kept = this.#kept;
    this.#kept = '';
    const { host, guest } = this.#folder;
    return this.#out(kept === guest ? host : kept);
  }

  #out(text: string): string {
    this.#before = text.slice(-1) || this.#before;
    return text;
  }
}

/**
 * @param from where to begin; what stands before is looked at only
 * @returns `rest`: the end of the text, if it may be the beginning of `what`
 */
function replaceAll(text: string, what: string, by: string, from = 0): { done: string; rest: string } {
  let done = '';
  let at = from;
  for (;;) {
    const found = text.indexOf(what, at);
    if (found === -1) break;
    const end = found + what.length;
    const begins = !nameCharacter.test(text.charAt(found - 1));
    if (begins && end === text.length) return { done: done + text.slice(at, found), rest: what };
    done += text.slice(at, found) + (begins && !nameCharacter.test(text.charAt(end)) ? by : what);
    at = end;
  }
  const tail = text.slice(at);
  for (let length = Math.min(what.length - 1, tail.length); length > 0; length--) {
    if (what.startsWith(tail.slice(-length))) {
      return { done: done + tail.slice(0, -length), rest: tail.slice(-length) };
    }
  }
  return { done: done + tail, rest: '' };
}
