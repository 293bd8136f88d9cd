/**
 * One request about an object past the SDK, which takes ten times the CPU for it (docs/decisions/0033): signed by our own arithmetic,
 * bounded in what it reads, failing as one of the SDK's does.
 */
import type { ClientRequest, IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { urlToHttpOptions } from 'node:url';
import type { StorageConfig } from '../../config/config.ts';
import { http } from '../../node-http.ts';
import { createAuthorizer, type SignedRequest, type UnsignedRequest } from './authorization.ts';
import { CONNECT_TIMEOUT_MS, MAX_SOCKETS } from './s3-calls.ts';
import type { SigningPlace } from './signature.ts';
import type { StorageClock } from './storage-clock.ts';
import { refusalOf } from './storage-failure.ts';
import type { Tries } from './tries.ts';

export interface ObjectRequest extends Omit<UnsignedRequest, 'signedAtMs'> {
  /** What is behind is left, with its connection. */
  readonly maxBytes: number;
}

export interface ObjectAnswer {
  readonly headers: IncomingHttpHeaders;
  readonly bytes: Buffer;
}

export interface ObjectRequests {
  /** @param signal gives it up, the second try included @throws StorageFailure 503 */
  send(request: ObjectRequest, signal: AbortSignal): Promise<ObjectAnswer>;
  /** Cuts what is under way. */
  close(): void;
}

export interface ObjectRequestsOptions {
  readonly config: StorageConfig;
  readonly clock: StorageClock;
  readonly tries: Tries;
  /** Known with the first request. */
  readonly place: () => Promise<SigningPlace>;
}

const OPERATIONS = { GET: 'GetObject', HEAD: 'HeadObject', DELETE: 'DeleteObject' } as const;
/** Of a refusal; a code and a region are in its first lines. */
const MAX_REFUSAL_BYTES = 64 * 1024;

type Exchange = (request: SignedRequest, maxBytes: number, signal: AbortSignal) => Promise<Answer>;
type Answer = ObjectAnswer & { readonly status: number };

export function createObjectRequests({ config, clock, tries, place }: ObjectRequestsOptions): ObjectRequests {
  const underWay = new Set<ClientRequest>();
  let made: Promise<{ sign: ReturnType<typeof createAuthorizer>; exchange: Exchange }> | undefined;
  const make = async () => {
    const where = await place();
    return { sign: createAuthorizer(config, where), exchange: createExchange(where.origin, underWay) };
  };

  return {
    send: ({ maxBytes, ...request }, signal) => {
      const operation = OPERATIONS[request.method];
      const once = async () => {
        made ??= make();
        const { sign, exchange } = await made.catch((error) => {
          made = undefined;
          throw error;
        });
        const answer = await exchange(sign({ ...request, signedAtMs: clock.now() }), maxBytes, signal);
        const { date, age } = answer.headers;
        clock.observe({ ...(date && { date }), ...(age && { age }) });
        if (answer.status < 200 || answer.status > 299) throw refusalOf(operation, answer);
        return answer;
      };
      return tries.run(operation, once, signal);
    },
    close() {
      for (const request of underWay) request.destroy();
    },
  };
}

/** @param underWay holds every request until it is over */
function createExchange(origin: string, underWay: Set<ClientRequest>): Exchange {
  const { request: open, Agent } = origin.startsWith('https:')
    ? process.getBuiltinModule('node:https')
    : http;
  const target = {
    ...urlToHttpOptions(new URL(origin)),
    agent: new Agent({ keepAlive: true, maxSockets: MAX_SOCKETS }),
  };
  return async ({ method, path, headers }, maxBytes, signal) => {
    signal.throwIfAborted();
    const request = open({ ...target, method, path, headers });
    const giveUp = () => request.destroy(Object.assign(new Error(), { name: 'AbortError' }));
    signal.addEventListener('abort', giveUp);
    underWay.add(request);
    try {
      return await answerOf(request.once('socket', limitConnecting).end(), maxBytes);
    } finally {
      signal.removeEventListener('abort', giveUp);
      underWay.delete(request);
    }
  };
}

function limitConnecting(this: ClientRequest, socket: Socket): void {
  if (!socket.connecting) return;
  const late = () => this.destroy(Object.assign(new Error(), { name: 'TimeoutError' }));
  const timer = setTimeout(late, CONNECT_TIMEOUT_MS);
  socket.once('connect', () => clearTimeout(timer)).once('close', () => clearTimeout(timer));
}

/** Up to its end, so that the connection can be used again, unless there is more than is wanted. */
function answerOf(request: ClientRequest, maxBytes: number): Promise<Answer> {
  return new Promise((resolve, reject) => {
    request.on('error', reject).on('response', (response: IncomingMessage) => {
      const { statusCode: status = 0, headers } = response;
      const most = status < 300 ? maxBytes : MAX_REFUSAL_BYTES;
      const pieces: Buffer[] = [];
      let length = 0;
      const finish = () => resolve({ status, headers, bytes: Buffer.concat(pieces).subarray(0, most) });
      response.on('error', reject).on('end', finish);
      response.on('data', (piece: Buffer) => {
        pieces.push(piece);
        length += piece.length;
        if (length <= most) return;
        finish();
        response.destroy();
      });
    });
  });
}
