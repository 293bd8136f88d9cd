/**
 * Random responses that are valid HTTP/1.1 in every way: statuses, reasons, headers, framings, chunk sizes, trailers,
 * interim responses before them.
 */
import type { Random } from './random.ts';

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

export function randomResponse(random: Random, method: string): ValidResponse {
  const status = random.pick(STATUSES);
  const interim = random.chance(0.2) ? interimResponse(random).repeat(random.int(1, 3)) : '';
  const reason = random.chance(0.2) ? '' : random.text(random.int(1, 20), VALUE);
  const { headers, body, end } = framedBody(random, method, status);
  const fields = [...randomFields(random), ...headers].toSorted(() => random.next() - 0.5);
  return { bytes: `${interim}HTTP/1.1 ${status} ${reason}\r\n${fields.join('')}\r\n${body}`, end };
}

const interimResponse = (random: Random) =>
  `HTTP/1.1 ${random.pick(['102 Processing', '103 Early Hints', '199 '])}\r\n${randomFields(random).join('')}\r\n`;

interface Framed {
  readonly headers: readonly string[];
  readonly body: string;
  readonly end: boolean;
}

function framedBody(random: Random, method: string, status: number): Framed {
  const text = random.text(random.chance(0.1) ? random.int(1_000, 100_000) : random.int(0, 200), VALUE);
  const length = `Content-Length: ${text.length}\r\n`;
  // A 205 has no body, and none may be announced either.
  if (status === 205) return { headers: ['content-length: 0\r\n'], body: '', end: false };
  if (method === 'HEAD' || status === 204 || status === 304) {
    return { headers: random.chance(0.5) && status !== 204 ? [length] : [], body: '', end: false };
  }
  switch (random.int(0, 4)) {
    case 0:
      return { headers: ['Connection: close\r\n'], body: text, end: true };
    case 1:
    case 2:
      return { headers: [length], body: text, end: false };
    default:
      return { headers: ['Transfer-Encoding: chunked\r\n'], body: chunks(random, text), end: false };
  }
}

function chunks(random: Random, text: string): string {
  let out = '';
  for (let at = 0; at < text.length; ) {
    const chunk = text.slice(at, at + random.int(1, random.pick([3, 50, 20_000])));
    const size = chunk.length.toString(16);
    const zeros = '0'.repeat(random.chance(0.1) ? 3 : 0);
    const extension = random.chance(0.1) ? random.pick([';a', ';a=b', ';a="b c"']) : '';
    out += `${zeros}${random.chance(0.5) ? size.toUpperCase() : size}${extension}\r\n${chunk}\r\n`;
    at += chunk.length;
  }
  const trailers = random.chance(0.3) ? randomFields(random).join('') : '';
  return `${out}0\r\n${trailers}\r\n`;
}

/** Header lines with names that mean nothing to anybody. */
function randomFields(random: Random): string[] {
  return Array.from({ length: random.int(0, 5) }, () => {
    const name = `x-${random.text(random.int(1, 20), TOKEN)}`;
    const words = Array.from({ length: random.int(0, 3) }, () => random.text(random.int(1, 30), VALUE));
    const value = words.join(random.pick([' ', '\t', '  ']));
    return `${name}:${random.pick(['', ' ', '\t', '  '])}${value}${random.pick(['', '', ' ', '\t'])}\r\n`;
  });
}
