import { chromium, type Browser } from 'playwright-core';
import { findProgram } from '../programs.ts';

/**
 * Starts a browser without a window. It goes nowhere by itself: no updates, no sync, no pings.
 * @throws Error where none is installed
 */
export async function launchBrowser(): Promise<Browser> {
  const executablePath = await findProgram('chromium', 'chromium-browser', 'google-chrome');
  if (executablePath === undefined) {
    throw new Error('No Chromium is installed. `npm test` installs it, or: apt-get install chromium');
  }
  return chromium.launch({
    executablePath,
    headless: true,
    // Chromium's sandbox refuses root.
    chromiumSandbox: process.getuid?.() !== 0,
    args: [
      ...['--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'],
      ...['--disable-component-update', '--disable-sync'],
    ],
  });
}
