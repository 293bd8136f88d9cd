/**
 * Who answers behind an address, the sidecar or the backend itself? Asked by `GET /api/uploads/limits`, which needs no token,
 * costs nothing and is the sidecar's alone: neither the backend nor an earlier Python module that serves reviews and
 * uploads has ever had it (docs/contract.md, 2).
 */
import { once } from 'node:events';
import { type IncomingHttpHeaders, type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';

/** The way in to ask by. */
export interface Entrance {
  readonly url: URL;
  /** What to send as Host, and to verify the certificate with, instead of the address's own name. */
  readonly host?: string | undefined;
  /** Takes any certificate. One on loopback is never verified: there is nobody in between. */
  readonly insecure?: boolean;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** The first 64 KB of it. */
  readonly body: string;
}

export interface AskOptions {
  /** Until the answer is complete. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
}

export type Side = 'sidecar' | 'backend';

export interface Sighting {
  readonly who: Side | 'unknown';
  /** null: no answer came. */
  readonly status: number | null;
  /** What came instead of words: status and body, or why nothing came. One line, short. */
  readonly said: string;
}

const PROBE_PATH = '/api/uploads/limits';
const TIMEOUT_MS = 5_000;
const MAX_BODY_BYTES = 64 * 1024;
const MAX_SAID = 160;

/** One GET on a connection of its own, so that whoever takes new connections now is the one who answers. @throws Error when nothing comes */
export async function ask(
  { url, host, insecure = false }: Entrance,
  path: string,
  { timeoutMs = TIMEOUT_MS, signal }: AskOptions = {},
): Promise<Answer> {
  const start = url.protocol === 'https:' ? requestHttps : requestHttp;
  const outgoing = start({
    hostname: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port,
    path: `${url.pathname.replace(/\/+$/, '')}${path}`,
    agent: false,
    headers: host === undefined ? {} : { Host: host },
    rejectUnauthorized: !insecure && !isLoopback(url),
    ...(host === undefined ? {} : { servername: host.replace(/:\d+$/, '') }),
    signal: AbortSignal.any([AbortSignal.timeout(timeoutMs), ...(signal ? [signal] : [])]),
  });
  // Also what comes behind the head ends up here; the reader below sees it as well.
  outgoing.on('error', () => undefined).end();
  const [incoming]: IncomingMessage[] = await once(outgoing, 'response');
  const { statusCode: status = 0, headers } = incoming as IncomingMessage;
  return { status, headers, body: await firstBytes(incoming as IncomingMessage) };
}

async function firstBytes(incoming: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of incoming) {
    chunks.push(chunk);
    length += chunk.length;
    if (length >= MAX_BODY_BYTES) break;
  }
  return Buffer.concat(chunks).toString().slice(0, MAX_BODY_BYTES);
}

const isLoopback = ({ hostname }: URL): boolean => /^(127\.[\d.]+|localhost|\[::1\])$/.test(hostname);

/** Never fails but by the signal: what prevents an answer is told in `said`. */
export async function whoAnswers(entrance: Entrance, options: AskOptions = {}): Promise<Sighting> {
  try {
    return judgeAnswer(await ask(entrance, PROBE_PATH, options));
  } catch (error) {
    options.signal?.throwIfAborted();
    return { who: 'unknown', status: null, said: problemOf(error) };
  }
}

/**
 * The sidecar's answer has an X-Request-Id, and the list of kinds or the `code` of one of its errors. A refusal with a
 * `detail` and no `code` is FastAPI's: it has no such route (404, 405), or takes `limits` for an id (401, 422). All else
 * is neither, also what only looks like the sidecar's.
 */
export function judgeAnswer(answer: Answer): Sighting {
  const { status, headers, body } = answer;
  const json = jsonObject(body);
  const said = describeAnswer(answer);
  const isListed = status === 200 && typeof json?.kinds === 'object';
  const isOurError = status >= 400 && typeof json?.code === 'string';
  if (headers['x-request-id'] !== undefined && (isListed || isOurError))
    return { who: 'sidecar', status, said };
  const isFastApi = status >= 400 && status < 500 && json !== null && 'detail' in json && !('code' in json);
  return { who: isFastApi ? 'backend' : 'unknown', status, said };
}

/** An answer in one short line. */
export function describeAnswer({ status, headers: { location }, body }: Answer): string {
  const text = body.replace(/[\s\p{Cc}]+/gu, ' ').trim();
  const words = [status, location === undefined ? '' : `→ ${location}`, text].filter(Boolean).join(' ');
  return words.length > MAX_SAID ? `${words.slice(0, MAX_SAID)}…` : words;
}

/** The message of an error, and its code where that says more (several addresses were tried: an empty message). */
export function problemOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code } = error as NodeJS.ErrnoException;
  if (error.name === 'AbortError') return problemOf(error.cause ?? 'aborted');
  if (error.message === '') return code ?? error.name;
  return code === undefined || typeof code !== 'string' || error.message.includes(code)
    ? error.message
    : `${error.message} (${code})`;
}

function jsonObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null;
  } catch {
    return null;
  }
}
