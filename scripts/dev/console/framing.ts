/** Messages on a local socket: four bytes of length, then the list of messages as V8 serializes it, bytes included. */
import { deserialize, serialize } from 'node:v8';

const LENGTH_BYTES = 4;
/** Far above what a batch may hold: more is no batch of ours. */
const MAX_FRAME_BYTES = 64 * 1024 * 1024;

export function frame(messages: readonly unknown[]): Buffer {
  const body = serialize(messages);
  const length = Buffer.allocUnsafe(LENGTH_BYTES);
  length.writeUInt32BE(body.length);
  return Buffer.concat([length, body]);
}

/** @returns a reader for the socket's pieces; it throws for what is no frame */
export function frameReader<Message>(onMessages: (messages: readonly Message[]) => void) {
  let pieces: Buffer[] = [];
  let bytes = 0;
  return (piece: Buffer): void => {
    pieces.push(piece);
    bytes += piece.length;
    for (;;) {
      if (bytes < LENGTH_BYTES) return;
      const [first = Buffer.alloc(0)] = pieces;
      const whole = first.length >= LENGTH_BYTES ? first : Buffer.concat(pieces);
      const end = LENGTH_BYTES + whole.readUInt32BE();
      if (end > MAX_FRAME_BYTES) throw new Error('too large for a frame');
      if (bytes < end) return;
      const all = pieces.length === 1 ? first : Buffer.concat(pieces);
      pieces = all.length > end ? [all.subarray(end)] : [];
      bytes -= end;
      onMessages(deserialize(all.subarray(LENGTH_BYTES, end)));
    }
  };
}
