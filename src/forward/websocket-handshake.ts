/**
 * One upgrade from the request to the 101 or the refusal. http-proxy-middleware makes the request and reports what breaks;
 * what goes out and what comes back passes as it was sent. Ends with exactly one of `onUpgraded` and `onRefused`.
 */
import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { AppError } from '../errors.ts';
import { BackendError } from './backend-client.ts';
import { cut } from './cut.ts';
import { backendFailure } from './failure.ts';
import { headLines } from './headers.ts';
import { parseResponseHead } from './http1/response-head.ts';
import { setRawHandshakeHead } from './raw-head.ts';
import { type EarlyBytes, holdEarlyBytes } from './websocket-early-bytes.ts';
import { passRefusal } from './websocket-refusal.ts';

/** Largest head of the backend's answer, bytes. */
const MAX_HEAD_BYTES = 64 * 1024;

export interface HandshakeOptions {
  readonly client: Socket;
  /** Origin-form request target, as it goes to the backend. */
  readonly target: string;
  /** Request headers for the backend, flat pairs without hop-by-hop fields. */
  readonly headers: readonly string[];
  readonly requestId: string;
  /** Deadline for the connection to the backend, ms. */
  readonly connectTimeoutMs: number;
  /** Deadline for its answer, counted from the same moment, ms. */
  readonly answerTimeoutMs: number;
  /** Answers a handshake that failed before the backend said anything; closes the socket. */
  readonly endWithError: (client: Socket, error: AppError, requestId: string) => void;
  /** The 101 is out: the sockets are the receiver's from now on. */
  readonly onUpgraded: (backend: Socket) => void;
  /** It ended without a 101. @param status the backend's refusal, our own error, or 499: the client left first */
  readonly onRefused: (status: number) => void;
}

export interface Handshake {
  /** http-proxy-middleware has made its request and not yet sent it. */
  begin(proxyReq: ClientRequest): void;
  /** http-proxy-middleware reports an error, of either side. */
  fail(error: unknown): void;
  /** The process stops. */
  close(): void;
}

export function createHandshake(options: HandshakeOptions): Handshake {
  const { client, requestId } = options;
  /** What the client has been told. */
  let status: number | undefined;
  let refusal: IncomingMessage | undefined;
  let deadline: NodeJS.Timeout | undefined;
  // From the upgrade event on the socket has no listener of node:http's: an error would end the process.
  client.on('error', () => client.destroy());
  // Those of the server; what is added from here on keeps the request alive, and goes with the 101.
  const closeListeners = client.rawListeners('close');
  client.once('close', () => {
    clearTimeout(deadline);
    options.onRefused(status ?? 499);
  });

  return {
    begin(proxyReq) {
      // Should anything below throw, nobody else listens yet.
      proxyReq.on('error', () => undefined);
      setRawHandshakeHead(proxyReq, options.target, options.headers);
      // As for every other response; by default Node allows 16 KB and drops lines beyond 1000 without a word.
      Object.assign(proxyReq, { maxHeaderSize: MAX_HEAD_BYTES, maxHeadersCount: 0 });
      const early = holdEarlyBytes(client, () => {
        proxyReq.destroy();
        client.destroy();
      });
      awaitConnection(proxyReq);
      // When this returns it adds its own listeners, which would write the 101 with headers regrouped, and pipe.
      process.nextTick(listen, proxyReq, early);
    },
    fail,
    close: () => client.end(),
  };

  function awaitConnection(proxyReq: ClientRequest): void {
    const { connectTimeoutMs, answerTimeoutMs } = options;
    const giveUp = (kind: 'connect' | 'headers-timeout', message: string) => {
      fail(new BackendError(kind, message));
      proxyReq.destroy();
    };
    const onLate = () => giveUp('headers-timeout', 'no answer to the handshake in time');
    const look = () => {
      if (proxyReq.socket?.connecting !== false) giveUp('connect', 'connecting took too long');
      else deadline = setTimeout(onLate, answerTimeoutMs - connectTimeoutMs).unref();
    };
    deadline =
      answerTimeoutMs > connectTimeoutMs
        ? setTimeout(look, connectTimeoutMs).unref()
        : setTimeout(onLate, answerTimeoutMs).unref();
  }

  function listen(proxyReq: ClientRequest, early: EarlyBytes): void {
    for (const event of ['error', 'response', 'upgrade']) proxyReq.removeAllListeners(event);
    proxyReq
      .on('error', fail)
      .on('response', (answer) => onRefusal(answer, early))
      .on('upgrade', (answer, backend, first) => onUpgrade(answer, backend, first, early));
  }

  function onRefusal(answer: IncomingMessage, early: EarlyBytes): void {
    clearTimeout(deadline);
    early.drop();
    // Without an upgrade a 101 is none.
    if (answer.statusCode === 101 || headOf(answer) === undefined) {
      answer.destroy();
      fail(new BackendError('protocol', 'the answer to the handshake is not acceptable'));
      return;
    }
    refusal = answer;
    status = answer.statusCode;
    passRefusal(client, answer, requestId);
  }

  function onUpgrade(answer: IncomingMessage, backend: Socket, first: Buffer, early: EarlyBytes): void {
    clearTimeout(deadline);
    const head = headOf(answer);
    // A 101 has no body.
    if (head === undefined || head.chunked) {
      backend.destroy();
      fail(new BackendError('protocol', 'the answer to the handshake is not acceptable'));
      return;
    }
    for (const listener of client.rawListeners('close'))
      if (!closeListeners.includes(listener)) client.off('close', listener as () => void);
    early.giveBack();
    client.write(`${head.text}${head.hasRequestId ? '' : `X-Request-Id: ${requestId}\r\n`}\r\n`, 'latin1');
    if (first.length > 0) backend.unshift(first);
    options.onUpgraded(backend);
  }

  function fail(error: unknown): void {
    if (refusal !== undefined) {
      // An answer has begun, and anything behind it would be read as part of it: broken off, it must look so. Bytes behind
      // a whole one are an error as well, and no concern of the client's.
      if (!refusal.complete) cut(client);
      return;
    }
    if (status !== undefined || client.destroyed) return;
    clearTimeout(deadline);
    const failure = backendFailure(toBackendError(error));
    status = failure.status;
    options.endWithError(client, failure, requestId);
  }
}

interface AnswerHead {
  /** Status line and header lines as they came, each with its CRLF. */
  readonly text: string;
  readonly chunked: boolean;
  readonly hasRequestId: boolean;
}

/** node:http parses answers more generously than we pass them on. @returns undefined for one that is not acceptable */
function headOf({
  httpVersion,
  statusCode,
  statusMessage,
  rawHeaders,
}: IncomingMessage): AnswerHead | undefined {
  const text = `HTTP/${httpVersion} ${statusCode} ${statusMessage}\r\n${headLines(rawHeaders)}`;
  try {
    const { chunked, headers } = parseResponseHead(text.slice(0, -2));
    const hasRequestId = headers.some((name, i) => i % 2 === 0 && name.toLowerCase() === 'x-request-id');
    return { text, chunked, hasRequestId };
  } catch {
    return undefined;
  }
}

function toBackendError(error: unknown): BackendError {
  if (error instanceof BackendError) return error;
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const message = error instanceof Error ? error.message : 'unknown';
  if (code === 'ECONNRESET' || code === 'EPIPE') return new BackendError('reset', message, { cause: error });
  if (code.startsWith('HPE_')) return new BackendError('protocol', message, { cause: error });
  return new BackendError('connect', message, { cause: error });
}
