import { readFile } from 'node:fs/promises';
import { lastLines } from '../../base/process.ts';

/** How many lines of it say why a machine did not come up. */
const shownLines = 40;

/** What moves the cursor and colours text on a terminal. */
// eslint-disable-next-line no-control-regex -- an escape sequence begins with a control character
const terminalCodes = /\u001b(?:\[[0-9;?]*[A-Za-z]|[A-Z])|\r/g;

/** The last lines that a machine printed on its serial console, as text; none where it has not begun to. */
export async function lastOfConsole(file: string): Promise<string> {
  try {
    const printed = await readFile(file, 'utf8');
    return lastLines(printed.replaceAll(terminalCodes, ''), shownLines);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return '';
  }
}
