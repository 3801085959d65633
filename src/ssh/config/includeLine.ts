/** The one line that we put into a person's SSH configuration; relative to ~/.ssh (ssh_config(5), Include). */
export const includeLine = 'Include switchyard/config';

/**
 * The configuration with our line at its beginning, where no Host or Match block of the person's applies to
 * it. Every other byte stays, whatever its encoding. Undefined where the line is there already, or another
 * one that includes the same file.
 */
export function withInclude(content: Buffer): Buffer | undefined {
  // Latin-1 gives every byte a character of its own and back again.
  const text = content.toString('latin1');
  if (beforeBlocks(text).some((line) => isOurs(line))) return undefined;
  const end = text.includes('\r\n') && !/[^\r]\n/.test(text) ? '\r\n' : '\n';
  return Buffer.from(`${includeLine}${end}${text}`, 'latin1');
}

/** The configuration without our line; undefined where it is not there. */
export function withoutInclude(content: Buffer): Buffer | undefined {
  const text = content.toString('latin1');
  const lines = text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
  const kept = lines.filter((line) => line.trim() !== includeLine);
  return kept.length === lines.length ? undefined : Buffer.from(kept.join(''), 'latin1');
}

/** In a block it would apply to that block's hosts only. */
function beforeBlocks(text: string): readonly string[] {
  const lines = text.split('\n');
  const block = lines.findIndex((line) => /^\s*(host|match)[\s=]/i.test(line));
  return block === -1 ? lines : lines.slice(0, block);
}

function isOurs(line: string): boolean {
  return /^\s*include[\s=]+"?(~\/\.ssh\/)?switchyard\/config"?\s*$/i.test(line);
}
