/**
 * What both sides of a WebSocket must see, whatever the other one sent.
 */
import { problemsOf } from './forwarded-request.ts';
import { type ReadMessage, readFinalResponse, readRequest } from './reference-reader.ts';

export type Ending = 'fin' | 'reset' | 'wait';

/** What one side sends: its head, bytes in the same breath, bytes after a while, and how it leaves. */
export interface Side {
  readonly head: string;
  readonly frames: string;
  readonly pieces: readonly string[];
  readonly ending: Ending;
}

export interface HandshakeCase {
  readonly client: Side;
  readonly backend: Side;
  /** The client's head is as it should be, so that the backend must get it. */
  readonly isGood: boolean;
  /** The backend's head is as it should be, so that the client must get it. */
  readonly isGoodAnswer: boolean;
}

/** What one side has got, and whether its connection is over. */
export interface Got {
  readonly text: string;
  readonly ended: boolean;
  /** By a reset: what only the end of the connection completes is not complete. */
  readonly reset: boolean;
}

/** @returns a sentence for everything that must not be */
export function judgeHandshake(one: HandshakeCase, atClient: Got, atBackend: Got): string[] {
  const problems: string[] = [];
  if (!atClient.ended) problems.push('the connection was not closed');
  problems.push(...judgeBackend(one, atBackend));
  if (isPeaceful(one)) problems.push(...missing(one, atClient.text));
  if (atClient.text === '') return problems;
  // A client that resets the connection itself cannot tell how the other side would have ended it.
  const endTells = atClient.ended && !atClient.reset && one.client.ending !== 'reset';
  const answer = readFinalResponse(atClient.text, 'GET', endTells);
  if (answer.kind === 'invalid') return [...problems, `the client got what is not HTTP (${answer.why})`];
  if (answer.kind === 'complete') problems.push(...judgeAnswer(one, answer.message, atClient.text));
  return problems;
}

/** Nothing is broken, and the backend says all it has to say before anybody leaves. */
const isPeaceful = ({ isGood, isGoodAnswer, client, backend }: HandshakeCase) =>
  isGood && isGoodAnswer && client.ending === 'wait' && backend.ending === 'fin';

/** A client that sends more than this before the 101 may be cut off, bytes. */
const MOST_EARLY_BYTES = 60_000;

function missing(one: HandshakeCase, text: string): string[] {
  const sent = one.backend.head + one.backend.frames;
  const status = sent.slice(9, 12);
  if (one.client.frames.length > MOST_EARLY_BYTES) return [];
  if (text.slice(9, 12) !== status) return ["the client did not get the backend's answer"];
  return status !== '101' || text.endsWith(one.backend.frames)
    ? []
    : ["the client did not get all of the backend's bytes"];
}

/** The backend gets a clean handshake, then the client's bytes and nothing else. */
function judgeBackend(one: HandshakeCase, { text }: Got): string[] {
  if (text === '') return [];
  const read = readRequest(text, 0);
  // A mutated handshake may be the beginning of an ordinary request with a body.
  if (read.kind === 'incomplete' && !one.isGood) return [];
  if (read.kind !== 'complete') return ['the backend was sent what is not HTTP'];
  const problems = problemsOf(read.message).map((problem) => `the backend was sent ${problem}`);
  const behind = text.slice(read.message.end);
  if (one.isGood && !one.client.frames.startsWith(behind))
    problems.push("the backend got other bytes than the client's");
  return problems;
}

function judgeAnswer(one: HandshakeCase, message: ReadMessage, text: string): string[] {
  const behind = text.slice(message.end);
  // node:http's parser skips line ends before a status line, and they are not passed on.
  const sent = (one.backend.head + one.backend.frames).replace(/^[\r\n]+/, '');
  const wanted = readFinalResponse(sent, 'GET', one.backend.ending !== 'reset');
  const status = message.start[1];
  if (status === '500') return ['the client got a 500'];
  if (status === '101') {
    if (wanted.kind !== 'complete' || wanted.message.start[1] !== '101')
      return ['the client got a 101 that the backend did not send'];
    const bytes = sent.slice(wanted.message.end);
    return bytes.startsWith(behind) ? [] : ["after the 101 the client got other bytes than the backend's"];
  }
  // What was no handshake any more may have been two ordinary requests.
  if (behind !== '' && one.isGood) return ['the client got bytes behind a refusal'];
  if (
    /^\{"detail":"[^"]+","code":"[a-z_]+"(?:,"params":\{[^{}]*\})?\}$/.test(message.body) ||
    message.body === ''
  )
    return [];
  const isSame =
    wanted.kind === 'complete' && wanted.message.start[1] === status && wanted.message.body === message.body;
  return isSame || !one.isGood ? [] : ['the client got another refusal than the backend sent'];
}
