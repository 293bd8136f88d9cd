/**
 * Responses of a backend, byte for byte, and what is to be made of them.
 */

/** What the backend sends for one request: pieces are separate writes, `end` closes behind them. */
export interface Scripted {
  readonly pieces: readonly string[];
  readonly end?: boolean;
}

interface Named extends Scripted {
  readonly name: string;
}

const HEAD = 'HTTP/1.1 200 OK\r\n';
const CHUNKED_HEAD = `${HEAD}Transfer-Encoding: chunked\r\n\r\n`;

export const CHUNKED = `${HEAD}X-A: 1\r\nTransfer-Encoding: chunked\r\n\r\n5;ext="a"\r\nhello\r\n1\r\n \r\n00A\r\n0123456789\r\n0\r\nX-T: 1\r\nx-u: \xe9\r\n\r\n`;
export const EARLY_HINTS = 'HTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\n\r\n';
const BIG_FIELD = `X-A: ${'v'.repeat(15_000)}\r\n`;

export const VALID: readonly (Named & { readonly method?: string; readonly body: string })[] = [
  { name: 'content-length', pieces: [`${HEAD}Content-Length: 2\r\n\r\nhi`], body: 'hi' },
  { name: 'chunked with extensions and trailers', pieces: [CHUNKED], body: 'hello 0123456789' },
  { name: 'until close', pieces: [`${HEAD}\r\nall`, ' of it'], end: true, body: 'all of it' },
  {
    name: 'HTTP/1.0 until close',
    pieces: ['HTTP/1.0 200 OK\r\nServer: x\r\n\r\nbody'],
    end: true,
    body: 'body',
  },
  { name: '204', pieces: ['HTTP/1.1 204 No Content\r\nX: 1\r\n\r\n'], body: '' },
  { name: '205', pieces: ['HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n'], body: '' },
  // The client behind us gets no body with it, but that is not the reader's affair.
  {
    name: '205 with a body',
    pieces: ['HTTP/1.1 205 Reset Content\r\nContent-Length: 1\r\n\r\nx'],
    body: 'x',
  },
  { name: '304 with a length', pieces: ['HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n'], body: '' },
  { name: 'HEAD with a length', method: 'HEAD', pieces: [`${HEAD}Content-Length: 5\r\n\r\n`], body: '' },
  { name: 'HEAD with chunked', method: 'HEAD', pieces: [CHUNKED_HEAD], body: '' },
  { name: 'an interim response', pieces: [`${EARLY_HINTS}${HEAD}Content-Length: 0\r\n\r\n`], body: '' },
  {
    name: 'two interim responses',
    pieces: [EARLY_HINTS, 'HTTP/1.1 102 Processing\r\n\r\n', `${HEAD}Content-Length: 1\r\n\r\nx`],
    body: 'x',
  },
  { name: 'an empty reason', pieces: ['HTTP/1.1 200 \r\nContent-Length: 1\r\n\r\nx'], body: 'x' },
  { name: 'no reason at all', pieces: ['HTTP/1.1 200\r\nContent-Length: 1\r\n\r\nx'], body: 'x' },
  {
    name: 'duplicates in order and spelling',
    pieces: [`${HEAD}set-cookie: a\r\nX-B: 1\r\nSet-Cookie: b\r\nx-b: 2\r\nContent-Length: 0\r\n\r\n`],
    body: '',
  },
  {
    name: 'empty values, tabs and blanks around values',
    pieces: [`${HEAD}X-A:\r\nX-B: \t b\tc \t\r\nX-C:d\r\nContent-Length: 0\r\n\r\n`],
    body: '',
  },
  {
    name: 'latin1 and UTF-8 bytes',
    pieces: [`${HEAD}X-A: caf\xe9\r\nX-B: \xc3\xa9\xc3\xa8z\r\nContent-Length: 1\r\n\r\n\xff`],
    body: '\xff',
  },
  {
    name: 'a value that ends in the byte A0, as the UTF-8 form of à does',
    pieces: [`${HEAD}X-A: voil\xc3\xa0\r\nContent-Length: 0\r\n\r\n`],
    body: '',
  },
  {
    name: 'a big head',
    pieces: [`${HEAD}${BIG_FIELD.repeat(3)}Content-Length: 1\r\n\r\nx`],
    body: 'x',
  },
  {
    name: 'a status that nobody knows',
    pieces: ['HTTP/1.1 599 Network Connect Timeout\r\nContent-Length: 0\r\n\r\n'],
    body: '',
  },
  {
    name: 'Connection: close with a length',
    pieces: [`${HEAD}Connection: close\r\nContent-Length: 2\r\n\r\nhi`],
    end: true,
    body: 'hi',
  },
  {
    name: 'a control character in the reason',
    pieces: ['HTTP/1.1 200 O\x01K\r\nContent-Length: 1\r\n\r\nx'],
    body: 'x',
  },
  {
    name: 'Transfer-Encoding: identity',
    pieces: [`${HEAD}Transfer-Encoding: identity\r\n\r\nx`],
    end: true,
    body: 'x',
  },
  {
    name: 'an empty Transfer-Encoding',
    pieces: [`${HEAD}Transfer-Encoding:\r\n\r\nx`],
    end: true,
    body: 'x',
  },
  {
    name: 'chunked twice in one header',
    pieces: [`${HEAD}Transfer-Encoding: chunked, chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n`],
    body: 'x',
  },
  {
    name: 'chunked twice in two headers',
    pieces: [`${HEAD}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n`],
    body: 'x',
  },
  {
    name: 'chunked on HTTP/1.0',
    pieces: ['HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n'],
    end: true,
    body: 'x',
  },
];

