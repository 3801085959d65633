import * as l10n from '@vscode/l10n';

/** One entry of `mounts`, in whichever form it was written. */
export interface Mount {
  /** `bind`, `volume`, `tmpfs`, or another one that only an engine knows. */
  readonly type: string;
  /** Missing for a tmpfs and for a volume without a name. */
  readonly source?: string;
  /** Absolute, inside. */
  readonly target: string;
  readonly readOnly: boolean;
  /** All else that was said of it, by names in lower case. */
  readonly options: Readonly<Record<string, string>>;
}

/** An entry that cannot be read, and why as a sentence. */
export interface BadMount {
  readonly text: string;
  readonly reason: string;
}

const yes = /^(?:true|1|t|)$/i;

/**
 * Reads an entry of `mounts`: the object of devcontainer.json, or the text of `docker run --mount`, whose
 * names may be written in several ways, and whose default type is `volume`.
 * @see https://docs.docker.com/reference/cli/docker/container/run/#mount
 */
export function parseMount(value: unknown): Mount | BadMount {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  const bad = (reason: string): BadMount => ({ text, reason });
  const fields = typeof value === 'string' ? fieldsOf(value) : fieldsOfObject(value);
  if (!fields) return bad(l10n.t('It is neither a text nor an object of texts.'));
  const all = new Map(fields);
  const take = (...names: readonly string[]): string | undefined => {
    let found: string | undefined;
    for (const name of names) {
      found ??= all.get(name);
      all.delete(name);
    }
    return found;
  };
  const type = (take('type') ?? 'volume').toLowerCase();
  const source = take('source', 'src');
  const target = take('target', 'destination', 'dst');
  const readOnly = take('readonly', 'ro');
  if (target === undefined || target === '') return bad(l10n.t('It names no target.'));
  if (!target.startsWith('/')) return bad(l10n.t('Its target is not an absolute path.'));
  if (type === 'bind' && (source === undefined || source === '')) return bad(l10n.t('It names no source.'));
  return {
    type,
    ...(source === undefined || source === '' ? {} : { source }),
    target: target.length > 1 ? target.replace(/\/+$/, '') || '/' : target,
    readOnly: readOnly !== undefined && yes.test(readOnly),
    options: Object.fromEntries(all),
  };
}

export function isBadMount(mount: Mount | BadMount): mount is BadMount {
  return 'reason' in mount;
}

type Field = readonly [name: string, value: string];

/** Only these three count in the object form: the reference implementation hands on no other. */
function fieldsOfObject(value: unknown): readonly Field[] | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const fields: Field[] = [];
  for (const name of ['type', 'source', 'target']) {
    const one = (value as Readonly<Record<string, unknown>>)[name];
    if (one === undefined) continue;
    if (typeof one !== 'string') return undefined;
    fields.push([name, one]);
  }
  return fields;
}

/** A line of comma-separated values as RFC 4180 has it: what is in quotes may hold commas, and `""` is a quote. */
function fieldsOf(text: string): readonly Field[] {
  const words: string[] = [];
  for (const match of text.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)) {
    words.push(match[1]?.replaceAll('""', '"') ?? match[2] ?? '');
  }
  return words
    .filter((word) => word !== '')
    .map((word) => {
      const at = word.indexOf('=');
      return at < 0
        ? [word.toLowerCase().trim(), '']
        : [word.slice(0, at).toLowerCase().trim(), word.slice(at + 1)];
    });
}
