/** What becomes of a request's body when its answer is out already. */
import type { IncomingMessage } from 'node:http';
import { afterRunning } from '../running-time.ts';

/** How long a client may go on sending a body that the backend has already answered, ms (nginx: lingering_time). */
const LINGER_MS = 30_000;

/**
 * The answer is out while the client still sends: take the rest off the socket and drop it, since closing with unread
 * bytes resets the connection and can destroy the answer on its way (RFC 9112 §9.6).
 */
export function lingerFor(req: IncomingMessage): void {
  const limit = afterRunning(LINGER_MS, () => req.destroy());
  req.once('close', () => limit.cancel());
  req.resume();
}
