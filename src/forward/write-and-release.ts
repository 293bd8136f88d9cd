/**
 * Writes a piece of a body and gives its memory back as soon as it is written. V8 would keep it until a full garbage
 * collection, and lets about 64 MB of such buffers pile up before it starts one: freed at once, the next read finds the
 * same memory, still in the processor's cache (docs/decisions/0012-body-memory-is-freed-when-written.md).
 */
import type { Writable } from 'node:stream';

/** Smaller ones are not worth a callback, bytes. */
const WORTH_RELEASING = 16 * 1024;

/**
 * @param chunk the caller's alone: nobody may look at it, or at anything else in its memory, once it is written
 * @returns as `write()`: false when the caller should wait for `drain`
 */
export function writeAndRelease(stream: Writable, chunk: Buffer): boolean {
  if (chunk.length < WORTH_RELEASING) return stream.write(chunk);
  const { buffer } = chunk;
  // A view into something larger is not freed: its neighbours may still be waiting to be written.
  if (buffer.byteLength !== chunk.length || !(buffer instanceof ArrayBuffer)) return stream.write(chunk);
  return stream.write(chunk, (error) => {
    // After a failure nobody promises that the write is over, and it would read what is no longer there.
    if (!error) buffer.transfer(0);
  });
}
