import type { Connection } from '../connection.ts';
import { AgentGuest } from './agentGuest.ts';
import { agentArgv, agentText } from './agentText.ts';

/**
 * Starts the agent as a program of this connection, whose user it runs as. It ends when its owner disposes it,
 * and where its input ends for another reason.
 * @param signal bounds the start only
 * @throws SwitchyardError where it cannot be started; Error where it ends before it greets
 */
export async function startAgent(
  connection: Pick<Connection, 'exec'>,
  signal: AbortSignal,
): Promise<AgentGuest> {
  const text = await agentText();
  const process = await connection.exec({ argv: agentArgv(text), cwd: '/' }, signal);
  const guest = new AgentGuest(process.stdin, () => {
    process.stdin.end();
    process.dispose();
  });
  const onAbort = (): void => guest.dispose();
  signal.addEventListener('abort', onAbort, { once: true });
  const complaint: Buffer[] = [];
  process.stderr.on('data', (chunk: Buffer) => complaint.push(chunk));
  process.stdout.on('data', (chunk: Buffer) => {
    try {
      guest.receive(chunk);
    } catch (error) {
      guest.end(error as Error);
      process.dispose();
    }
  });
  // It went away; its exit tells.
  process.stdin.on('error', () => undefined);
  void process.exit.then(() => {
    const words = Buffer.concat(complaint).toString().trim();
    guest.end(new Error(words === '' ? 'The agent in the environment ended.' : words));
  });
  process.stdin.write(text);
  try {
    await guest.hello;
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
  return guest;
}
