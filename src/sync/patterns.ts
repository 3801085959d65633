import { ancestorsOf, fromText, nameOf, type BytePath } from './path.ts';

/**
 * One gitignore pattern as a regular expression over bytes, without anchors, in the part of the
 * language that JavaScript, Python and Perl read alike: both sides decide by the very same rules.
 * @see https://git-scm.com/docs/gitignore#_pattern_format
 */
export interface Rule {
  readonly negated: boolean;
  /** Matches folders only. */
  readonly folderOnly: boolean;
  /** Tested against the last name of a path, not against the whole. */
  readonly byName: boolean;
  readonly expression: string;
}

/** Never synced, on either side. The last ones are the sync's own. */
export const defaultIgnore: readonly string[] = [
  'node_modules',
  '.venv',
  'target',
  '__pycache__',
  '.vagrant',
  '**/.git/objects/**/tmp_*',
  '**/.git/objects/incoming-*',
  '.switchyard-sync',
  '.switchyard-sync-*',
];

/** What a guest could plant to run on the host. `.git` as a file or link is protected besides: see `Protection`. */
export const defaultProtect: readonly string[] = [
  '**/.git/hooks',
  '**/.git/config',
  '**/.git/config.worktree',
  '**/.git/commondir',
  '**/.git/modules/**/hooks',
  '**/.git/modules/**/config',
  '**/.git/worktrees/*/commondir',
  '**/.git/worktrees/*/config.worktree',
  '.vscode',
  '.devcontainer',
  '.devcontainer.json',
  'Vagrantfile',
  '.envrc',
];

const anything = '[\\x00-\\xff]*';

/** Reads the lines of a .gitignore-like text. */
export function parsePatterns(text: string): string[] {
  return text.split(/\r?\n/).filter((line) => line !== '' && !line.startsWith('#'));
}

/** Undefined for a pattern that matches nothing (blank, or a lone `/`). */
export function compilePattern(pattern: string): Rule | undefined {
  let body = fromText(pattern);
  const negated = body.startsWith('!');
  if (negated) body = body.slice(1);
  body = body.replace(/(?<!\\)((?:\\\\)*) +$/, '$1');
  const folderOnly = body.endsWith('/');
  if (folderOnly) body = body.slice(0, -1);
  if (body === '' || body === '/') return undefined;
  const byName = !body.includes('/');
  if (body.startsWith('/')) body = body.slice(1);
  const expression = translate(body);
  return expression === undefined ? undefined : { negated, folderOnly, byName, expression };
}

function hex(char: string): string {
  return `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`;
}

function literal(char: string): string {
  return /[A-Za-z0-9_/]/.test(char) ? char : hex(char);
}

/** Undefined where the pattern is broken (`[` without an end) and so, as in git, matches nothing. */
function translate(glob: string): string | undefined {
  let out = '';
  for (let at = 0; at < glob.length;) {
    const char = glob.charAt(at);
    if (char === '*') {
      let end = at;
      while (glob.charAt(end) === '*') end += 1;
      const startsName = at === 0 || glob.charAt(at - 1) === '/';
      if (end - at === 2 && startsName && glob.charAt(end) === '/') {
        out += `(?:${anything}/)?`;
        at = end + 1;
      } else if (end - at === 2 && startsName && end === glob.length) {
        out += `[\\x00-\\xff]+`;
        at = end;
      } else {
        out += '[^/]*';
        at = end;
      }
    } else if (char === '?') {
      out += '[^/]';
      at += 1;
    } else if (char === '[') {
      const set = characterClass(glob, at);
      if (!set) return undefined;
      out += set.expression;
      at = set.end;
    } else if (char === '\\') {
      if (at + 1 >= glob.length) return undefined;
      out += literal(glob.charAt(at + 1));
      at += 2;
    } else {
      out += literal(char);
      at += 1;
    }
  }
  return out;
}

const posixClasses: Readonly<Record<string, string>> = {
  alpha: 'A-Za-z',
  digit: '0-9',
  alnum: 'A-Za-z0-9',
  upper: 'A-Z',
  lower: 'a-z',
  space: '\\x09-\\x0d\\x20',
  blank: '\\x09\\x20',
  punct: '\\x21-\\x2f\\x3a-\\x40\\x5b-\\x60\\x7b-\\x7e',
  cntrl: '\\x00-\\x1f\\x7f',
  graph: '\\x21-\\x7e',
  print: '\\x20-\\x7e',
  xdigit: '0-9A-Fa-f',
};

