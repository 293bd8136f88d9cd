/**
 * A second opinion: HTTP/1.1 messages read by the letter of RFC 9110 and RFC 9112, written for clarity and not for
 * speed, and sharing no line with src/. Texts hold a char per byte (latin1).
 */

export type Field = readonly [name: string, value: string];

export interface ReadMessage {
  /** Request: method, target, version. Response: version, status, reason. */
  readonly start: readonly [string, string, string];
  readonly fields: readonly Field[];
  /** Without chunked coding. */
  readonly body: string;
  readonly framing: 'none' | 'length' | 'chunked' | 'until-close';
  /** Index of the first byte behind the message. */
  readonly end: number;
}

export type Reading =
  | { readonly kind: 'complete'; readonly message: ReadMessage }
  /** More bytes are needed; `method` when a request line was there. */
  | { readonly kind: 'incomplete'; readonly method?: string }
  | { readonly kind: 'invalid'; readonly why: string; readonly method?: string };

class Invalid extends Error {}
class Incomplete extends Error {}

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** What text between CR and LF may hold: VCHAR, obs-text, blank and tab; of a backend's all but NUL (RFC 9110 §5.5). */
const REQUEST_TEXT = /^[\t\x20-\x7e\x80-\xff]*$/;
const RESPONSE_TEXT = /^[^\0]*$/;
/** More than one blank between the parts is taken as one, as llhttp and nginx do (RFC 9112 §3). */
const REQUEST_LINE = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+) +([\x21-\x7e]+) +(HTTP\/1\.[01])$/;
const STATUS_LINE = /^(HTTP\/1\.[01]) ([1-5]\d\d)(?: ([^\0]*))?$/;
const CHUNK_SIZE = /^([0-9A-Fa-f]{1,16})[ \t]*(?:;(.*))?$/s;

export const valuesOf = (message: Pick<ReadMessage, 'fields'>, name: string): string[] =>
  message.fields.filter(([n]) => n.toLowerCase() === name).map(([, value]) => value);

/** Reads one request from `from` on. Line ends before it, whole or half, are skipped as llhttp and nginx do (RFC 9112 §2.2). */
export function readRequest(text: string, from: number): Reading {
  let at = from;
  while (text[at] === '\r' || text[at] === '\n') at += 1;
  let method: string | undefined;
  return reading(
    () => {
      const head = readHead(text, at, REQUEST_LINE, REQUEST_TEXT);
      method = head.start[0];
      const framing = requestFraming(head);
      if (framing === 'chunked')
        return { ...head, framing, ...readChunks(text, head.end, REQUEST_TEXT, refuseFraming) };
      if (framing === 'none') return { ...head, framing, body: '' };
      return { ...head, framing: 'length', ...readLength(text, head.end, framing) };
    },
    () => method ?? /^([!-~]+) /.exec(text.slice(at, at + 40))?.[1],
  );
}

/** Every request in the bytes that a client sent, up to the first that is not complete or not valid. */
export function readRequests(text: string): {
  readonly requests: ReadMessage[];
  readonly rest: Reading | null;
} {
  const requests: ReadMessage[] = [];
  let at = 0;
  for (;;) {
    if (/^[\r\n]*$/.test(text.slice(at))) return { requests, rest: null };
    const next = readRequest(text, at);
    if (next.kind !== 'complete') return { requests, rest: next };
    requests.push(next.message);
    at = next.message.end;
  }
}

/**
 * Reads one response from `from` on, interim ones included as messages of their own.
 * @param method of the request that it answers
 * @param ended no more bytes will follow
 */
export function readResponse(text: string, from: number, method: string, ended: boolean): Reading {
  return reading(() => {
    const head = readHead(text, from, STATUS_LINE, RESPONSE_TEXT);
    const status = Number(head.start[1]);
    const framing = responseFraming(head);
    if (status < 200) {
      if (framing === 'chunked') throw new Invalid('an interim response with a body');
      return { ...head, framing: 'none', body: '' };
    }
    const isBodyless = status === 204 || status === 304 || (status === 205 && framing === 'none');
    if (method === 'HEAD' || isBodyless) {
      return { ...head, framing: 'none', body: '' };
    }
    if (framing === 'chunked') return { ...head, framing, ...readChunks(text, head.end, RESPONSE_TEXT) };
    if (framing !== 'none') return { ...head, framing: 'length', ...readLength(text, head.end, framing) };
    if (!ended) throw new Incomplete();
    return { ...head, framing: 'until-close', body: text.slice(head.end), end: text.length };
  });
}

/** The final response, with the interim ones before it. */
export function readFinalResponse(text: string, method: string, ended: boolean, from = 0): Reading {
  let at = from;
  for (;;) {
    const next = readResponse(text, at, method, ended);
    if (next.kind !== 'complete') return next;
    const status = Number(next.message.start[1]);
    if (status >= 200 || status === 101) return next;
    at = next.message.end;
  }
}

function reading(read: () => ReadMessage, method?: () => string | undefined): Reading {
  try {
    return { kind: 'complete', message: read() };
  } catch (error) {
    const known = method?.();
    const extra = known === undefined ? {} : { method: known };
    if (error instanceof Incomplete) return { kind: 'incomplete', ...extra };
    if (error instanceof Invalid) return { kind: 'invalid', why: error.message, ...extra };
    throw error;
  }
}

