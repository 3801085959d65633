import { BadRecord } from '../entry.ts';
import type { BytePath } from '../path.ts';
import type { Rule } from '../patterns.ts';

/** What a run of the shell printed: fields, each with a NUL at its end, and raw bytes of a known length. */
export class Fields {
  readonly #data: Buffer;
  #at = 0;

  constructor(data: Buffer) {
    this.#data = data;
  }

  /** @throws BadRecord where nothing is left */
  text(): string {
    return this.#field().toString('utf8');
  }

  /** As bytes, one character each. @throws BadRecord where nothing is left */
  bytes(): string {
    return this.#field().toString('latin1');
  }

  /** @throws BadRecord where less is left */
  take(count: number): Buffer {
    if (!Number.isSafeInteger(count) || count < 0 || this.#at + count > this.#data.length) {
      throw new BadRecord('An answer is cut off.');
    }
    this.#at += count;
    return this.#data.subarray(this.#at - count, this.#at);
  }

  #field(): Buffer {
    const end = this.#data.indexOf(0, this.#at);
    if (end < 0) throw new BadRecord('An answer is cut off.');
    const field = this.#data.subarray(this.#at, end);
    this.#at = end + 1;
    return field;
  }
}

/** One entry as the shell found it. */
export interface Found {
  readonly path: BytePath;
  readonly print: string;
  readonly target: string;
}

/**
 * The answer to `scan`: paths, a line of stat for each, targets of links, folders that cannot be read.
 * Undefined where they do not belong together, because something changed under way.
 */
export function listed(answer: Fields): { found: Found[]; now: number } | undefined {
  const now = Number(answer.text());
  const sizes = [answer.text(), answer.text(), answer.text(), answer.text()].map(Number);
  const [paths = '', stats = '', links = '', dark = ''] = sizes.map((size) =>
    answer.take(size).toString('latin1'),
  );
  const names = paths.split('\0').slice(0, -1);
  const lines = stats.split('\n').slice(0, -1);
  const targets = links.split('\0').slice(0, -1);
  if (names.length !== lines.length) return undefined;
  const unread = new Set(dark.split('\0').slice(0, -1).map(withoutDot));
  const found: Found[] = [];
  let link = 0;
  for (const [index, name] of names.entries()) {
    const path = withoutDot(name);
    const print = printOf(lines[index] ?? '');
    let target = '';
    if (print.startsWith('l')) {
      // `<target>\n<path>`, and both may hold newlines.
      const both = targets[link];
      if (!both?.endsWith(`\n${name}`)) return undefined;
      target = both.slice(0, -name.length - 1);
      link += 1;
    } else if (print === 's') target = 'it is no file, folder or link';
    found.push(
      unread.has(path) ? { path, print: 'e', target: 'it may not be entered' } : { path, print, target },
    );
  }
  return { found, now };
}

function withoutDot(name: string): BytePath {
  return name.startsWith('./') ? name.slice(2) : name;
}

/** @param line mode in hex, size, mtime, ctime (seconds), inode, and both times again as people read them */
export function printOf(line: string): string {
  const [mode = '', size, mtime, ctime, inode, , mtimeText, , , ctimeText] = line.split(' ');
  const bits = Number.parseInt(mode, 16);
  const type = bits >> 12;
  if (type === 4) return 'd';
  if (type !== 8 && type !== 10) return 's';
  const head = type === 10 ? 'l0' : (bits & 0o100) === 0 ? 'f0' : 'f1';
  return `${head} ${size} ${mtime}${fraction(mtimeText)} ${ctime}${fraction(ctimeText)} ${inode}`;
}

/** Nanoseconds within the second; none where the guest's stat does not tell them. */
function fraction(time = ''): string {
  return /\.(\d{9})$/.exec(time)?.[1] ?? '000000000';
}

/** The names that rules leave out wherever they stand, as `find -name` reads them; other rules are left over. */
export function literalNames(rules: readonly Rule[]): string[] {
  // What one rule leaves out another may take back.
  if (rules.some((rule) => rule.negated)) return [];
  return rules
    .filter(
      (rule) => rule.byName && !rule.folderOnly && /^(?:[A-Za-z0-9_]|\\x[0-9a-f]{2})+$/.test(rule.expression),
    )
    .map(({ expression }) =>
      expression
        .replace(/\\x([0-9a-f]{2})/g, (_all, code: string) => String.fromCharCode(Number.parseInt(code, 16)))
        .replace(/[*?[\]\\]/g, '\\$&'),
    );
}
