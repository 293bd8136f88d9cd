/**
 * Parses the head of a response, strictly: whatever the client behind us could understand differently is refused, or put
 * right where the backend's clients have always been served (RFC 9112 §2.2, §5, §6; decision 0001 has the list). Pure.
 */
import { withoutLength } from '../headers.ts';

export interface ResponseHead {
  /** 100 to 599. */
  readonly status: number;
  /** May be empty; latin1. */
  readonly reason: string;
  /** Flat raw pairs; values without surrounding white space, latin1. Content-Length at most once, and not beside chunked. */
  readonly headers: string[];
  /** Content-Length in bytes; -1 when there is none. */
  readonly contentLength: number;
  readonly chunked: boolean;
  /** The connection may carry another request afterwards. */
  readonly keepAlive: boolean;
  /** An event stream may be silent for as long as it likes. */
  readonly eventStream: boolean;
}

/** The bytes are not an HTTP/1.x response head, or not one that is safe to pass on. */
export class ResponseSyntaxError extends Error {
  override readonly name = 'ResponseSyntaxError';
}

/** HTTP-version SP 3DIGIT [SP reason-phrase] (RFC 9112 §4); many servers leave the second space out with the reason. */
const STATUS_LINE = /^HTTP\/1\.([01]) ([1-5][0-9]{2})(?: (.*))?$/;
/** RFC 9110 §5.5: NUL, and CR and LF that are not together, are dangerous. Other control characters are as good as text. */
const FORBIDDEN = /\0|\r(?!\n)|(?<!\r)\n/;
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const DIGITS = /^[0-9]{1,16}$/;
const LIST_COMMA = /[\t ]*,[\t ]*/;

/** Names that passed the token check; servers send the same few again and again. */
const knownNames = new Set<string>();
const MAX_KNOWN_NAMES = 1_000;

/**
 * @param text the head without its last CRLF CRLF, a char per byte
 * @throws ResponseSyntaxError
 */
export function parseResponseHead(text: string): ResponseHead {
  if (FORBIDDEN.test(text)) throw new ResponseSyntaxError('NUL or a bare CR or LF in the head');
  let lineEnd = text.indexOf('\r\n');
  const statusLine = STATUS_LINE.exec(lineEnd === -1 ? text : text.slice(0, lineEnd));
  if (statusLine === null) throw new ResponseSyntaxError('malformed status line');

  const headers: string[] = [];
  let lengths: string | undefined;
  let codings: string | undefined;
  let close = statusLine[1] === '0';
  let eventStream = false;
  while (lineEnd !== -1) {
    const start = lineEnd + 2;
    lineEnd = text.indexOf('\r\n', start);
    const end = lineEnd === -1 ? text.length : lineEnd;
    const colon = text.indexOf(':', start);
    if (colon === -1 || colon >= end) throw new ResponseSyntaxError('header line without a colon');
    const name = text.slice(start, colon);
    checkName(name);
    const value = trimmed(text, colon + 1, end);
    headers.push(name, value);
    switch (name.length) {
      case 10:
        if (name.toLowerCase() === 'connection') close ||= /(?:^|,)\s*close\s*(?:,|$)/i.test(value);
        break;
      case 12:
        if (name.toLowerCase() === 'content-type') eventStream = /^text\/event-stream/i.test(value);
        break;
      case 14:
        if (name.toLowerCase() !== 'content-length') break;
        lengths = lengths === undefined ? value : `${lengths},${value}`;
        break;
      case 17:
        if (name.toLowerCase() !== 'transfer-encoding') break;
        codings = codings === undefined ? value : `${codings},${value}`;
        break;
    }
  }
  const status = Number(statusLine[2]);
  const chunked = codings !== undefined && isChunked(codings);
  const contentLength = chunked || lengths === undefined ? -1 : toLength(lengths);
  return {
    status,
    reason: statusLine[3] ?? '',
    headers: lengths === undefined ? headers : withOneLength(headers, lengths, contentLength),
    contentLength,
    chunked,
    keepAlive: !close && !isDoubtful(status, lengths, codings),
    eventStream,
  };
}

