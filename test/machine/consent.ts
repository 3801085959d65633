import { createInterface } from 'node:readline/promises';

/** Who may answer for the person. */
export interface Consent {
  /** True where the person said yes beforehand (`--yes`), or nobody is there to ask (CI). */
  readonly given: boolean;
}

/** `npm start --yes` reaches a script as npm's own setting, `npm start -- --yes` as an argument. */
export function consentOf(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>> = process.env,
): Consent {
  return {
    given:
      args.includes('--yes') || env['npm_config_yes'] === 'true' || env['CI'] === 'true' || env['CI'] === '1',
  };
}

/**
 * Asks before something of the machine is changed.
 * @param command what a person would type to do it themselves
 * @throws Error that names the command where the answer is no, or nobody can be asked
 */
export async function ask(consent: Consent, question: string, command: string): Promise<void> {
  if (consent.given) return;
  if (!process.stdin.isTTY) {
    throw new Error(
      `${question}\nNobody is here to ask. Say yes with --yes, or do it yourself:\n  ${command}`,
    );
  }
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  try {
    const answer = await terminal.question(`\n  ${question.replaceAll('\n', '\n  ')} [Y/n] `);
    if (!/^(y|yes|)$/i.test(answer.trim())) throw new Error(`Not done. To do it yourself:\n  ${command}`);
  } finally {
    terminal.close();
  }
}
