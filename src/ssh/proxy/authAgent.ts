import type { Connection, ServerChannel } from 'ssh2';

/** What ssh2 gives every channel at first; its own constants (lib/Channel.js), which it does not export. */
const windowBytes = 2 * 1024 * 1024;
const packetBytes = 32 * 1024;

type Opened = (error: Error | undefined, channel: ServerChannel) => void;

interface Internals {
  readonly _chanMgr: { add(opened: Opened & { type: string }): number };
  readonly _protocol: { openssh_authAgent(channel: number, window: number, packet: number): void };
}

/**
 * Asks the client for a channel to the agent that it forwards. ssh2 can write the message and take the
 * answer; what it lacks is the method that does both.
 */
export function openAuthAgent(client: Connection, opened: Opened): void {
  const { _chanMgr: channels, _protocol: protocol } = client as unknown as Internals;
  const waiting = Object.assign<Opened, { type: string }>((error, channel) => opened(error, channel), {
    type: 'auth-agent@openssh.com',
  });
  const channel = channels.add(waiting);
  protocol.openssh_authAgent(channel, windowBytes, packetBytes);
}
