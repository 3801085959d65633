/**
 * The one place where values become shell text.
 * @see https://pubs.opengroup.org/onlinepubs/9699919799/utilities/V3_chap02.html#tag_18_02_02 (2.2.2 Single-Quotes)
 */
export function quote(word: string): string {
  if (word.includes('\0')) throw new RangeError('A shell word cannot hold a NUL byte.');
  if (/^[A-Za-z0-9_./:=@%+,-]+$/.test(word)) return word;
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

/** A POSIX shell command line that runs exactly this program with exactly these arguments. */
export function quoteAll(words: readonly string[]): string {
  return words.map(quote).join(' ');
}
