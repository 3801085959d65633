import { createHash } from 'node:crypto';
import { Readable, type Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { withDeadline } from '../../base/abort.ts';
import type { Logger } from '../../base/log.ts';
import type { RemoteProcess } from '../../connections/connection.ts';
import type { SyncConnection, WaitingAgent } from '../carrier.ts';
import { run } from '../../connections/run.ts';
import { agentScript } from '../files.ts';
import { AgentClient, AgentFault, newGreeting } from './agentClient.ts';
import { AgentSide, type AgentFolder } from './agentSide.ts';

/*
 * An agent that is started before its client is there, and waits with all that it needs read and compiled, which in
 * software emulation takes a second each time. One client is let in, and only one with the same agent; where none
 * comes for a minute of the machine's own time it ends. The parts of its program:
 */

/** Whoever comes from here on is heard later. */
const listen = `s=socket.socket(socket.AF_UNIX)
s.bind(path)
s.listen(1)`;

/** Gets ready: `c` is the agent. */
const ready = `code=compile(c,'switchyard-agent','exec')
for line in c.split(b'\\n'):
 if line.strip().startswith(b'import '):
  try:exec(line.strip(),{})
  except ImportError:pass`;

/** Waits, and is the agent. */
const serve = `null=os.open('/dev/null',os.O_RDWR)
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

/** Takes the agent from its standard input, and ends, leaving itself behind, when a client can come. */
const leavePython = `import os,socket,sys
path,n,name=sys.argv[1],int(sys.argv[2]),sys.argv[3].encode()
c=b''
while len(c)<n:
 d=os.read(0,n-len(c))
 if not d:sys.exit(1)
 c+=d
${ready}
${listen}
if os.fork():os._exit(0)
os.setsid()
${serve}`;

/** Started as root, in a folder of its own that it makes for its user. `path`, `name`, `user`, `env` and `c` are given. */
const bootPython = `u=pwd.getpwnam(user)
at=os.path.dirname(path)
os.mkdir(at,0o700)
os.chown(at,u.pw_uid,u.pw_gid)
os.initgroups(user,u.pw_gid)
os.setgid(u.pw_gid)
os.setuid(u.pw_uid)
os.environ['HOME']=u.pw_dir
os.environ.update(env)
os.setsid()
${listen}
${ready}
${serve}`;

/** What of a user's environment decides where the agent keeps what it keeps. */
const variables = ['HOME', 'XDG_STATE_HOME'];

/** How long, in milliseconds, it may take to start one, and to hear from one that waits. */
const startMs = 30_000;
const joinMs = 10_000;
/** How often one is looked for that may be starting, in milliseconds. */
const lookMs = 40;

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
  const argv = ['python3', '-IS', '-c', leavePython, socket, String(script.length), nameOf(script)];
  const bounded = withDeadline(signal, startMs);
  const { code } = await run(connection, { argv, cwd: '/', input: script }, bounded);
  return code === 0;
}

/** The program of an agent that a machine starts while it boots, for whoever comes first. */
export interface BootAgent {
  /** Another version of it has another name. */
  readonly name: string;
  /** For `python3 -IS`, to be run by root. */
  readonly program: string;
}

/**
 * An agent that listens at once, and gets ready meanwhile.
 * @param socket absolute path in a folder that is not there yet
 * @param as whose agent it is; of the environment of its programs it gets what matters to it
 */
export async function agentForBoot(
  socket: string,
  as: { readonly user: string; readonly env: Readonly<Record<string, string>> },
): Promise<BootAgent> {
  const script = await agentScript('agent.py');
  const agent = nameOf(script);
  const env = Object.fromEntries(variables.flatMap((name) => (as.env[name] ? [[name, as.env[name]]] : [])));
  // A text of JSON is one of Python's too, but for what is beyond the basic plane.
  const literal = (value: unknown): string =>
    JSON.stringify(value).replaceAll(
      /[\ud800-\udbff][\udc00-\udfff]/g,
      (pair) => `\\U${pair.codePointAt(0)?.toString(16).padStart(8, '0') ?? ''}`,
    );
  const given = { path: socket, user: as.user, env };
  const program = [
    '# Written by Switchyard: the agent of its workspace sync, which waits for it while the machine boots.',
    'import os,pwd,socket,sys',
    ...Object.entries(given).map(([name, value]) => `${name}=${literal(value)}`),
    `name=${literal(agent)}.encode()`,
    `c=${literal(script.toString('utf8'))}.encode()`,
    bootPython,
    '',
  ].join('\n');
  return { name: nameOf(Buffer.from(program)), program };
}

/**
 * Opens the workspace folder with the agent that waits; undefined where none does.
 * @throws AgentFault where the folder cannot be used
 */
export async function joinAgent(
  connection: SyncConnection,
  waiting: WaitingAgent,
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
    const stream = await reach(connection.connectUnix.bind(connection), waiting, bounded);
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

async function reach(
  connect: (socket: string, signal: AbortSignal) => Promise<Duplex>,
  { socket, startingMs }: WaitingAgent,
  signal: AbortSignal,
): Promise<Duplex> {
  const end = performance.now() + startingMs;
  for (;;) {
    try {
      return await connect(socket, signal);
    } catch (error) {
      if (signal.aborted || performance.now() >= end) throw error;
    }
    await delay(lookMs, undefined, { signal });
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
