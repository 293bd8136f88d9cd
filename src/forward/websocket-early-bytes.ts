/**
 * What a client sends before the 101. It is read on during the handshake, since a socket that is not read does not tell
 * that its peer has gone.
 */
import type { Socket } from 'node:net';

/** Nobody sends this much before a 101, bytes; pausing instead would hide that the client has gone. */
const MAX_EARLY_BYTES = 64 * 1024;

export interface EarlyBytes {
  /** Stops reading and puts everything back where the next reader finds it. */
  unread(): void;
  /** Reads on and drops everything: the handshake was refused. */
  discard(): void;
}

/** @param onGone the client has ended or closed its side, or floods us */
export function holdEarlyBytes(client: Socket, onGone: () => void): EarlyBytes {
  const held: Buffer[] = [];
  let bytes = 0;
  const onData = (chunk: Buffer) => {
    held.push(chunk);
    bytes += chunk.length;
    if (bytes > MAX_EARLY_BYTES) onGone();
  };
  client.on('data', onData);
  client.once('end', onGone);
  client.once('close', onGone);
  const stop = () => {
    client.off('data', onData);
    client.off('end', onGone);
    client.off('close', onGone);
  };
  return {
    unread() {
      stop();
      client.pause();
      if (held.length > 0) client.unshift(Buffer.concat(held));
    },
    discard() {
      stop();
      client.resume();
    },
  };
}
