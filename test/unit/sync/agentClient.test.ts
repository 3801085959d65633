import { PassThrough, Writable } from 'node:stream';
import { expect, it } from 'vitest';
import { AgentClient, AgentLost } from '../../../src/sync/guest/agentClient.ts';

/** A program that never answers and takes what it is told only when `take` is called. */
function busy(): { readonly client: AgentClient; readonly stdin: Writable; readonly take: () => void } {
  const waiting: (() => void)[] = [];
  const stdin = new Writable({
    highWaterMark: 1,
    write: (_data, _encoding, done) => void waiting.push(done),
  });
  const client = new AgentClient(
    {
      stdin,
      stdout: new PassThrough(),
      stderr: new PassThrough(),
      exit: new Promise(() => undefined),
      resize: () => undefined,
      kill: () => Promise.resolve(),
      dispose: () => undefined,
    },
    'hello',
  );
  return { client, stdin, take: () => waiting.shift()?.() };
}

it('waits for a channel that is full, and leaves no listener behind', async () => {
  const { client, stdin, take } = busy();
  const before = stdin.listenerCount('close') + stdin.listenerCount('drain');
  const asked: Promise<unknown>[] = [];
  for (let n = 0; n < 20; n += 1) {
    asked.push(client.ask('ping', [], AbortSignal.timeout(60_000)).catch((error: unknown) => error));
    let isReady = false;
    const ready = client.ready().then(() => (isReady = true));
    await Promise.resolve();
    expect(isReady).toBe(false);
    take();
    await ready;
  }
  expect(stdin.listenerCount('close') + stdin.listenerCount('drain')).toBe(before);
  client.dispose();
  for (const error of await Promise.all(asked)) expect(error).toBeInstanceOf(AgentLost);
});