/**
 * Whether a body is chunked: once, however often it is said. `identity` is what RFC 2616 called no coding at all.
 * @throws ResponseSyntaxError for any other coding: nobody asked for one with TE, and the client would not be told of it
 */
function isChunked(codings: string): boolean {
  if (codings === 'chunked') return true;
  const listed = codings
    .toLowerCase()
    .split(LIST_COMMA)
    .filter((coding) => coding !== '' && coding !== 'identity');
  if (!listed.every((coding) => coding === 'chunked')) throw new ResponseSyntaxError('bad Transfer-Encoding');
  return listed.length > 0;
}

/** RFC 9112 §6.3: a repeated length is one when it is always the same. @throws ResponseSyntaxError */
function toLength(lengths: string): number {
  const [first = '', ...others] = lengths.includes(',') ? lengths.split(LIST_COMMA) : [lengths];
  const length = Number(first);
  const isOne = others.every((other) => DIGITS.test(other) && Number(other) === length);
  if (!DIGITS.test(first) || !Number.isSafeInteger(length) || !isOne)
    throw new ResponseSyntaxError('bad Content-Length');
  return length;
}

/** @param length -1: chunked, which overrides it (RFC 9112 §6.3) */
function withOneLength(headers: string[], lengths: string, length: number): string[] {
  if (length === -1) return withoutLength(headers);
  if (!lengths.includes(',')) return headers;
  const first = headers.findIndex((name, i) => i % 2 === 0 && name.toLowerCase() === 'content-length');
  const [name = ''] = headers.splice(first, 2);
  return withoutLength(headers).toSpliced(first, 0, name, String(length));
}

/**
 * Whether the backend may mean another end of the message than we do. What it then sends would be taken for the answer to
 * the next request, so there must be none. uvicorn with httptools sends both framing fields when an application sets
 * Transfer-Encoding, and a last chunk even behind a 204.
 */
function isDoubtful(status: number, lengths: string | undefined, codings: string | undefined): boolean {
  if (codings !== undefined)
    return lengths !== undefined || codings.toLowerCase() !== 'chunked' || status === 204 || status === 304;
  return status === 204 && lengths !== undefined && Number(lengths) !== 0;
}

/** Refuses at once what can never become a head, where waiting would mean the deadline. @throws ResponseSyntaxError */
export function checkPartialHead(bytes: Buffer): void {
  const lf = bytes.indexOf(0x0a);
  if (lf === 0 || (lf > 0 && bytes[lf - 1] !== 0x0d)) throw new ResponseSyntaxError('bare LF in the head');
  if (!'HTTP/1.'.startsWith(bytes.toString('latin1', 0, 7))) throw new ResponseSyntaxError('not HTTP/1.x');
}

/** Flat pairs of a trailer section. @throws ResponseSyntaxError */
export function parseTrailers(text: string): string[] {
  if (text === '') return [];
  if (FORBIDDEN.test(text)) throw new ResponseSyntaxError('NUL or a bare CR in the trailers');
  const pairs: string[] = [];
  for (const line of text.split('\r\n')) {
    const colon = line.indexOf(':');
    const name = line.slice(0, Math.max(0, colon));
    checkName(name);
    // Fields that frame or route a message have no business behind it (RFC 9110 §6.5.1).
    if (!/^(?:content-length|transfer-encoding|host|connection|trailer|te|set-cookie)$/i.test(name)) {
      pairs.push(name, trimmed(line, colon + 1, line.length));
    }
  }
  return pairs;
}

/** Without surrounding SP and HTAB (RFC 9110 §5.6.3); trim() would take U+00A0, which is half of an UTF-8 letter here. */
function trimmed(text: string, from: number, to: number): string {
  let start = from;
  let end = to;
  while (start < end && isBlank(text.charCodeAt(start))) start += 1;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end -= 1;
  return text.slice(start, end);
}

const isBlank = (char: number) => char === 0x20 || char === 0x09;

function checkName(name: string): void {
  if (knownNames.has(name)) return;
  if (!TOKEN.test(name)) throw new ResponseSyntaxError('malformed header name');
  if (knownNames.size < MAX_KNOWN_NAMES) knownNames.add(name);
}
