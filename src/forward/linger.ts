/** How long a client may go on when its answer is out already: we wait for its end, so that the answer is not lost. */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { afterRunning } from '../running-time.ts';

/** How long a client may go on sending a body that the backend has already answered, ms (nginx: lingering_time). */
const BODY_MS = 30_000;
/** How long it may take to read a last answer and close, ms. */
const CLOSE_MS = 1_000;

/**
 * The answer is out while the client still sends: take the rest off the socket and drop it, since closing with unread
 * bytes resets the connection and can destroy the answer on its way (RFC 9112 §9.6).
 */
export function lingerFor(req: IncomingMessage): void {
  const limit = afterRunning(BODY_MS, () => req.destroy());
  req.once('close', () => limit.cancel());
  req.resume();
}

/** We have ended our side. A server's sockets are half-open: without the client's FIN one would stay for good, and count. */
export function lingerOn(socket: Duplex): void {
  const limit = afterRunning(CLOSE_MS, () => socket.destroy());
  socket.once('close', () => limit.cancel());
}
