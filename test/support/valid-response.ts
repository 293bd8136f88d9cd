/**
 * Random responses that are valid HTTP/1.1 in every way: statuses, reasons, headers, framings, chunk sizes, trailers,
 * interim responses before them.
 */
import fc from 'fast-check';

export interface ValidResponse {
  readonly bytes: string;
  /** The body ends with the connection. */
  readonly end: boolean;
}

const TOKEN = "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const characters = (from: number, to: number) =>
  String.fromCharCode(...Array.from({ length: to - from + 1 }, (_, i) => from + i));
/** Visible ASCII and every latin1 byte; tab and blank come in between. */
const VALUE = `${characters(0x21, 0x7e)}${characters(0x80, 0xff)}`;
const STATUSES = [200, 200, 200, 201, 204, 205, 206, 301, 304, 400, 404, 418, 451, 500, 503, 599];

const text = (alphabet: string, minLength: number, maxLength: number) =>
  fc.string({ unit: fc.constantFrom(...alphabet), minLength, maxLength, size: 'max' });
const sometimes = fc.constantFrom(true, false, false, false, false);

/** Header lines with names that mean nothing to anybody. */
const fields: fc.Arbitrary<string[]> = fc.array(
  fc
    .record({
      name: text(TOKEN, 1, 20),
      words: fc.array(text(VALUE, 1, 30), { maxLength: 3 }),
      between: fc.constantFrom(' ', '\t', '  '),
      before: fc.constantFrom('', ' ', '\t', '  '),
      behind: fc.constantFrom('', '', ' ', '\t'),
    })
    .map(({ name, words, between, before, behind }) => {
      return `x-${name}:${before}${words.join(between)}${behind}\r\n`;
    }),
  { maxLength: 5 },
);

const interim: fc.Arbitrary<string> = fc
  .tuple(fc.constantFrom('102 Processing', '103 Early Hints', '199 '), fields, fc.integer({ min: 1, max: 3 }))
  .map(([status, lines, times]) => `HTTP/1.1 ${status}\r\n${lines.join('')}\r\n`.repeat(times));

/** Mostly short; some in many reads. */
const bodies: fc.Arbitrary<string> = fc
  .tuple(text(VALUE, 0, 200), fc.constantFrom(1, 1, 1, 1, 1, 1, 1, 1, 1, 500))
  .map(([part, times]) => part.repeat(times));

/** A body in chunks of these sizes in turns, with zeros, capitals and extensions that mean nothing. */
const chunked = (body: string): fc.Arbitrary<string> =>
  fc
    .record({
      sizes: fc.array(fc.integer({ min: 1, max: 20_000 }), { minLength: 1, maxLength: 5 }),
      zeros: fc.constantFrom('', '', '', '000'),
      isUpper: fc.boolean(),
      extension: fc.constantFrom('', '', '', ';a', ';a=b', ';a="b c"'),
      trailers: fc.tuple(fields, sometimes).map(([lines, has]) => (has ? lines.join('') : '')),
    })
    .map(({ sizes, zeros, isUpper, extension, trailers }) => {
      let out = '';
      for (let at = 0, turn = 0; at < body.length; turn += 1) {
        const chunk = body.slice(at, at + (sizes[turn % sizes.length] ?? 1));
        const size = chunk.length.toString(16);
        out += `${zeros}${isUpper ? size.toUpperCase() : size}${extension}\r\n${chunk}\r\n`;
        at += chunk.length;
      }
      return `${out}0\r\n${trailers}\r\n`;
    });

interface Framed extends ValidResponse {
  /** The field that announces it. */
  readonly field: string;
}

function framed(method: string, status: number, body: string): fc.Arbitrary<Framed> {
  const length = `Content-Length: ${body.length}\r\n`;
  // A 205 has no body, and none may be announced either.
  if (status === 205) return fc.constant({ field: 'content-length: 0\r\n', bytes: '', end: false });
  if (method === 'HEAD' || status === 204 || status === 304) {
    const lengths = fc.constantFrom('', status === 204 ? '' : length);
    return lengths.map((field) => ({ field, bytes: '', end: false }));
  }
  return fc.oneof(
    fc.constant({ field: 'Connection: close\r\n', bytes: body, end: true }),
    fc.constant({ field: length, bytes: body, end: false }),
    chunked(body).map((bytes) => ({ field: 'Transfer-Encoding: chunked\r\n', bytes, end: false })),
  );
}

/** The response to a request with this method. */
export const validResponse = (method: string): fc.Arbitrary<ValidResponse> =>
  fc
    .tuple(fc.constantFrom(...STATUSES), bodies)
    .chain(([status, body]) =>
      fc.record({
        status: fc.constant(status),
        before: fc.tuple(interim, sometimes).map(([response, has]) => (has ? response : '')),
        reason: fc.tuple(text(VALUE, 1, 20), sometimes).map(([words, isEmpty]) => (isEmpty ? '' : words)),
        lines: fields,
        at: fc.nat(5),
        framing: framed(method, status, body),
      }),
    )
    .map(({ status, before, reason, lines, at, framing: { field, bytes, end } }) => {
      const head = [...lines.slice(0, at), field, ...lines.slice(at)].join('');
      return { bytes: `${before}HTTP/1.1 ${status} ${reason}\r\n${head}\r\n${bytes}`, end };
    });
