import { SwitchyardError, type ErrorCode, type Remedy } from '../../base/errors.ts';

/** An error on its way to another process: a clone of an Error keeps neither its class nor its own fields. */
export interface PackedError {
  readonly name: string;
  readonly message: string;
  readonly stack: string | undefined;
  readonly cause: PackedError | undefined;
  /** Of an error for a person. */
  readonly person:
    | {
        readonly code: ErrorCode;
        readonly what: string;
        readonly why: string;
        readonly next: string;
        readonly remedies: readonly Remedy[];
        readonly detail: string | undefined;
      }
    | undefined;
}

/** How many causes of causes go along; a chain may be a circle. */
const deepest = 8;

export function packError(error: unknown, depth = 0): PackedError {
  if (!(error instanceof Error)) {
    return { name: 'Error', message: String(error), stack: undefined, cause: undefined, person: undefined };
  }
  const { name, message, stack, cause } = error;
  const hasCause = cause !== undefined && depth < deepest;
  return {
    ...{ name, message, stack },
    cause: hasCause ? packError(cause, depth + 1) : undefined,
    person: error instanceof SwitchyardError ? fieldsOf(error) : undefined,
  };
}

function fieldsOf({ code, what, why, next, remedies, detail }: SwitchyardError): PackedError['person'] {
  return { code, what, why, next, remedies, detail };
}

/** The same again: for a person, of a cancellation or a deadline, or a plain Error of that name. */
export function unpackError({ name, message, stack, cause, person }: PackedError): Error {
  const why = cause && unpackError(cause);
  if (person) {
    const { detail, ...rest } = person;
    return new SwitchyardError({ ...rest, ...(detail === undefined ? {} : { detail }), cause: why });
  }
  if (name === 'AbortError' || name === 'TimeoutError') return new DOMException(message, name);
  const error = new Error(message, why && { cause: why });
  error.name = name;
  if (stack !== undefined) error.stack = stack;
  return error;
}
