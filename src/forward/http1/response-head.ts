/**
 * Parses the head of a response, strictly: whatever two readers could understand differently is refused, since the
 * client behind us is one of them (RFC 9112 §2.2, §5, §6). Pure.
 */

export interface ResponseHead {
  /** 100 to 599. */
  readonly status: number;
  /** May be empty; latin1. */
  readonly reason: string;
  /** Flat raw pairs; values without surrounding white space, latin1. */
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
const STATUS_LINE = /^HTTP\/1\.([01]) ([1-5][0-9]{2})(?: ([\t\x20-\x7e\x80-\xff]*))?$/;
/** Control characters, CR and LF that are not together. Tab is allowed in values. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it looks for
const FORBIDDEN = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n)|(?<!\r)\n/;
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const DIGITS = /^[0-9]{1,16}$/;

/** Names that passed the token check; servers send the same few again and again. */
const knownNames = new Set<string>();
const MAX_KNOWN_NAMES = 1_000;

/**
 * @param text the head without its last CRLF CRLF, a char per byte
 * @throws ResponseSyntaxError
 */
export function parseResponseHead(text: string): ResponseHead {
  if (FORBIDDEN.test(text)) throw new ResponseSyntaxError('control character in the head');
  let lineEnd = text.indexOf('\r\n');
  const statusLine = STATUS_LINE.exec(lineEnd === -1 ? text : text.slice(0, lineEnd));
  if (statusLine === null) throw new ResponseSyntaxError('malformed status line');

  const headers: string[] = [];
  let contentLength = -1;
  let chunked = false;
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
        // A second one is refused even when it is equal, as nginx does: it only ever helps an attacker.
        if (contentLength !== -1 || !DIGITS.test(value)) throw new ResponseSyntaxError('bad Content-Length');
        contentLength = Number(value);
        break;
      case 17:
        if (name.toLowerCase() !== 'transfer-encoding') break;
        if (chunked || value.toLowerCase() !== 'chunked')
          throw new ResponseSyntaxError('bad Transfer-Encoding');
        chunked = true;
        break;
    }
  }
  if (chunked && (contentLength !== -1 || statusLine[1] === '0')) {
    throw new ResponseSyntaxError('Transfer-Encoding where it must not be');
  }
  if (contentLength > Number.MAX_SAFE_INTEGER) throw new ResponseSyntaxError('bad Content-Length');
  const status = Number(statusLine[2]);
  return {
    status,
    reason: statusLine[3] ?? '',
    headers,
    contentLength,
    chunked,
    keepAlive: !close,
    eventStream,
  };
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
  if (FORBIDDEN.test(text)) throw new ResponseSyntaxError('control character in the trailers');
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
