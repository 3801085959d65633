import type { Refusal } from '../side.ts';

/** Why an operation is not carried out. */
export class Refused extends Error {
  readonly why: Refusal;

  constructor(why: Refusal, message: string) {
    super(message);
    this.why = why;
  }
}