type Head = Pick<ReadMessage, 'start' | 'fields' | 'end'>;

function readHead(text: string, from: number, startLine: RegExp, fieldText: RegExp): Head {
  const [first, afterFirst] = readLine(text, from);
  const start = startLine.exec(first);
  if (start === null) throw new Invalid('malformed start line');
  const { fields, end } = readFields(text, afterFirst, fieldText);
  return { start: [start[1] ?? '', start[2] ?? '', start[3] ?? ''], fields, end };
}

function readFields(text: string, from: number, fieldText: RegExp): Pick<ReadMessage, 'fields' | 'end'> {
  const fields: Field[] = [];
  let at = from;
  for (;;) {
    const [line, next] = readLine(text, at);
    at = next;
    if (line === '') return { fields, end: at };
    const colon = line.indexOf(':');
    const name = line.slice(0, Math.max(colon, 0));
    const value = line.slice(colon + 1).replace(/^[ \t]+|[ \t]+$/g, '');
    if (!TOKEN.test(name)) throw new Invalid('malformed field name');
    if (!fieldText.test(value)) throw new Invalid('malformed field value');
    fields.push([name, value]);
  }
}

/** A line ends in CRLF and holds neither a bare CR nor a bare LF. */
function readLine(text: string, from: number): [line: string, next: number] {
  const lf = text.indexOf('\n', from);
  if (lf === -1) throw new Incomplete();
  if (lf === from || text[lf - 1] !== '\r') throw new Invalid('bare LF');
  const line = text.slice(from, lf - 1);
  if (line.includes('\r')) throw new Invalid('bare CR');
  return [line, lf + 1];
}

/** Bytes announced, chunked, or none of both. */
type Framing = number | 'chunked' | 'none';

function requestFraming(head: Head): Framing {
  const lengths = valuesOf(head, 'content-length');
  const codings = valuesOf(head, 'transfer-encoding');
  if (codings.length > 0) {
    if (lengths.length > 0) throw new Invalid('Content-Length beside Transfer-Encoding');
    if (codings.length > 1 || codings[0]?.toLowerCase() !== 'chunked')
      throw new Invalid('a coding that is not chunked');
    if (head.start.includes('HTTP/1.0')) throw new Invalid('Transfer-Encoding on HTTP/1.0');
    return 'chunked';
  }
  const [length] = lengths;
  if (length === undefined) return 'none';
  if (lengths.length > 1 || !/^\d{1,16}$/.test(length)) throw new Invalid('malformed Content-Length');
  return Number(length);
}

/** Chunked overrides a length, and what is said twice is said once (RFC 9112 §6.3). */
function responseFraming(head: Head): Framing {
  const listed = (name: string) =>
    valuesOf(head, name).flatMap((value) =>
      value.split(',').map((one) => one.replace(/^[ \t]+|[ \t]+$/g, '').toLowerCase()),
    );
  const codings = listed('transfer-encoding').filter((coding) => coding !== '' && coding !== 'identity');
  if (codings.some((coding) => coding !== 'chunked')) throw new Invalid('a coding that is not chunked');
  if (codings.length > 0) return 'chunked';
  const lengths = listed('content-length');
  if (lengths.length === 0) return 'none';
  if (!lengths.every((length) => /^\d{1,16}$/.test(length)) || new Set(lengths.map(Number)).size > 1)
    throw new Invalid('malformed Content-Length');
  return Number(lengths[0]);
}

function readLength(text: string, from: number, length: number): Pick<ReadMessage, 'body' | 'end'> {
  if (text.length - from < length) throw new Incomplete();
  return { body: text.slice(from, from + length), end: from + length };
}

/** A request must not change its framing behind its body (RFC 9110 §6.5.1); in a response such fields are dropped. */
function refuseFraming(trailers: readonly Field[]): void {
  if (trailers.some(([name]) => /^(?:content-length|transfer-encoding)$/i.test(name)))
    throw new Invalid('a framing field among the trailers');
}

function readChunks(
  text: string,
  from: number,
  fieldText: RegExp,
  checkTrailers: (trailers: readonly Field[]) => void = () => undefined,
): Pick<ReadMessage, 'body' | 'end'> {
  let body = '';
  let at = from;
  for (;;) {
    const [line, data] = readLine(text, at);
    const [, size, extension = ''] = CHUNK_SIZE.exec(line) ?? [];
    if (size === undefined || !fieldText.test(extension)) throw new Invalid('malformed chunk size');
    const bytes = Number.parseInt(size, 16);
    if (bytes === 0) {
      const { fields, end } = readFields(text, data, fieldText);
      checkTrailers(fields);
      return { body, end };
    }
    if (text.length - data < bytes + 2) throw new Incomplete();
    if (text.slice(data + bytes, data + bytes + 2) !== '\r\n')
      throw new Invalid('a chunk longer than its size');
    body += text.slice(data, data + bytes);
    at = data + bytes + 2;
  }
}
