import { createHash } from 'node:crypto';
import { Readable, type Duplex } from 'node:stream';
import { withDeadline } from '../../base/abort.ts';
import type { Logger } from '../../base/log.ts';
import type { RemoteProcess } from '../../connections/connection.ts';
import type { SyncConnection } from '../carrier.ts';
import { run } from '../../connections/run.ts';
import { agentScript } from '../files.ts';
import { AgentClient, AgentFault, newGreeting } from './agentClient.ts';
import { AgentSide, type AgentFolder } from './agentSide.ts';

/**
 * An agent for a machine whose memory is kept: it is started before, and waits in that memory with all that it needs
 * read and compiled, which in software emulation takes a second and more each time. One client is let in, and only one
 * with the same agent; where none comes for a minute of the machine's own time it ends.
 */
const waitPython = `import os,socket,sys
path,n,name=sys.argv[1],int(sys.argv[2]),sys.argv[3].encode()
c=b''
while len(c)<n:
 d=os.read(0,n-len(c))
 if not d:sys.exit(1)
 c+=d
code=compile(c,'switchyard-agent','exec')
for line in c.split(b'\\n'):
 if line.strip().startswith(b'import '):
  try:exec(line.strip(),{})
  except ImportError:pass
s=socket.socket(socket.AF_UNIX)
s.bind(path)
s.listen(1)
if os.fork():os._exit(0)
os.setsid()
null=os.open('/dev/null',os.O_RDWR)
for fd in 0,1,2:os.dup2(null,fd)
s.settimeout(60)
try:k=s.accept()[0]
except OSError:k=None
os.unlink(path)
if not k:sys.exit(0)
s.close()
k.setblocking(True)
g=b''
while not g.endswith(b'\\n'):
 d=k.recv(1)
 if not d:sys.exit(0)
 g+=d
g,asked=g.split()
if asked!=name:sys.exit(0)
for fd in 0,1:os.dup2(k.fileno(),fd)
k.close()
os.write(1,g+b'\\n')
exec(code,{'__name__':'__main__'})`;

/** How long, in milliseconds, it may take to start one, and to hear from one that waits. */
const startMs = 30_000;
const joinMs = 10_000;

/**
 * Leaves an agent in the guest that waits for `joinAgent`, also when the connection is closed.
 * @param socket absolute path in a folder that nobody but the connection's user may write to; nothing is there yet
 * @returns false where the guest has not what it needs
 */
export async function leaveAgent(
  connection: SyncConnection,
  socket: string,
  signal: AbortSignal,
): Promise<boolean> {
  const script = await agentScript('agent.py');
  const argv = ['python3', '-IS', '-c', waitPython, socket, String(script.length), nameOf(script)];
  const bounded = withDeadline(signal, startMs);
  const { code } = await run(connection, { argv, cwd: '/', input: script }, bounded);
  return code === 0;
}

/**
 * Opens the workspace folder with the agent that waits; undefined where none does.
 * @throws AgentFault where the folder cannot be used
 */
export async function joinAgent(
  connection: SyncConnection,
  socket: string,
  folder: AgentFolder,
  log: Logger,
  signal: AbortSignal,
): Promise<AgentSide | undefined> {
  if (!connection.connectUnix) return undefined;
  const greeting = newGreeting();
  const bounded = withDeadline(signal, joinMs);
  let client: AgentClient | undefined;
  try {
    const name = nameOf(await agentScript('agent.py'));
    const stream = await connection.connectUnix(socket, bounded);
    client = new AgentClient(processOf(stream), greeting);
    stream.write(`${greeting} ${name}\n`);
    const side = await AgentSide.open(connection, client, { ...folder, startedBy: 'itself' }, bounded);
    log.debug(`Sync agent: ${side.hello.agent} waited on ${connection.description}`);
    return side;
  } catch (error) {
    client?.dispose();
    if (error instanceof AgentFault || signal.aborted) throw error;
    log.debug(`No sync agent waits: ${String(error)}`);
    return undefined;
  }
}

/** Another version of the agent has another name. Begins as a greeting does. */
function nameOf(script: Buffer): string {
  return `switchyard-${createHash('sha256').update(script).digest('hex')}`;
}

/** The program at the other end, which ends with the stream. */
function processOf(stream: Duplex): RemoteProcess {
  const end = (): void => void stream.destroy();
  return {
    stdin: stream,
    stdout: stream,
    stderr: Readable.from([]),
    exit: new Promise((resolve) =>
      stream.once('close', () => resolve({ code: undefined, signal: undefined })),
    ),
    resize: () => undefined,
    kill: () => {
      end();
      return Promise.resolve();
    },
    dispose: end,
  };
}