/** Refused by both. Where the backend closes behind it, it is a cut; else it is nonsense. */
export const BROKEN: readonly Named[] = [
  { name: 'closed before the head', pieces: [], end: true },
  { name: 'closed within the head', pieces: [`${HEAD}X-A: `], end: true },
  { name: 'closed within the body', pieces: [`${HEAD}Content-Length: 9\r\n\r\nhalf`], end: true },
  { name: 'closed within a chunk', pieces: [`${CHUNKED_HEAD}9\r\nhalf`], end: true },
  { name: 'closed before the last chunk', pieces: [`${CHUNKED_HEAD}4\r\nhalf\r\n`], end: true },
  { name: 'lines that end in LF alone', pieces: ['HTTP/1.1 200 OK\nContent-Length: 1\n\nx'] },
  { name: 'not HTTP', pieces: ['SSH-2.0-OpenSSH_9.2\r\n\r\n'] },
  { name: 'a version that does not exist', pieces: ['HTTP/3.7 200 OK\r\nContent-Length: 0\r\n\r\n'] },
  { name: 'status 000', pieces: ['HTTP/1.1 000 Nothing\r\nContent-Length: 0\r\n\r\n'] },
  {
    name: 'an unasked 101',
    pieces: ['HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n'],
  },
  { name: 'a blank in a name', pieces: [`${HEAD}X A: 1\r\nContent-Length: 0\r\n\r\n`] },
  { name: 'a blank before the colon', pieces: [`${HEAD}X-A : 1\r\nContent-Length: 0\r\n\r\n`] },
  { name: 'an empty name', pieces: [`${HEAD}: 1\r\nContent-Length: 0\r\n\r\n`] },
  { name: 'a latin1 name', pieces: [`${HEAD}\xe9: 1\r\nContent-Length: 0\r\n\r\n`] },
  { name: 'a line without a colon', pieces: [`${HEAD}X-A\r\nContent-Length: 0\r\n\r\n`] },
  { name: 'a folded line', pieces: [`${HEAD}X-A: 1\r\n 2\r\nContent-Length: 0\r\n\r\n`] },
  { name: 'a NUL in a value', pieces: [`${HEAD}X-A: a\0b\r\nContent-Length: 0\r\n\r\n`] },
  { name: 'a bare CR in a value', pieces: [`${HEAD}X-A: a\rb\r\nContent-Length: 0\r\n\r\n`] },
  { name: 'a bare LF between two headers', pieces: [`${HEAD}X-A: a\nContent-Length: 0\r\n\r\n`] },
  { name: 'a signed length', pieces: [`${HEAD}Content-Length: +1\r\n\r\nx`] },
  { name: 'an empty length', pieces: [`${HEAD}Content-Length:\r\n\r\nx`] },
  { name: 'a length that is no number', pieces: [`${HEAD}Content-Length: 1x\r\n\r\nx`] },
  { name: 'two lengths', pieces: [`${HEAD}Content-Length: 1\r\nContent-Length: 2\r\n\r\nxy`] },
  { name: 'a list of different lengths', pieces: [`${HEAD}Content-Length: 1, 2\r\n\r\nx`] },
  { name: 'a chunk size that is no number', pieces: [`${CHUNKED_HEAD}zz\r\nxx\r\n0\r\n\r\n`] },
  { name: 'a chunk size in C notation', pieces: [`${CHUNKED_HEAD}0x1\r\nx\r\n0\r\n\r\n`] },
  { name: 'a signed chunk size', pieces: [`${CHUNKED_HEAD}-1\r\nx\r\n0\r\n\r\n`] },
  {
    name: 'a chunk size that no number holds',
    pieces: [`${CHUNKED_HEAD}fffffffffffffffff\r\nx\r\n0\r\n\r\n`],
  },
  { name: 'a chunk longer than its size', pieces: [`${CHUNKED_HEAD}1\r\nxx\r\n0\r\n\r\n`] },
  { name: 'a bare LF behind a chunk size', pieces: [`${CHUNKED_HEAD}1\nx\r\n0\r\n\r\n`] },
  { name: 'a bare LF behind a chunk', pieces: [`${CHUNKED_HEAD}1\r\nx\n0\r\n\r\n`] },
  { name: 'a malformed trailer', pieces: [`${CHUNKED_HEAD}0\r\nX y: 1\r\n\r\n`] },
  { name: 'a NUL in a trailer', pieces: [`${CHUNKED_HEAD}0\r\nX: a\0\r\n\r\n`] },
  { name: 'a head of more than 64 KB', pieces: [`${HEAD}${BIG_FIELD.repeat(5)}Content-Length: 0\r\n\r\n`] },
];

