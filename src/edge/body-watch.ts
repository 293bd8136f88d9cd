/**
 * A request body may take as long as it moves; one that stands still holds a connection, a place in MAX_IN_FLIGHT and a
 * connection to the backend, so it is given up (nginx: client_body_timeout). One timer for all bodies: two reads of a
 * clock per chunk would cost more than the chunk.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { deadlineIn, everyTick, running } from '../running-time.ts';

export interface BodyWatch {
  /** Call for a request that announces a body; the watch ends with the body or with the connection. */
  watch(req: IncomingMessage, res: ServerResponse): void;
}

/** One for each connection that has sent a body; it has at most one body under way (decision 0010). */
interface Watched {
  res: ServerResponse | undefined;
  bytesRead: number;
  /** Reading of the running time at which it has stood still for too long. */
  deadline: number;
}

/**
 * @param idleTimeoutMs longest silence of a client within a body; our own pauses and stalls do not count
 * @param onStalled called once; must end the connection
 */
export function createBodyWatch(
  idleTimeoutMs: number,
  onStalled: (req: IncomingMessage, res: ServerResponse) => void,
): BodyWatch {
  const connections = new Map<Socket, Watched>();
  const lookEveryMs = Math.min(1_000, idleTimeoutMs / 4);
  let nextLook = 0;
  let stopLooking: (() => void) | undefined;

  const look = () => {
    if (running() < nextLook) return;
    nextLook = running() + lookEveryMs;
    for (const [socket, watched] of connections) {
      const { res } = watched;
      if (socket.destroyed) connections.delete(socket);
      else if (res === undefined || res.req.complete) watched.res = undefined;
      else if (res.req.isPaused() || socket.bytesRead !== watched.bytesRead) {
        watched.bytesRead = socket.bytesRead;
        watched.deadline = deadlineIn(idleTimeoutMs);
      } else if (watched.deadline < running()) {
        watched.res = undefined;
        onStalled(res.req, res);
      }
    }
    if (connections.size > 0) return;
    stopLooking?.();
    stopLooking = undefined;
  };

  // Not when the timer looks, and not by an entry for each request: both keep requests until they are old for V8, and
  // collecting them then was a sixth of what a POST cost (npm run bench -- --only POST).
  function forget(this: ServerResponse): void {
    const watched = connections.get(this.req.socket);
    if (watched?.res === this && this.req.complete) watched.res = undefined;
  }

  return {
    watch({ socket }, res) {
      const watched = connections.get(socket) ?? { res, bytesRead: 0, deadline: 0 };
      watched.res = res;
      watched.bytesRead = socket.bytesRead;
      stopLooking ??= everyTick(look);
      watched.deadline = deadlineIn(idleTimeoutMs);
      connections.set(socket, watched);
      res.on('close', forget);
    },
  };
}
