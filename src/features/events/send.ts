/**
 * One delivery: a signed POST as the Standard Webhooks specification says
 * (https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md), to a receiver that may do
 * anything. The status decides; nothing else of the answer is used.
 */
import { type LookupAddress, type LookupAllOptions, lookup } from 'node:dns';
import type { IncomingMessage } from 'node:http';
import type { LookupFunction } from 'node:net';
import { loadPackage } from '../../load-package.ts';
import { http } from '../../node-http.ts';
import { parseRetryAfter } from './retry.ts';

export interface Webhook {
  /** http or https. The operator's own, so it may well be an address of a private network. */
  readonly url: string;
  /** `whsec_` and base64. */
  readonly secret: string;
}

export type Outcome =
  | { readonly kind: 'delivered' }
  /** `reason` is printable ASCII and short: a receiver chooses parts of it. */
  | { readonly kind: 'failed'; readonly reason: string; readonly retryAfterSeconds: number }
  /** 410: the receiver wants no more attempts. */
  | { readonly kind: 'gone'; readonly reason: string };

/**
 * Sends an event. Resolves with the outcome as soon as there is one; never rejects. `over` resolves when its connection is
 * closed, within the deadline as well.
 */
export type Send = (
  event: { readonly id: string; readonly body: string },
  signal: AbortSignal,
) => Promise<{ readonly outcome: Outcome; readonly over: Promise<void> }>;

/** For the whole of it: name, connection, TLS, request and answer, however slowly each of them moves. */
const DEADLINE_MS = 10_000;
/** Of an answer's body; it is read only so that the receiver need not see its answer cut off. */
const MAX_BODY_BYTES = 64 * 1024;
const MAX_REASON_LENGTH = 200;

export function createSend({ url, secret }: Webhook, deadlineMs = DEADLINE_MS): Send {
  const target = new URL(url);
  const post = postTo(target);
  return async ({ id, body }, signal) => {
    const late = new AbortController();
    // Behind the poll phase: an answer that came while the process stood still is read first.
    const timer = setTimeout(() => setImmediate(() => late.abort()), deadlineMs);
    try {
      const cut = AbortSignal.any([signal, late.signal]);
      const answer = await post(body, signedHeaders(secret, id, body), cut);
      return { outcome: toOutcome(answer), over: drained(answer).finally(() => clearTimeout(timer)) };
    } catch (error) {
      clearTimeout(timer);
      const reason = late.signal.aborted ? `no answer within ${deadlineMs / 1000} s` : reasonOf(error);
      return { outcome: { kind: 'failed', reason, retryAfterSeconds: 0 }, over: Promise.resolve() };
    }
  };
}

function signedHeaders(secret: string, id: string, body: string): Record<string, string> {
  const { Webhook: Signer } = loadPackage('standardwebhooks');
  const now = new Date();
  return {
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(now.getTime() / 1000)),
    'webhook-signature': new Signer(secret).sign(id, now, body),
  };
}

type Post = (body: string, headers: Record<string, string>, signal: AbortSignal) => Promise<IncomingMessage>;

/** Resolves with the head of the answer. A connection each: an idle one may be closed just as it is used again. */
function postTo(target: URL): Post {
  // Not imported above: loading TLS would slow down the start of every process, with a webhook or without.
  const { Agent, request } = target.protocol === 'https:' ? process.getBuiltinModule('node:https') : http;
  // It remembers TLS sessions.
  const agent = new Agent({ keepAlive: false });
  const lookupOnce = createSharedLookup();
  return (body, headers, signal) =>
    new Promise((resolve, reject) => {
      const req = request(target, {
        method: 'POST',
        agent,
        signal,
        lookup: lookupOnce,
        insecureHTTPParser: false,
        rejectUnauthorized: true,
        headers: {
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(body),
          'user-agent': 'gogomarket-sidecar',
          ...headers,
        },
      });
      // Stays to the end: an error behind the answer has nobody else.
      req.on('error', reject);
      req.once('response', resolve);
      // A 101 is neither an answer nor an error.
      req.once('close', () => reject(new Error('closed without an answer')));
      req.end(body);
    });
}

/**
 * One look-up at a time, shared by all deliveries: one that hangs occupies one of libuv's few threads, which also write
 * the log, and not all of them.
 */
function createSharedLookup(): LookupFunction {
  let pending: Promise<readonly LookupAddress[]> | undefined;
  const find = (hostname: string, options: LookupAllOptions) => {
    pending ??= new Promise<readonly LookupAddress[]>((resolve, reject) => {
      lookup(hostname, options, (error, addresses) => (error ? reject(error) : resolve(addresses)));
    }).finally(() => {
      pending = undefined;
    });
    return pending;
  };
  return (hostname, options, callback) => {
    find(hostname, { ...options, all: true }).then(
      (addresses) => {
        const [first] = addresses;
        if (options.all || first === undefined) callback(null, [...addresses]);
        else callback(null, first.address, first.family);
      },
      (error) => callback(error, []),
    );
  };
}

/** 3xx included in the failures: a redirect could lead anywhere, a metadata service for instance. */
function toOutcome({ statusCode = 0, headers }: IncomingMessage): Outcome {
  if (statusCode >= 200 && statusCode <= 299) return { kind: 'delivered' };
  const reason = `answered ${statusCode}`;
  if (statusCode === 410) return { kind: 'gone', reason };
  return { kind: 'failed', reason, retryAfterSeconds: parseRetryAfter(headers['retry-after'], Date.now()) };
}

/** Reads and drops a body; one that has no end is cut. */
function drained(answer: IncomingMessage): Promise<void> {
  let bytes = 0;
  return new Promise((resolve) => {
    answer.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > MAX_BODY_BYTES) answer.destroy();
    });
    answer.on('error', () => undefined);
    answer.once('close', resolve);
  });
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'failed';
  const code = 'code' in error ? String(error.code) : error.name;
  // A host with several addresses has an error each, and an empty message of its own.
  const text = error.message === '' ? code : `${error.message} (${code})`;
  return text.replace(/[^\x20-\x7e]/g, '?').slice(0, MAX_REASON_LENGTH);
}
