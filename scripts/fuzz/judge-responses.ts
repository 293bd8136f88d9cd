/**
 * What a client must see, whatever the backend answered.
 */
import type { Answer } from './conversation.ts';
import { type Reading, type ReadMessage, readFinalResponse, valuesOf } from './reference-reader.ts';

/** What the backend does with the connection after the bytes. */
export type Closing = 'keep' | 'fin' | 'reset';

export interface ResponseCase {
  readonly tag: string;
  readonly method: 'GET' | 'HEAD' | 'POST';
  readonly bytes: string;
  readonly pieces: readonly string[];
  readonly closing: Closing;
}

/** The client must see the backend's whole answer, or a 502 or 504 of ours, or its connection cut. */
export function judgeBad(one: ResponseCase, answer: Answer, times: number): string[] {
  const wanted = readFinalResponse(one.bytes, one.method, one.closing === 'fin');
  const problems: string[] = [];
  if (times > (one.method === 'POST' ? 1 : 2)) problems.push(`a ${one.method} was sent ${times} times`);
  const { reading } = answer;
  if (reading.kind === 'invalid') return [...problems, `the client got what is not HTTP (${reading.why})`];
  // A reset overtakes what was sent before it, and a POST that met a closing connection is not sent again.
  const mayFail =
    one.closing === 'reset' ||
    (one.method === 'POST' && times === 0) ||
    (wanted.kind === 'complete' && mayBeRefused(wanted.message, one.bytes));
  if (reading.kind === 'incomplete') {
    if (answer.open) problems.push('the client waits for ever');
    else if (answer.received === '' && !one.bytes.includes('\r\n\r\n'))
      problems.push('the client got nothing at all');
    else if (wanted.kind === 'complete' && !mayFail) problems.push('a whole response was cut off');
    return problems;
  }
  if (isOurError(reading.message, one.method)) {
    if (wanted.kind === 'complete' && !mayFail) problems.push('a good response was refused');
    return problems;
  }
  return [...problems, ...differences(wanted, reading.message)];
}

/** Well-formed, but more than we take: a 101 that nobody asked for, a huge head, chunk extension or number. */
const mayBeRefused = (message: ReadMessage, bytes: string) =>
  message.start[1] === '101' ||
  bytes.length > MOST_HEAD_BYTES ||
  /\r\n(?:[0-9a-f]{14,}|[0-9a-f]+;[^\r]{240,})/i.test(bytes) ||
  bytes.split('HTTP/1.').length > MOST_INTERIM;
const MOST_HEAD_BYTES = 64 * 1024;
const MOST_INTERIM = 32;

function isOurError(message: ReadMessage, method: string): boolean {
  const isJson = valuesOf(message, 'content-type').join() === 'application/json';
  return (
    isJson &&
    /^50[24]$/.test(message.start[1]) &&
    (method === 'HEAD' ||
      /^\{"detail":"[^"]+","code":"[a-z_]+"(?:,"params":\{[^{}]*\})?\}$/.test(message.body))
  );
}

function differences(wanted: Reading, got: ReadMessage): string[] {
  // A 205 is over with its head (RFC 9110 §15.3.6), whatever the backend sends behind it.
  if (got.start[1] === '205') return got.body === '' ? [] : ['the client got a 205 with a body'];
  if (wanted.kind !== 'complete') {
    const why = wanted.kind === 'invalid' ? wanted.why : 'cut off';
    return [`a response that is not whole or not valid was passed on as if it were (${why})`];
  }
  const problems: string[] = [];
  if (got.start[1] !== wanted.message.start[1]) problems.push('the client got another status');
  if (got.start[2] !== wanted.message.start[2]) problems.push('the client got another reason');
  if (got.body !== wanted.message.body) problems.push('the client got another body');
  const lines = (message: ReadMessage) => endToEnd(message).join('\n');
  if (lines(got) !== lines(wanted.message)) problems.push('the client got other header fields');
  return problems;
}

const NOT_PASSED_ON = [
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'content-length',
  // It means nothing in a response, and node:http writes heads with it in another encoding.
  'expect',
];

function endToEnd(message: ReadMessage): string[] {
  const listed = valuesOf(message, 'connection')
    .concat(valuesOf(message, 'proxy-connection'))
    .flatMap((value) => value.toLowerCase().split(','))
    .map((option) => option.trim());
  return message.fields
    .filter(([name]) => ![...NOT_PASSED_ON, 'x-request-id', ...listed].includes(name.toLowerCase()))
    .map(([name, value]) => `${name}: ${value}`);
}

/** What follows a bad answer must be as good as ever. */
export function judgeGood(tag: string, answer: Answer): string[] {
  const { reading } = answer;
  if (reading.kind !== 'complete') return ['a good exchange after a bad one failed'];
  const { start, body } = reading.message;
  if (start[1] !== '200') return [`a good exchange after a bad one was answered ${start[1]}`];
  return body === tag ? [] : ['a good exchange after a bad one got another body'];
}
