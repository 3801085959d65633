import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { pollUntil } from '../../../src/base/abort.ts';
import { ExecaRunner } from '../../../src/base/execaRunner.ts';
import { silentLogger } from '../../../src/base/log.ts';
import { CommandFailed, type Command } from '../../../src/base/process.ts';
import { identify } from '../../../src/base/processLedger.ts';

const runner = new ExecaRunner(silentLogger);
const never = new AbortController().signal;

function tied(...args: [string, ...string[]]): Command<string> {
  const [program, ...rest] = args;
  return { program, args: rest, tied: true, timeoutMs: 30_000, parse: (stdout) => stdout };
}

async function isGone(pid: number): Promise<boolean | undefined> {
  return pollUntil(() => Promise.resolve(identify(pid) === undefined ? true : undefined), {
    everyMs: 20,
    timeoutMs: 10_000,
    signal: never,
  });
}

describe.skipIf(process.platform === 'win32')('a program that is tied to this process', () => {
  it('runs with its arguments as they are, and tells its output and its exit code', async () => {
    expect(await runner.run(tied('printf', '%s|', "it's", '$HOME', ''))).toBe("it's|$HOME||");
    const failed: unknown = await runner.run(tied('sh', '-c', 'exit 7')).catch((error: unknown) => error);
    expect(failed).toBeInstanceOf(CommandFailed);
    expect(failed).toMatchObject({ exitCode: 7, reason: 'exit' });
  });

  it('ends when it is no longer wanted', async () => {
    const cancel = new AbortController();
    let pid = 0;
    const running = runner.run(tied('sh', '-c', 'echo $$; exec sleep 1000'), {
      signal: cancel.signal,
      onLine: (line) => {
        pid = Number(line);
        cancel.abort();
      },
    });
    await expect(running).rejects.toMatchObject({ name: 'AbortError' });
    expect(await isGone(pid)).toBe(true);
  });

  it('ends with a process that is killed', async () => {
    const source = `
      import { ExecaRunner } from ${JSON.stringify(new URL('../../../src/base/execaRunner.ts', import.meta.url))};
      const log = { debug() {}, info() {}, warn() {}, error() {} };
      const command = { program: 'sh', args: ['-c', 'echo $$; exec sleep 1000'], tied: true, timeoutMs: 1e6, parse: String };
      await new ExecaRunner(log).run(command, { onLine: (line) => console.log(line) });`;
    const owner = spawn(process.execPath, ['--input-type=module', '--eval', source], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = (await once(owner.stdout, 'data')) as [Buffer];
    const pid = Number(line.toString());
    expect(identify(pid)).toBeDefined();
    owner.kill('SIGKILL');
    expect(await isGone(pid)).toBe(true);
  });
});
