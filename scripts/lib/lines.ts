/** The lines of a file, however large: one after the other, and none so long that it would fill the memory. */
import { createReadStream } from 'node:fs';

export interface Line {
  /** From 1. */
  readonly number: number;
  /** null: it is longer than MAX_LINE_BYTES, or not valid UTF-8. */
  readonly text: string | null;
  /** Of the file, up to its end. */
  readonly bytesRead: number;
}

export const MAX_LINE_BYTES = 1024 * 1024;
const LF = 0x0a;

/** The end of a line is LF; the last one may lack it. @throws Error of the file system */
export async function* linesOf(path: string): AsyncGenerator<Line, void> {
  const utf8 = new TextDecoder('utf-8', { fatal: true });
  let number = 0;
  let bytesRead = 0;
  let pieces: Buffer[] = [];
  let length = 0;
  const add = (piece: Buffer) => {
    length += piece.length;
    if (length <= MAX_LINE_BYTES) pieces.push(piece);
  };
  const take = (): Line => {
    number += 1;
    let text: string | null = null;
    try {
      if (length <= MAX_LINE_BYTES) text = utf8.decode(Buffer.concat(pieces));
    } catch {
      // Not UTF-8.
    }
    [pieces, length] = [[], 0];
    return { number, text, bytesRead };
  };
  for await (const chunk of createReadStream(path, {
    highWaterMark: MAX_LINE_BYTES,
  }) as AsyncIterable<Buffer>) {
    let start = 0;
    for (let end = chunk.indexOf(LF); end !== -1; end = chunk.indexOf(LF, start)) {
      add(chunk.subarray(start, end));
      bytesRead += end + 1 - start;
      start = end + 1;
      yield take();
    }
    add(chunk.subarray(start));
    bytesRead += chunk.length - start;
  }
  if (length > 0) yield take();
}
