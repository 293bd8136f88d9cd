/**
 * The orderly end of a server: nobody who has sent a request goes without an answer, as long as the grace time lasts.
 */
import { Server as NetServer, type Socket } from 'node:net';
import { responseUnderWay } from '../forward/node-internals.ts';
import type { ListeningServer } from './server.ts';

/** A keep-alive connection may be about to carry a request; it gets this long before it counts as idle, ms. */
const QUIET_MS = 1_000;
const LOOK_EVERY_MS = 100;

/**
 * Takes no more connections: who comes now waits for another process that listens on the same socket, if there is one.
 * What is open goes on, and every response from now on says `Connection: close` (createApp's isDraining). Node's own
 * close() would cut idle connections at once, and with them the requests that are already on their way to us.
 * @returns resolves when the last connection has ended
 */
export function stopAccepting({ server, sockets }: ListeningServer): Promise<void> {
  for (const socket of sockets) {
    const response = responseUnderWay(socket);
    if (response !== undefined && !response.headersSent) response.shouldKeepAlive = false;
  }
  return new Promise((resolve) => NetServer.prototype.close.call(server, () => resolve()));
}

/**
 * Lets requests in flight finish, and after `graceMs` cuts what is left, WebSockets as well.
 * @param ended of `stopAccepting`
 */
export async function finishConnections(
  { server, sockets, upgraded }: ListeningServer,
  ended: Promise<void>,
  graceMs: number,
): Promise<void> {
  const closeQuiet = createQuietCloser(sockets, Math.min(QUIET_MS, graceMs / 2));
  const timers = [
    // Behind the poll phase: after a stall of the process, what has arrived is read before it counts as not there.
    setInterval(() => setImmediate(closeQuiet), LOOK_EVERY_MS),
    // Not closeAllConnections(): it knows nothing of sockets that have left HTTP.
    setTimeout(() => {
      for (const socket of [...sockets, ...upgraded]) socket.destroy();
    }, graceMs),
  ];
  await ended;
  for (const timer of timers) clearTimeout(timer);
  server.close();
  // The sockets that went last say so a moment later, and only then are their requests logged.
  while (sockets.size + upgraded.size > 0) await new Promise(setImmediate);
}

/**
 * Closes connections that have neither a response under way nor sent a byte for `quietMs`. Not node:http's
 * closeIdleConnections(): it takes a response for finished when end() was called, and throws away what a slow client
 * has not taken yet.
 */
function createQuietCloser(sockets: ReadonlySet<Socket>, quietMs: number): () => void {
  const seen = new WeakMap<Socket, { readonly bytes: number; readonly at: number }>();
  return () => {
    const now = performance.now();
    for (const socket of sockets) {
      const last = seen.get(socket);
      if (last === undefined || responseUnderWay(socket) !== undefined || socket.bytesRead !== last.bytes) {
        seen.set(socket, { bytes: socket.bytesRead, at: now });
      } else if (now - last.at >= quietMs) {
        socket.destroy();
      }
    }
  };
}
