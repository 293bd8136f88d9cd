/**
 * Ends a connection so that what it carried does not look whole, where only its end tells: by a reset instead of FIN.
 */
import type { Socket } from 'node:net';
import { resetOnDestroy } from './node-internals.ts';

export function resetConnection(socket: Socket): void {
  resetOnDestroy(socket);
  socket.destroy();
}
