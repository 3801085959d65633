import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { expect } from 'vitest';
import { silentLogger } from '../../../src/base/log.ts';
import { ProcessLedger } from '../../../src/base/processLedger.ts';
import type { Deed } from './asWindow.ts';

/** Windows of a project that are closed, or killed in the middle of what they do. */
export class Windows {
  readonly #script: string;
  readonly #args: readonly string[];
  readonly #ledger: string;
  readonly #open = new Set<ChildProcess>();

  /** @param args of the script behind what it does @param ledger folder of the process ledger, the script's third */
  constructor(script: 'openContainer.ts' | 'openMachine.ts', project: object, ledger: string, where: string) {
    this.#script = path.join(import.meta.dirname, script);
    this.#args = [JSON.stringify(project), ledger, where];
    this.#ledger = ledger;
  }

  /** Does it to the end, then `beforeEnd`, and is closed. @returns its steps, each once */
  async close(deed: Deed, beforeEnd?: () => Promise<void>): Promise<readonly string[]> {
    const said: string[] = [];
    const { child, lines, over } = this.#begin(deed);
    for await (const line of lines) {
      said.push(line);
      if (line !== 'over') continue;
      await beforeEnd?.();
      child.stdin.end('close\n');
    }
    expect(await over).toEqual([0, null]);
    expect(said.pop()).toBe('over');
    return [...new Set(said)];
  }

  /** Is killed as soon as it says a step. The next window's first act is done, too. */
  async kill(deed: Deed, step: string): Promise<void> {
    const said: string[] = [];
    const { child, lines, over } = this.#begin(deed);
    for await (const line of lines) {
      said.push(line);
      if (line === step || line === 'over') child.kill('SIGKILL');
    }
    expect(await over).toEqual([null, 'SIGKILL']);
    expect(said).toContain(step);
    await new ProcessLedger(this.#ledger, silentLogger).endOrphans(new AbortController().signal);
  }

  /** Kills those that a test gave up on. */
  end(): void {
    for (const child of this.#open) child.kill('SIGKILL');
  }

  #begin(deed: Deed) {
    const child = spawn(process.execPath, [this.#script, deed, ...this.#args], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#open.add(child);
    child.once('exit', () => this.#open.delete(child));
    return { child, lines: createInterface({ input: child.stdout }), over: once(child, 'exit') };
  }
}
