import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ExecaRunner } from '../../../../src/base/execaRunner.ts';
import { silentLogger } from '../../../../src/base/log.ts';
import { runInitializeCommand } from '../../../../src/environments/hooks/initialize.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'switchyard-initialize-'));
});
afterEach(() => rm(folder, { recursive: true }));

async function runIt(
  command: unknown,
  signal = new AbortController().signal,
  onLine: () => void = () => undefined,
): Promise<string[]> {
  const seen: string[] = [];
  const progress = {
    step: (title: string) => seen.push(title),
    line: (text: string) => {
      seen.push(text);
      onLine();
    },
  };
  await runInitializeCommand(new ExecaRunner(silentLogger), folder, command, { progress, signal });
  return seen;
}

describe('initializeCommand', () => {
  it('runs in the workspace folder, in all three forms', async () => {
    expect(await runIt('pwd; echo "$((1 + 1))"')).toEqual(['Running initializeCommand', folder, '2']);
    expect(await runIt(['echo', '$(id)', "it's"])).toContain("$(id) it's");
    await runIt({ one: 'echo 1 > one', two: ['sh', '-c', 'echo 2 > two'] });
    expect(await readFile(path.join(folder, 'one'), 'utf8')).toBe('1\n');
    expect(await readFile(path.join(folder, 'two'), 'utf8')).toBe('2\n');
  });

  it('does nothing where there is none', async () => {
    expect(await runIt(undefined)).toEqual([]);
  });

  it('that fails says what it printed', async () => {
    await expect(runIt('echo the reason >&2; exit 3')).rejects.toMatchObject({
      code: 'hook.failed',
      why: expect.stringContaining('the reason') as string,
    });
  });

  it('that never ends can be cancelled', async () => {
    const cancel = new AbortController();
    const running = runIt('echo on; exec sleep 600', cancel.signal, () => cancel.abort());
    await expect(running).rejects.toThrow(/abort/i);
  });
});
