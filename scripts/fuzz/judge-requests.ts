/**
 * What must hold for every client and for the backend, whatever the client sent.
 */
import { METHODS } from 'node:http';
import type { Conversation, Leaving } from './conversation.ts';
import { differenceOf, problemsOf } from './forwarded-request.ts';
import {
  type Reading,
  type ReadMessage,
  readFinalResponse,
  readRequests,
  valuesOf,
} from './reference-reader.ts';

export interface RequestCase {
  readonly bytes: string;
  readonly pieces: readonly string[];
  readonly leaving: Leaving;
  /** The backend answers as soon as it has the head, as it does with an early 413. */
  readonly answersEarly: boolean;
}

/** What the reference reader makes of a client's bytes. */
export interface Expectation {
  readonly requests: readonly ReadMessage[];
  readonly rest: Reading | null;
  readonly isServed: (received: string) => boolean;
}

export function expectationOf(bytes: string): Expectation {
  const { requests, rest } = readRequests(bytes);
  const answers = requests.length + (rest?.kind === 'invalid' ? 1 : 0);
  const isServed = (received: string) =>
    readAnswers(received, requests, rest, false).answers.length >= answers;
  return { requests, rest, isServed };
}

/** The responses in what a client has received, each read as the answer to the request in its place. */
function readAnswers(
  received: string,
  requests: readonly ReadMessage[],
  rest: Reading | null,
  ended: boolean,
) {
  const answers: ReadMessage[] = [];
  let at = 0;
  while (at < received.length) {
    const method =
      requests[answers.length]?.start[0] ?? (rest?.kind === 'complete' ? '' : (rest?.method ?? ''));
    const next = readAnswer(received, method, ended, at);
    if (next.kind !== 'complete') return { answers, unread: next };
    answers.push(next.message);
    at = next.message.end;
  }
  return { answers, unread: null };
}

/** What llhttp refuses is answered with a body and closed, even if it looked like a HEAD. */
function readAnswer(received: string, method: string, ended: boolean, at: number): Reading {
  const read = readFinalResponse(received, method, ended, at);
  if (method !== 'HEAD' || read.kind !== 'complete' || read.message.end === received.length) return read;
  const refused = /^4/.test(read.message.start[1]) && valuesOf(read.message, 'connection').join() === 'close';
  return refused ? readFinalResponse(received, '', ended, at) : read;
}

/** What the backend saw of one case. */
export interface Seen {
  readonly requests: readonly ReadMessage[];
  readonly tags: readonly string[];
  readonly invalid: readonly string[];
}

export interface RequestFacts {
  readonly one: RequestCase;
  readonly expected: Expectation;
  /** Of the client before: what it sent just before it left may come late. */
  readonly previous: Expectation;
  readonly conversation: Conversation;
  readonly seen: Seen;
}

/** @returns a sentence for everything that must not be */
export function judgeRequests(facts: RequestFacts): string[] {
  return [...judgeBackend(facts), ...judgeClient(facts)];
}

/** The backend must have seen the requests that the client sent, in order, none that it did not send, none altered. */
function judgeBackend({ expected, previous, conversation, seen }: RequestFacts): string[] {
  const problems = seen.invalid.map(
    (why) => `the backend was sent what is not HTTP (${why.split(':', 1)[0]})`,
  );
  problems.push(...seen.requests.flatMap(problemsOf).map((problem) => `the backend was sent ${problem}`));
  const { answers } = readAnswers(conversation.received, expected.requests, expected.rest, true);
  const last = answers.findIndex((answer) => valuesOf(answer, 'connection').join() === 'close');
  let next = 0;
  for (const request of seen.requests) {
    const differences = expected.requests.slice(next).map((sent) => differenceOf(request, sent));
    const found = differences.indexOf(null);
    if (found === -1 && previous.requests.some((sent) => differenceOf(request, sent) === null)) continue;
    if (found === -1) {
      problems.push(
        `the backend saw a request that the client did not send (${differences[0] ?? 'one more'})`,
      );
    } else {
      next += found + 1;
      // RFC 9112 §9.6: what follows such an answer must not be processed.
      if (last !== -1 && next > last + 1)
        problems.push('the backend saw a request behind an answer that closes');
    }
  }
  return problems;
}

function judgeClient({ one, expected, conversation, seen }: RequestFacts): string[] {
  const { received, ended } = conversation;
  const problems: string[] = [];
  if (ended === 'left open') problems.push('the connection was left open after our FIN');
  const { answers, unread } = readAnswers(received, expected.requests, expected.rest, ended !== 'left open');
  const mayBeCut = one.leaving !== 'served' || expected.rest !== null;
  if (unread?.kind === 'invalid') problems.push(`the client got what is not HTTP (${unread.why})`);
  else if (unread !== null && !mayBeCut) problems.push('the client got an answer that is cut off');
  if (answers.length > expected.requests.length + (expected.rest === null ? 0 : 1))
    problems.push('the client got more answers than it can have asked for');
  for (const answer of answers) problems.push(...problemsOfAnswer(answer));
  for (const [tag] of received.matchAll(/tag-\d+-/g)) {
    if (!seen.tags.includes(tag)) problems.push("the client got somebody else's answer");
  }
  const isPlain =
    expected.rest === null && one.bytes.length < MOST_HEAD_BYTES && !expected.requests.some(endsConnection);
  // A request that is refused by its head alone, before its body is read, ends its connection.
  const isRefused = (answer: ReadMessage | undefined) =>
    answer !== undefined && /^4/.test(answer.start[1]) && valuesOf(answer, 'connection').join() === 'close';
  const isAnswered = answers.length === expected.requests.length || isRefused(answers.at(-1));
  if (isPlain && one.leaving === 'served' && !isAnswered) problems.push('a valid request was not answered');
  return problems;
}

/** Beyond about 64 KB a head is refused, and so are trailers. */
const MOST_HEAD_BYTES = 60_000;

/** After which the sidecar owes nothing to what follows on the connection. */
function endsConnection(request: ReadMessage): boolean {
  const [method, target, version] = request.start;
  // Node's parser knows the methods by name; any other one is to it no HTTP.
  if (!METHODS.includes(method)) return true;
  if (method === 'CONNECT' || method === 'TRACE' || version === 'HTTP/1.0') return true;
  if (!target.startsWith('/') || target.startsWith('//') || target.includes('#')) return true;
  if (valuesOf(request, 'upgrade').length > 0 || valuesOf(request, 'expect').length > 0) return true;
  if (valuesOf(request, 'connection').length > 0) return true;
  const hosts = valuesOf(request, 'host');
  return hosts.length !== 1 || !/^[A-Za-z0-9.-]+(?::\d*)?$/.test(hosts[0] ?? '');
}

function problemsOfAnswer(answer: ReadMessage): string[] {
  const status = Number(answer.start[1]);
  if (status === 500) return ['the client got a 500'];
  const isOurs = valuesOf(answer, 'x-tag').length === 0;
  if (!isOurs || status < 400 || answer.body === '') return [];
  try {
    const body = JSON.parse(answer.body) as { detail?: unknown; checks?: unknown };
    const isSentence = typeof body.detail === 'string' && body.detail !== '';
    return isSentence || body.checks !== undefined ? [] : ['an error of ours has no detail'];
  } catch {
    return ['an error of ours is not JSON'];
  }
}
