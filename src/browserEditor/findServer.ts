import type { Connection } from '../connections/connection.ts';
import { run } from '../connections/run.ts';

/** A program inside that takes the options of VS Code's own server, and how it was found. */
export interface EditorServer {
  readonly argv: readonly string[];
  readonly from: 'setting' | 'image' | 'copy';
}

/** The folder of an editor that was copied in, below the user's home: this name, a dash and its version. */
export const copiedName = '.switchyard/editor';

/**
 * Prints how the server was found and its argv, a line each. code-server brings VS Code's server along: its own
 * program around it knows no connection token. Where it lies depends on how it was installed: from its archive
 * or package with a Node of its own, from npm without.
 * @see https://coder.com/docs/code-server/install
 */
const script = `
found() { from=$1; shift; echo "$from"; printf '%s\\n' "$@"; exit 0; }
program=$(command -v openvscode-server) && found image "$program"
program=$(command -v code-server) && program=$(readlink -f "$program") || program=
for root in "\${program%/bin/code-server}" /usr/lib/code-server "$HOME"/.local/lib/code-server-*; do
  [ -f "$root/lib/vscode/out/server-main.js" ] && [ -x "$root/lib/node" ] && found image "$root/lib/node" "$root/lib/vscode/out/server-main.js"
done
root=\${program%/out/node/entry.js}
if [ -n "$program" ] && [ -f "$root/lib/vscode/out/server-main.js" ]; then
  node=$(command -v node) && found image "$node" "$root/lib/vscode/out/server-main.js"
fi
for root in "$HOME"/${copiedName}-*; do
  [ -f "$root/complete" ] && found copy "$root/node" "$root/vscode/out/server-main.js"
done
exit 1`;

/** The program that looks; exported for its tests. */
export const findArgv: readonly string[] = ['/bin/sh', '-c', script];

/**
 * @param command the person's own choice: a command line of the guest's shell; empty: look for one
 * @returns undefined where there is none inside
 */
export async function findServer(
  connection: Connection,
  command: string,
  signal: AbortSignal,
): Promise<EditorServer | undefined> {
  if (command.trim() !== '') {
    return { argv: ['/bin/sh', '-c', `exec ${command} "$@"`, 'sh'], from: 'setting' };
  }
  const { code, stdout } = await run(connection, { argv: findArgv, cwd: '/' }, signal);
  const [from, ...argv] = stdout.toString('utf8').trimEnd().split('\n');
  if (code !== 0 || argv.length === 0) return undefined;
  return { argv, from: from === 'copy' ? 'copy' : 'image' };
}
