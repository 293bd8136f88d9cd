/** The chunked coding (RFC 9112 §7.1), written. */
import type { Socket } from 'node:net';
import { writeAndRelease } from '../write-and-release.ts';

/** Ends a chunked body that has no trailers. */
export const LAST_CHUNK = '0\r\n\r\n';

/**
 * Writes a piece as one chunk, in one write. An empty piece is none: it would end the body.
 * @param piece as for `writeAndRelease`
 */
export function writeChunk(socket: Socket, piece: Buffer): void {
  if (piece.length === 0) return;
  socket.cork();
  socket.write(`${piece.length.toString(16)}\r\n`, 'latin1');
  writeAndRelease(socket, piece);
  socket.write('\r\n', 'latin1');
  socket.uncork();
}
