/**
 * What all connections of the load generator have in common: how they open, break and close.
 */
import { connect, type Socket } from 'node:net';

export interface LoadSocket {
  readonly socket: Socket;
  close(): void;
}

/** @param onBroken told when the connection fails or ends before `close` was called */
export function openLoadSocket(port: number, onBroken: (reason: string) => void): LoadSocket {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  let closing = false;
  const broken = (reason: string) => {
    if (!closing) onBroken(reason);
  };
  socket.on('error', (error) => broken(`the connection broke: ${error.message}`));
  socket.on('close', () => broken('the proxy closed the connection'));
  return {
    socket,
    close() {
      closing = true;
      socket.destroy();
    },
  };
}
