import type { EnvironmentKind } from '../../base/kinds.ts';
import type { SameFolder } from '../tasks/pathMap.ts';

export const debuggers = ['node', 'python'] as const;
export type DebuggerName = (typeof debuggers)[number];

/** Where each listens unless it is told otherwise. */
const usualPorts: Readonly<Record<DebuggerName, number>> = { node: 9229, python: 5678 };

/** A configuration of the type `switchyard`, as launch.json has it. */
export interface AttachDefinition {
  readonly name: string;
  readonly debugger: DebuggerName;
  /** Inside. */
  readonly port: number;
  readonly environment: EnvironmentKind | 'active';
  /** Passed to the debugger as it is, and goes before what we say. */
  readonly options: Readonly<Record<string, unknown>>;
}

/** A configuration as it came out of somebody's launch.json; undefined where it says no debugger that we know. */
export function readAttach(value: object): AttachDefinition | undefined {
  const { name, debugger: asked, port, environment, options } = value as Readonly<Record<string, unknown>>;
  const known = debuggers.find((each) => each === asked);
  if (!known) return undefined;
  const isPort = typeof port === 'number' && Number.isInteger(port) && port > 0 && port < 65_536;
  const isKind = environment === 'host' || environment === 'container' || environment === 'vm';
  return {
    name: typeof name === 'string' ? name : known,
    debugger: known,
    port: isPort ? port : usualPorts[known],
    environment: isKind ? environment : 'active',
    options: typeof options === 'object' && options !== null ? { ...options } : {},
  };
}

/**
 * What the debugger itself understands: the port on this computer, and how the folder is called on both sides.
 * @param folders undefined where the debugger runs where the program does
 * @see https://github.com/microsoft/vscode-js-debug/blob/main/OPTIONS.md (node: attach)
 * @see https://github.com/microsoft/debugpy/wiki/Debug-configuration-settings
 */
export function attachTo(
  { name, debugger: kind, options }: AttachDefinition,
  port: number,
  folders: SameFolder | undefined,
): { readonly type: string; readonly name: string; readonly request: 'attach' } & Record<string, unknown> {
  const host = '127.0.0.1';
  const common = { name, request: 'attach' } as const;
  if (kind === 'node') {
    const roots = folders ? { localRoot: folders.host, remoteRoot: folders.guest } : {};
    return { ...common, type: 'node', address: host, port, ...roots, ...options };
  }
  const mappings = folders ? { pathMappings: [{ localRoot: folders.host, remoteRoot: folders.guest }] } : {};
  return { ...common, type: 'debugpy', connect: { host, port }, ...mappings, ...options };
}
