/**
 * Takes the first file out of a multipart/form-data body (RFC 7578) while it streams past; nothing is collected.
 */

export interface UploadedFile {
  readonly contentType: string;
  /** Must be read to its end before anything else happens to the body. */
  readonly content: AsyncIterable<Buffer>;
}

const MAX_PART_HEAD_BYTES = 16 * 1024;

/** The boundary that a Content-Type announces; null when it is no multipart/form-data. */
export function boundaryOf(contentType: string | undefined): string | null {
  const found = /^multipart\/form-data\s*;.*\bboundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))/i.exec(
    contentType ?? '',
  );
  return found?.[1] ?? found?.[2] ?? null;
}

/** @returns null when no part is a file @throws Error when the body ends early or a part's head is too long */
export async function findFile(body: AsyncIterable<Buffer>, boundary: string): Promise<UploadedFile | null> {
  const delimiter = `\r\n--${boundary}`;
  // The first delimiter stands at the very start, without a line break before it.
  const until = createCutter(body, Buffer.from('\r\n'));
  await discard(until(delimiter));
  for (;;) {
    const start = await text(until('\r\n'));
    if (start.startsWith('--')) return null;
    const head = `\r\n${await text(until('\r\n\r\n'))}`;
    if (/\r\nContent-Disposition:[^\r]*\bfilename\*?=/i.test(head)) {
      const contentType = /\r\nContent-Type:[ \t]*([^\s;]+)/i.exec(head)?.[1] ?? '';
      return { contentType: contentType.toLowerCase(), content: until(delimiter) };
    }
    await discard(until(delimiter));
  }
}

/** A function that yields what comes before the next occurrence of a text, and drops the text itself. */
function createCutter(body: AsyncIterable<Buffer>, first: Buffer) {
  const chunks = body[Symbol.asyncIterator]();
  let pending = first;
  return async function* until(delimiter: string): AsyncGenerator<Buffer> {
    for (;;) {
      const at = pending.indexOf(delimiter);
      // Without a hit, all but the last bytes are certain: those may be the delimiter's beginning.
      const end = at === -1 ? Math.max(0, pending.length - delimiter.length + 1) : at;
      const certain = pending.subarray(0, end);
      pending = pending.subarray(at === -1 ? end : at + delimiter.length);
      if (certain.length > 0) yield certain;
      if (at !== -1) return;
      const next = await chunks.next();
      if (next.done) throw new Error('The multipart body ends early.');
      pending = Buffer.concat([pending, next.value]);
    }
  };
}

async function discard(chunks: AsyncIterable<Buffer>): Promise<void> {
  for await (const _ of chunks);
}

async function text(chunks: AsyncIterable<Buffer>): Promise<string> {
  let collected = '';
  for await (const chunk of chunks) {
    collected += chunk.toString('latin1');
    if (collected.length > MAX_PART_HEAD_BYTES) throw new Error('The head of a part is too long.');
  }
  return collected;
}
