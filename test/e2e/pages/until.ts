import type { Locator } from 'playwright-core';

/** Bounds on waiting, in milliseconds. They are for a slow machine: what is awaited ends the wait. */
export const bounds = {
  /** For the interface to follow a click. */
  click: 30_000,
  /** For VS Code to load and its extensions to be up. */
  window: 120_000,
  /** For a start or a switch where everything is built. */
  start: 180_000,
  /** For an image to be built and a machine to be made. */
  create: 900_000,
} as const;

/**
 * Asks again until the answer holds, and answers it.
 * @throws Error that says what was seen last
 */
export async function until<T>(
  what: string,
  look: () => Promise<T>,
  holds: (seen: T) => boolean,
  boundMs: number,
): Promise<T> {
  const deadline = performance.now() + boundMs;
  for (;;) {
    const seen = await look();
    if (holds(seen)) return seen;
    if (performance.now() > deadline) {
      throw new Error(`${what}: not within ${boundMs / 1000} s. Seen last: ${JSON.stringify(seen)}`);
    }
    // The page draws at most once a frame; there is nothing new to see before.
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** A text as a person reads it: one space between two words. */
export async function textOf(locator: Locator): Promise<string> {
  return plain((await locator.textContent({ timeout: bounds.click })) ?? '');
}

export function plain(text: string): string {
  return text.replace(/\s+/gu, ' ').trim();
}

/** An attribute value inside a CSS selector. */
export function quoted(value: string): string {
  return `"${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}
