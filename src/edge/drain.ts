/**
 * The orderly end of a server: nobody who has sent a request goes without an answer, as long as the grace time lasts.
 */
import { Server as NetServer } from 'node:net';
import { responseUnderWay } from '../forward/node-internals.ts';
import type { ClientConnection } from './client-connection.ts';
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
export function stopAccepting({ server, connections }: ListeningServer): Promise<void> {
  for (const { socket } of connections) {
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
  { server, connections }: ListeningServer,
  ended: Promise<void>,
  graceMs: number,
): Promise<void> {
  const quietMs = Math.min(QUIET_MS, graceMs / 2);
  const timers = [
    // setImmediate: after a stall of the process, what has arrived is read before a connection counts as quiet.
    setInterval(() => setImmediate(closeQuiet, connections, quietMs), LOOK_EVERY_MS),
    // Not closeAllConnections(): it knows nothing of sockets that have left HTTP.
    setTimeout(() => {
      for (const { socket } of connections) socket.destroy();
    }, graceMs),
  ];
  await ended;
  for (const timer of timers) clearTimeout(timer);
  server.close();
  // The sockets that went last say so a moment later, and only then are their requests logged.
  while (connections.size > 0) await new Promise(setImmediate);
}

/**
 * Closes connections on which nobody speaks. Not node:http's
 * closeIdleConnections(): it takes a response for finished when end() was called, and throws away what a slow client
 * has not taken yet.
 */
function closeQuiet(connections: Iterable<ClientConnection>, quietMs: number): void {
  for (const connection of connections)
    if (!connection.isUpgraded && connection.isQuietFor(quietMs)) connection.socket.destroy();
}
