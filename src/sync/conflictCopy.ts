import { insideGit } from './git.ts';
import { nameOf, parentOf, type BytePath } from './path.ts';

const maxNameBytes = 255;

/**
 * Where the guest's version of a path goes when both sides changed it: beside it, as
 * `<name>.sync-conflict-<time>[-<n>].<extension>`, so that it opens in the same editor. A git ref goes under
 * `refs/switchyard/`, where git keeps what it points at. Undefined for what else git keeps for itself (its
 * index, its logs): a copy beside it would only confuse git, so it goes to the trash.
 * @param isTaken whether either side holds something at a path already
 */
export function conflictPlace(
  path: BytePath,
  now: Date,
  isTaken: (path: BytePath) => boolean,
): BytePath | undefined {
  const inside = insideGit(path);
  if (inside !== undefined && !isRef(inside)) return undefined;
  for (let n = 1; ; n += 1) {
    const copy = candidate(path, now, n);
    if (!isTaken(copy)) return copy;
  }
}

/** 2026-11-21T18:34:11Z as 20261121-183411. */
function stamp(now: Date): string {
  return now.toISOString().slice(0, 19).replaceAll('-', '').replaceAll(':', '').replace('T', '-');
}

function isRef(inside: BytePath): boolean {
  return inside.startsWith('refs/') || inside === 'HEAD';
}

function candidate(path: BytePath, now: Date, n: number): BytePath {
  const inside = insideGit(path);
  const count = n === 1 ? '' : `-${n}`;
  if (inside !== undefined) {
    const git = path.slice(0, path.length - inside.length);
    return `${git}refs/switchyard/${inside.replace(/^refs\//, '')}${count}`;
  }
  const name = nameOf(path);
  const dot = name.lastIndexOf('.');
  const [stem, extension] = dot > 0 ? [name.slice(0, dot), name.slice(dot)] : [name, ''];
  const mark = `.sync-conflict-${stamp(now)}${count}`;
  const fitting = stem.slice(0, Math.max(1, maxNameBytes - mark.length - extension.length));
  const folder = parentOf(path);
  return `${folder === '' ? '' : `${folder}/`}${fitting}${mark}${extension}`.slice(0, 4_000);
}
