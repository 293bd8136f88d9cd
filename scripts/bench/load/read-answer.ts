/**
 * Reads a small response and compares it with the one that is due.
 */

/** Of a wrong answer, in the error message. */
const SHOWN_CHARS = 300;
const OK = Buffer.from('HTTP/1.1 200 ');

export type Answer = 'incomplete' | 'right' | { readonly wrong: string };

/** @param bytes of one response, from its beginning @param expected body */
export function readAnswer(bytes: Buffer, expected: Buffer): Answer {
  const headEnd = bytes.indexOf('\r\n\r\n');
  if (headEnd === -1) return 'incomplete';
  const head = bytes.toString('latin1', 0, headEnd);
  const length = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1]);
  if (bytes.compare(OK, 0, OK.length, 0, OK.length) !== 0 || length !== expected.length) {
    return { wrong: `a wrong answer:\n${head.slice(0, SHOWN_CHARS)}` };
  }
  const start = headEnd + 4;
  if (bytes.length < start + length) return 'incomplete';
  if (bytes.length > start + length) return { wrong: 'more than one answer to one request' };
  if (bytes.compare(expected, 0, length, start) !== 0) {
    return { wrong: `a wrong body: ${bytes.toString('latin1', start, start + SHOWN_CHARS)}` };
  }
  return 'right';
}
