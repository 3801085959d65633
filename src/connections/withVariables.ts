import type { Connection } from './connection.ts';

/** The same connection, whose programs get these variables on top of its own. It belongs to whoever has that one. */
export function withVariables(
  connection: Connection,
  variables: Readonly<Record<string, string>>,
): Connection {
  return {
    description: connection.description,
    user: connection.user,
    get isClosed() {
      return connection.isClosed;
    },
    onDidClose: connection.onDidClose,
    exec: (request, signal) => connection.exec({ ...request, env: { ...variables, ...request.env } }, signal),
    connectTcp: (host, port, signal) => connection.connectTcp(host, port, signal),
    dispose: () => connection.dispose(),
  };
}