type Explained = Named & { readonly why: string };

/** Refused by ours only, on purpose. */
export const STRICTER: readonly Explained[] = [
  {
    name: 'a status above 599',
    why: 'no client knows what it means (RFC 9110 §15)',
    pieces: ['HTTP/1.1 600 Odd\r\nContent-Length: 1\r\n\r\nx'],
  },
  {
    name: 'HTTP/2.0 in a status line',
    why: 'its framing is not ours to guess (RFC 9112 §2.3)',
    pieces: ['HTTP/2.0 200 OK\r\nContent-Length: 1\r\n\r\nx'],
  },
  {
    name: 'HTTP/0.9 in a status line',
    why: 'HTTP/0.9 has no status line',
    pieces: ['HTTP/0.9 200 OK\r\nContent-Length: 1\r\n\r\nx'],
  },
  {
    name: 'an empty line before the status line',
    why: 'only a server may skip one (RFC 9112 §2.2); here it is left over from something',
    pieces: ['\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx'],
  },
  {
    name: 'a coding beside chunked',
    why: 'nobody asked for one with TE, and it is hop-by-hop',
    pieces: [`${HEAD}Transfer-Encoding: gzip, chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n`],
  },
  {
    name: 'a chunk size of more than 13 digits',
    why: 'more than a number holds exactly, zeros or not',
    pieces: [`${CHUNKED_HEAD}00000000000000001\r\nx\r\n0\r\n\r\n`],
  },
  {
    name: 'a chunk extension of more than 256 bytes',
    why: 'the line is held in memory, and nobody uses extensions',
    pieces: [`${CHUNKED_HEAD}1;a=${'b'.repeat(300)}\r\nx\r\n0\r\n\r\n`],
  },
  {
    name: 'a Content-Length of more than 16 digits',
    why: 'more than a number holds exactly, zeros or not',
    pieces: [`${HEAD}Content-Length: 00000000000000001\r\n\r\nx`],
  },
  {
    name: 'a chunked interim response',
    why: 'an interim response has no body, so where would the next head begin?',
    pieces: [
      `HTTP/1.1 103 Early Hints\r\nTransfer-Encoding: chunked\r\n\r\n${HEAD}Content-Length: 0\r\n\r\n`,
    ],
  },
  {
    name: 'dozens of interim responses',
    why: 'memory and patience have an end',
    pieces: [`${EARLY_HINTS.repeat(40)}${HEAD}Content-Length: 0\r\n\r\n`],
  },
];

