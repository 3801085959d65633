import { BadRecord, readRecord } from '../entry.ts';
import type { Operation, Outcome, Refusal } from '../side.ts';

/** An operation as every agent takes it; of a file's content, how much there is. */
export type OperationWords = readonly [
  what: string,
  path: string,
  expect: string,
  detail: string,
  staged: string,
  bytes: string,
];

const refusals: readonly string[] = ['stale', 'notEmpty', 'noSpace', 'denied', 'failed'] satisfies Refusal[];

/** `staged` is `data` where the content comes along. */
export function wordsOf(operation: Operation): OperationWords {
  const { path } = operation;
  switch (operation.do) {
    case 'folder':
      return ['folder', path, '-', '', '', ''];
    case 'file': {
      const { content, expect, executable } = operation;
      const [staged, size] =
        'data' in content ? ['data', content.data.length] : [content.staged, content.size];
      return ['file', path, expect, executable ? '1' : '0', staged, String(size)];
    }
    case 'link':
      return ['link', path, operation.expect, operation.target, '', ''];
    case 'mode':
      return ['mode', path, operation.expect, operation.executable ? '1' : '0', '', ''];
    case 'remove':
      return ['remove', path, operation.expect, '', '', ''];
    case 'move':
      return ['move', path, operation.expect, operation.to, '', ''];
  }
}

/** The content that comes along with an operation. */
export function dataOf(operation: Operation): Uint8Array | undefined {
  return operation.do === 'file' && 'data' in operation.content ? operation.content.data : undefined;
}

/**
 * What became of an operation.
 * @param said `print`: what the path holds now, as a record, or why it was refused
 * @param message says that to a person
 * @throws BadRecord
 */
export function outcomeOf(
  operation: Operation,
  said: { readonly status: string; readonly print: string; readonly target: string },
  message: (print: string) => string,
): Outcome {
  const { status, print, target } = said;
  if (status === 'ok') {
    const path = operation.do === 'move' ? operation.to : operation.path;
    const entry = print === '' ? undefined : { ...readRecord(print, path, target), racy: true };
    return { done: true, entry };
  }
  if (!refusals.includes(status)) throw new BadRecord(`${JSON.stringify(status)} is no outcome.`);
  return { done: false, why: status as Refusal, message: message(print) };
}
