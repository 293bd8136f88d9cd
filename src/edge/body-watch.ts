/**
 * A request body may take as long as it moves; one that stands still holds a connection, a place in MAX_IN_FLIGHT and a
 * connection to the backend, so it is given up (nginx: client_body_timeout). One timer for all bodies: two reads of a
 * clock per chunk would cost more than the chunk.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';

export interface BodyWatch {
  /** Call for a request that announces a body; the watch ends with the body or with the connection. */
  watch(req: IncomingMessage, res: ServerResponse): void;
}

interface Watched {
  readonly res: ServerResponse;
  bytesRead: number;
  movedAt: number;
}

/**
 * @param idleTimeoutMs longest silence of a client within a body; our own pauses do not count
 * @param onStalled called once; must end the connection
 */
export function createBodyWatch(
  idleTimeoutMs: number,
  onStalled: (req: IncomingMessage, res: ServerResponse) => void,
): BodyWatch {
  const bodies = new Map<IncomingMessage, Watched>();
  let timer: NodeJS.Timeout | undefined;

  const look = () => {
    const now = performance.now();
    for (const [req, watched] of bodies) {
      if (req.complete || req.socket.destroyed) bodies.delete(req);
      else if (req.isPaused() || req.socket.bytesRead !== watched.bytesRead) {
        watched.bytesRead = req.socket.bytesRead;
        watched.movedAt = now;
      } else if (now - watched.movedAt > idleTimeoutMs) {
        bodies.delete(req);
        onStalled(req, watched.res);
      }
    }
    if (bodies.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };

  return {
    watch(req, res) {
      bodies.set(req, { res, bytesRead: req.socket.bytesRead, movedAt: performance.now() });
      timer ??= setInterval(look, Math.max(20, Math.min(1_000, idleTimeoutMs / 4))).unref();
    },
  };
}
