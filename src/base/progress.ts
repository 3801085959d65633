/**
 * How long work tells what it is doing. One per operation; src/ui shows it as a notification or in the
 * view, a test or the bench may collect it.
 */
export interface Progress {
  /** A new named step begins, in the person's language: "Building the image". Ends the step before. */
  step(title: string): void;
  /** A line of output of the current step, as the program printed it. */
  line(text: string): void;
  /** How far the current step is, from 0 to 1, where it can be known. */
  fraction?(value: number): void;
}

export const silentProgress: Progress = { step: () => undefined, line: () => undefined };
