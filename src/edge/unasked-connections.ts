/**
 * Connections on which nothing has been asked yet. Browsers and balancers open them in advance; whatever we said there
 * would be read as the answer to the first request, so they are closed without a word, and not early.
 */
import type { Socket } from 'node:net';
import { isWithinRequest } from '../forward/node-internals.ts';

export interface UnaskedConnections {
  /**
   * node:http counts the time for a head from the moment a connection is accepted, and looks at it once.
   * @returns whether no head has begun: then it is left alone, and closed later if that stays so
   */
  spare(socket: Socket): boolean;
  /** Call for every request: the connection is like any other from now on. */
  asked(socket: Socket): void;
}

/** @param restMs how long a spared connection may still wait for its first request */
export function createUnaskedConnections(restMs: number): UnaskedConnections {
  const waiting = new Map<Socket, NodeJS.Timeout>();

  const close = (socket: Socket) => {
    // One that has begun has node:http's deadline for its head.
    if (waiting.has(socket) && !isWithinRequest(socket)) socket.destroy();
  };

  const forget = (socket: Socket) => {
    clearTimeout(waiting.get(socket));
    waiting.delete(socket);
  };

  return {
    spare(socket) {
      if (isWithinRequest(socket)) return false;
      // Behind the poll phase: after a stall of the process, what has arrived is read before it counts as not there.
      waiting.set(socket, setTimeout(() => setImmediate(close, socket), restMs).unref());
      socket.once('close', () => forget(socket));
      return true;
    },
    asked(socket) {
      if (waiting.size > 0) forget(socket);
    },
  };
}
