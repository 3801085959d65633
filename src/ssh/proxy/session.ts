import type { ServerChannel, Session } from 'ssh2';
import type { Guest, GuestChannel, Program, Terminal } from '../../connections/guest/guest.ts';
import { Bridge } from './bridge.ts';

/** What a session needs of its connection. */
export interface SessionSurroundings {
  readonly guest: Promise<Guest>;
  /** The path of a socket inside behind which the client's agent is; undefined where there can be none. */
  forwardAgent(): Promise<string | undefined>;
}

/** Wires one session of a client: what it asks for at first, then the one program that it is about. */
export function serveSession(session: Session, around: SessionSurroundings): void {
  const env: Record<string, string> = {};
  let terminal: Terminal | undefined;
  let agent: Promise<string | undefined> = Promise.resolve(undefined);
  let running: GuestChannel | undefined;

  const run = (ssh: ServerChannel, program: Program): void => {
    const bridge = new Bridge('program');
    bridge.attach(ssh);
    start(program, bridge).catch((error: unknown) => {
      bridge.fail(error instanceof Error ? error.message : String(error));
    });
  };
  const start = async (program: Program, bridge: Bridge): Promise<void> => {
    const guest = await around.guest;
    const socket = await agent;
    if (socket !== undefined) env['SSH_AUTH_SOCK'] = socket;
    running = await guest.run({ program, terminal, env }, bridge);
    bridge.connect(running);
  };

  session.on('env', (accept: unknown, _reject: unknown, { key, val }: { key: string; val: string }) => {
    if (/^[A-Za-z_]\w*$/.test(key)) env[key] = val;
    reply(accept);
  });
  session.on('pty', (accept, _reject, info) => {
    terminal = { columns: info.cols, rows: info.rows, width: info.width, height: info.height };
    env['TERM'] = info.term || 'xterm-256color';
    reply(accept);
  });
  session.on('window-change', (accept, _reject, info) => {
    terminal = { columns: info.cols, rows: info.rows, width: info.width, height: info.height };
    running?.resize(terminal);
    reply(accept);
  });
  session.on('signal', (accept, _reject, { name }) => {
    running?.signal(name.replace(/^SIG/, ''));
    reply(accept);
  });
  session.on('auth-agent', (accept) => {
    agent = around.forwardAgent();
    reply(accept);
  });
  session.on('shell', (accept) => run(accept(), { kind: 'shell' }));
  session.on('exec', (accept, _reject, { command }) => run(accept(), { kind: 'command', command }));
  session.on('subsystem', (accept, reject, { name }) => {
    if (name === 'sftp') run(accept(), { kind: 'sftp' });
    else reject();
  });
}

/** ssh2 gives nothing to call where the client wants no answer. */
function reply(accept: unknown): void {
  if (typeof accept === 'function') (accept as () => void)();
}
