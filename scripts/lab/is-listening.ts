import { connect } from 'node:net';

const PATIENCE_MS = 1_000;

/** Whether something accepts connections there; within a second. */
export function isListening(port: number, host = '127.0.0.1'): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect({ port, host: host.replace(/^\[|\]$/g, ''), timeout: PATIENCE_MS });
    const settle = (open: boolean) => {
      socket.destroy();
      done(open);
    };
    socket.once('connect', () => settle(true));
    socket.once('timeout', () => settle(false));
    socket.once('error', () => settle(false));
  });
}