/** Taken by ours only, on purpose. */
export const LENIENT: readonly (Explained & { readonly body: string; readonly trailers?: string[] })[] = [
  {
    name: 'a length beside chunked',
    why: 'chunked overrides it (RFC 9112 §6.3)',
    pieces: [`${HEAD}Content-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n`],
    body: 'x',
  },
  {
    name: 'two equal lengths',
    why: 'they are one (RFC 9112 §6.3)',
    pieces: [`${HEAD}Content-Length: 1\r\nContent-Length: 1\r\n\r\nx`],
    body: 'x',
  },
  {
    name: 'a list of equal lengths',
    why: 'they are one (RFC 9112 §6.3)',
    pieces: [`${HEAD}Content-Length: 1, 1\r\n\r\nx`],
    body: 'x',
  },
  {
    name: 'control characters in a value',
    why: 'only NUL, CR and LF are dangerous (RFC 9110 §5.5)',
    pieces: [`${HEAD}X-A: a\x01\x1b\x7f\r\nContent-Length: 1\r\n\r\nx`],
    body: 'x',
  },
  {
    name: 'a control character in a trailer',
    why: 'only NUL, CR and LF are dangerous (RFC 9110 §5.5)',
    pieces: [`${CHUNKED_HEAD}1\r\nx\r\n0\r\nX: a\x01\r\n\r\n`],
    body: 'x',
    trailers: ['X', 'a\x01'],
  },
  {
    name: '100 Continue',
    why: 'expected or not, a client reads on (RFC 9110 §15.2)',
    pieces: [`HTTP/1.1 100 Continue\r\n\r\n${HEAD}Content-Length: 1\r\n\r\nx`],
    body: 'x',
  },
  {
    name: 'a 205 without a length on a connection that stays open',
    why: 'a 205 has no body (RFC 9110 §15.3.6)',
    pieces: ['HTTP/1.1 205 Reset Content\r\n\r\n'],
    body: '',
  },
  {
    name: 'blanks behind Content-Length',
    why: 'they are no part of the value (RFC 9110 §5.5)',
    pieces: [`${HEAD}Content-Length: 1 \t\r\n\r\nx`],
    body: 'x',
  },
  {
    name: 'blanks behind a chunk size',
    why: 'old servers pad it, nginx takes it, and it never reaches the client',
    pieces: [`${CHUNKED_HEAD}1  \r\nx\r\n0\r\n\r\n`],
    body: 'x',
  },
  {
    name: 'Content-Length as a trailer',
    why: 'it is dropped (RFC 9110 §6.5.1), which harms nobody',
    pieces: [`${CHUNKED_HEAD}1\r\nx\r\n0\r\nContent-Length: 9\r\n\r\n`],
    body: 'x',
  },
];
