import { isExecutable, type Entry } from './entry.ts';
import type { BytePath } from './path.ts';
import type { Action } from './reconcile.ts';
import type { Content, Operation } from './side.ts';

/** One entry that goes to the other side. */
export type Copy = Extract<Action, { do: 'copy' }>;

/** @param expect what the target must hold at the path */
export function fileOperation(path: BytePath, expect: string, source: Entry, content: Content): Operation {
  return { do: 'file', path, expect, executable: isExecutable(source), content };
}
