import { withDeadline } from '../../base/abort.ts';
import type { Logger } from '../../base/log.ts';
import type { SyncConnection } from '../carrier.ts';
import { AgentClient, AgentFault, newGreeting } from './agentClient.ts';
import { AgentSide, type AgentFolder } from './agentSide.ts';
import { agentScript } from '../files.ts';
import { ShellSide } from './shellSide.ts';

/** Reads the agent from standard input, exactly its bytes, greets and runs it. */
const bootPython = `import os,sys
n=int(sys.argv[2]);c=b''
while len(c)<n:
 d=os.read(0,n-len(c))
 if not d:sys.exit(0)
 c+=d
os.write(1,sys.argv[1].encode()+b'\\n')
exec(compile(c,'switchyard-agent','exec'))`;

const bootPerl = `my($g,$n)=@ARGV;my $c='';
while(length $c<$n){sysread(STDIN,$c,$n-length $c,length $c) or exit 0}
syswrite STDOUT,"$g\\n";eval $c;die $@ if $@`;

/** How long, in milliseconds, an agent may take to start and say who it is. */
const startMs = 30_000;

interface Interpreter {
  readonly name: string;
  readonly script: string;
  argv(greeting: string, size: number): string[];
}

const interpreters: readonly Interpreter[] = [
  {
    name: 'python3',
    script: 'agent.py',
    argv: (greeting, size) => ['python3', '-IS', '-c', bootPython, greeting, String(size)],
  },
  {
    name: 'perl',
    script: 'agent.pl',
    argv: (greeting, size) => ['perl', '-e', bootPerl, greeting, String(size)],
  },
];

/**
 * Starts the agent in the guest with whatever the guest has, and opens the workspace folder with it.
 * Nothing is installed: the agent is fed to the interpreter's standard input.
 * @throws AgentFault where the folder cannot be used; Error where the guest can run no agent
 */
export async function startAgent(
  connection: SyncConnection,
  folder: AgentFolder,
  log: Logger,
  signal: AbortSignal,
): Promise<AgentSide | ShellSide> {
  const troubles: unknown[] = [];
  for (const interpreter of interpreters) {
    const script = await agentScript(interpreter.script);
    const bounded = withDeadline(signal, startMs);
    const greeting = newGreeting();
    const process = await connection.exec(
      { argv: interpreter.argv(greeting, script.length), cwd: '/' },
      bounded,
    );
    const client = new AgentClient(process, greeting);
    try {
      process.stdin.write(script);
      const side = await AgentSide.open(connection, client, { ...folder, startedBy: 'shell' }, bounded);
      log.debug(`Sync agent: ${side.hello.agent} on ${connection.description}`);
      return side;
    } catch (error) {
      client.dispose();
      if (error instanceof AgentFault || signal.aborted) throw error;
      log.debug(`No sync agent with ${interpreter.name}: ${String(error)}`);
      troubles.push(error);
    }
  }
  try {
    const side = await ShellSide.open(connection, folder, withDeadline(signal, startMs));
    log.info(
      `Sync: ${connection.description} has neither Python nor Perl; its shell does the work, which is slower.`,
    );
    return side;
  } catch (error) {
    if (error instanceof AgentFault || signal.aborted) throw error;
    troubles.push(error);
  }
  throw new AggregateError(troubles, 'No program for the sync agent runs in the guest.');
}
