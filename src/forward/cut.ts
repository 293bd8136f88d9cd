/**
 * Ends a connection so that what it carried does not look whole, where only its end tells: by a reset instead of FIN.
 */
import type { Socket } from 'node:net';

/**
 * Not net.Socket's resetAndDestroy(): it ends the socket first, so a FIN goes out whenever something is still to be
 * written, and libuv then refuses the reset (EINVAL) and leaves the descriptor open for good. For the same reason a
 * socket that has been ended can only be destroyed.
 */
export function cut(socket: Socket): void {
  // A unix socket knows no reset.
  const { _handle: handle } = socket as Socket & { _handle?: { reset?: unknown } | null };
  if (!socket.writableEnded && handle?.reset !== undefined) Object.assign(socket, { resetAndClosing: true });
  socket.destroy();
}
