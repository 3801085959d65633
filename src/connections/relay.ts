/** A way to make a TCP connection from inside a guest that offers only programs and has no Perl for the agent. */
export interface Relay {
  readonly program: string;
  argv(host: string, port: number): readonly string[];
}

/** The byte that a relay prints once it is connected, before anything else. */
export const connectedByte = 0x2b;

/** In what the agent runs, which makes any number of sockets. */
export const agentProgram = 'perl';

/** Prints the name of the first program that can connect: perl, in which the agent runs, or a relay's. */
export const findProgramArgv: readonly string[] = [
  '/bin/sh',
  '-c',
  'for name in perl python3 node bash; do command -v "$name" >/dev/null && echo "$name" && exit; done; exit 1',
];

/** What each does: connect, print `+`, then copy both ways; the end of one direction is passed on. */
export const relays: readonly Relay[] = [
  {
    program: 'python3',
    argv: (host, port) => ['python3', '-c', python, host, String(port)],
  },
  { program: 'node', argv: (host, port) => ['node', '-e', node, host, String(port)] },
  // It cannot pass on the end of its input: the other side sees it only with the end of everything.
  { program: 'bash', argv: (host, port) => ['bash', '-c', bash, 'bash', host, String(port)] },
];

const python = `
import os, socket, sys, threading
s = socket.create_connection((sys.argv[1], int(sys.argv[2])))
s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
os.write(1, b"+")
def up():
    while True:
        data = os.read(0, 65536)
        if not data:
            break
        s.sendall(data)
    s.shutdown(socket.SHUT_WR)
threading.Thread(target=up, daemon=True).start()
while True:
    data = s.recv(65536)
    if not data:
        break
    while data:
        data = data[os.write(1, data):]
`;

const node = `
const s = require("net").connect({ host: process.argv[1], port: Number(process.argv[2]) }, () => {
  s.setNoDelay(true);
  process.stdout.write("+");
  process.stdin.pipe(s);
  s.pipe(process.stdout);
});
s.on("error", (error) => { console.error(error.message); process.exit(1); });
`;

const bash = `
exec 3<>"/dev/tcp/$1/$2" || exit 1
printf +
cat <&0 >&3 &
cat <&3
kill $! 2>/dev/null`;