function characterClass(glob: string, start: number): { expression: string; end: number } | undefined {
  let at = start + 1;
  const not = glob.charAt(at) === '!' || glob.charAt(at) === '^';
  if (not) at += 1;
  let set = '';
  for (let first = true; ; first = false) {
    if (at >= glob.length) return undefined;
    if (glob.charAt(at) === ']' && !first) break;
    const posix = /^\[:([a-z]+):\]/.exec(glob.slice(at));
    if (posix) {
      const members = posixClasses[posix[1] ?? ''];
      if (members === undefined) return undefined;
      set += members;
      at += posix[0].length;
      continue;
    }
    const from = member(glob, at);
    if (!from) return undefined;
    at = from.end;
    if (glob.charAt(at) === '-' && at + 1 < glob.length && glob.charAt(at + 1) !== ']') {
      const to = member(glob, at + 1);
      if (!to) return undefined;
      at = to.end;
      if (from.char <= to.char) set += `${hex(from.char)}-${hex(to.char)}`;
    } else {
      set += hex(from.char);
    }
  }
  const end = at + 1;
  // An empty set (a range backwards) matches nothing, or with `!` any byte of a name.
  if (set === '') return { expression: not ? '[^/]' : '(?!)', end };
  return { expression: `(?!/)[${not ? '^' : ''}${set}]`, end };
}

function member(glob: string, at: number): { char: string; end: number } | undefined {
  if (glob.charAt(at) !== '\\') return { char: glob.charAt(at), end: at + 1 };
  return at + 1 < glob.length ? { char: glob.charAt(at + 1), end: at + 2 } : undefined;
}

/** Decides which paths a list of gitignore patterns names; later patterns win, and `!` takes back. */
export class PathRules {
  readonly rules: readonly Rule[];
  readonly #tests: readonly { rule: Rule; regex: RegExp }[];
  /** With no `!` the order does not matter, and all patterns of a sort are one expression. */
  readonly #joined: { folderName: RegExp; anyName: RegExp; folder: RegExp; any: RegExp } | undefined;

  private constructor(rules: readonly Rule[], flags: '' | 'i') {
    this.rules = rules;
    this.#tests = this.rules.map((rule) => ({ rule, regex: new RegExp(`^(?:${rule.expression})$`, flags) }));
    const join = (byName: boolean, folders: boolean): RegExp => {
      const parts = this.rules.filter((rule) => rule.byName === byName && (folders || !rule.folderOnly));
      return new RegExp(
        parts.length === 0 ? '(?!)' : `^(?:${parts.map((r) => r.expression).join('|')})$`,
        flags,
      );
    };
    if (!this.rules.some((rule) => rule.negated)) {
      this.#joined = {
        folderName: join(true, true),
        anyName: join(true, false),
        folder: join(false, true),
        any: join(false, false),
      };
    }
  }

  static parse(patterns: readonly string[], flags: '' | 'i' = ''): PathRules {
    return new PathRules(
      patterns.map(compilePattern).filter((rule) => rule !== undefined),
      flags,
    );
  }

  static of(rules: readonly Rule[]): PathRules {
    return new PathRules(rules, '');
  }

  /** Whether the patterns name this very path; its folders are not looked at. */
  names(path: BytePath, isFolder: boolean): boolean {
    const name = nameOf(path);
    if (this.#joined) {
      const { folderName, anyName, folder, any } = this.#joined;
      return isFolder ? folderName.test(name) || folder.test(path) : anyName.test(name) || any.test(path);
    }
    let named = false;
    for (const { rule, regex } of this.#tests) {
      if (rule.folderOnly && !isFolder) continue;
      if (regex.test(rule.byName ? name : path)) named = !rule.negated;
    }
    return named;
  }

  /** Whether the path or a folder that it lies in is named. */
  covers(path: BytePath, isFolder: boolean): boolean {
    return ancestorsOf(path).some((folder) => this.names(folder, true)) || this.names(path, isFolder);
  }
}

/** The paths where a guest's change is not written to the host unasked. */
export class Protection {
  readonly #rules: PathRules;

  constructor(patterns: readonly string[]) {
    // A trailing slash would let a link or file of the same name through; case is ignored, for hosts
    // whose disks do.
    this.#rules = PathRules.parse([...defaultProtect, ...patterns.map((p) => p.replace(/\/+$/, ''))], 'i');
  }

  covers(path: BytePath, isFolder: boolean): boolean {
    // A `.git` that is no folder names another place for hooks and config.
    if (!isFolder && nameOf(path).toLowerCase() === '.git') return true;
    return this.#rules.covers(path, isFolder);
  }
}
