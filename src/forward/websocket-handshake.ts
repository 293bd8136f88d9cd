/**
 * One upgrade from the request to the 101 or the refusal. http-proxy-middleware makes the request and reports what breaks;
 * what goes out and what comes back passes as it was sent. Ends with exactly one of `onUpgraded` and `onRefused`.
 */
import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { AppError } from '../errors.ts';
import { afterRunning, type Countdown } from '../running-time.ts';
import { BackendError } from './backend-client.ts';
import { backendFailure } from './failure.ts';
import { headLines, withoutLength, withRequestId } from './headers.ts';
import { parseResponseHead } from './http1/response-head.ts';
import { setMaxAnswerHead } from './node-internals.ts';
import { setRawHandshakeHead } from './raw-head.ts';
import { resetConnection } from './reset-connection.ts';
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
  /** Of the client, for an answer of ours. */
  readonly acceptLanguage: string | undefined;
  /** The client speaks HTTP/1.0, as Nginx does by default. */
  readonly isHttp10: boolean;
  /** Deadline for the connection to the backend, ms. */
  readonly connectTimeoutMs: number;
  /** Deadline for its answer, counted from the same moment, ms. */
  readonly answerTimeoutMs: number;
  /** Answers a handshake that failed before the backend said anything; closes the socket. */
  readonly endWithError: (
    client: Socket,
    error: AppError,
    request: Pick<HandshakeOptions, 'requestId' | 'target' | 'acceptLanguage'>,
  ) => void;
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
  /** We answer in the backend's place, unless an answer has begun. */
  answerError(error: AppError): void;
}

export function createHandshake(options: HandshakeOptions): Handshake {
  const { client, requestId } = options;
  /** What the client has been told. */
  let status: number | undefined;
  let request: ClientRequest | undefined;
  let early: EarlyBytes | undefined;
  let refusal: IncomingMessage | undefined;
  let deadline: Countdown | undefined;
  // From the upgrade event on the socket has no listener of node:http's: an error would end the process.
  client.on('error', () => client.destroy());
  // The server's own. Those that are added from here on keep the request alive: they are taken off with the 101.
  const closeListeners = client.rawListeners('close');
  client.once('close', () => {
    deadline?.cancel();
    options.onRefused(status ?? 499);
  });

  return {
    begin(proxyReq) {
      // Should anything below throw, nobody else listens yet.
      proxyReq.on('error', () => undefined);
      if (status !== undefined) {
        // Answered or gone while the library was loaded.
        proxyReq.destroy();
        return;
      }
      request = proxyReq;
      setRawHandshakeHead(proxyReq, options.target, options.headers);
      // As for every other response; by default Node allows 16 KB and drops lines beyond 1000 without a word.
      setMaxAnswerHead(proxyReq, MAX_HEAD_BYTES);
      proxyReq.maxHeadersCount = 0;
      early = holdEarlyBytes(client, () => {
        proxyReq.destroy();
        client.destroy();
      });
      startDeadlines(proxyReq);
      // When this returns it adds its own listeners, which would write the 101 with headers regrouped, and pipe.
      process.nextTick(listen, proxyReq);
    },
    fail,
    answerError,
  };

  function startDeadlines(proxyReq: ClientRequest): void {
    const { connectTimeoutMs, answerTimeoutMs } = options;
    const onNoAnswer = () => fail(new BackendError('headers-timeout', 'no answer to the handshake in time'));
    const onFirst = () => {
      if (proxyReq.socket?.connecting !== false)
        fail(new BackendError('connect', 'connecting took too long'));
      else if (answerTimeoutMs <= connectTimeoutMs) onNoAnswer();
      else deadline = afterRunning(answerTimeoutMs - connectTimeoutMs, onNoAnswer);
    };
    deadline = afterRunning(Math.min(connectTimeoutMs, answerTimeoutMs), onFirst);
  }

  function listen(proxyReq: ClientRequest): void {
    for (const event of ['error', 'response', 'upgrade']) proxyReq.removeAllListeners(event);
    proxyReq.on('error', fail).on('response', onRefusal).on('upgrade', onUpgrade);
  }

  function onRefusal(answer: IncomingMessage): void {
    deadline?.cancel();
    // Without an upgrade a 101 is none.
    if (answer.statusCode === 101 || headOf(answer) === undefined) {
      failProtocol();
      return;
    }
    early?.discard();
    refusal = answer;
    status = answer.statusCode;
    passRefusal(client, answer, { requestId, isHttp10: options.isHttp10, limitMs: options.answerTimeoutMs });
  }

  function onUpgrade(answer: IncomingMessage, backend: Socket, first: Buffer): void {
    deadline?.cancel();
    const head = headOf(answer);
    // A 101 has no body.
    const isAcceptable = head !== undefined && !head.chunked && head.contentLength <= 0;
    if (client.destroyed || !isAcceptable) {
      backend.destroy();
      failProtocol();
      return;
    }
    for (const listener of client.rawListeners('close'))
      if (!closeListeners.includes(listener)) client.off('close', listener as () => void);
    early?.unread();
    const headers = withRequestId(withoutLength(answer.rawHeaders), requestId);
    client.write(`HTTP/1.1 101 ${head.reason}\r\n${headLines(headers)}\r\n`, 'latin1');
    if (first.length > 0) backend.unshift(first);
    options.onUpgraded(backend);
  }

  function failProtocol(): void {
    fail(new BackendError('protocol', 'the answer to the handshake is not acceptable'));
  }

  function fail(error: unknown): void {
    // A refusal that breaks off must look so. Bytes behind a whole one are an error, too, but no concern of the client's.
    if (refusal !== undefined && !refusal.complete) resetConnection(client);
    else answerError(backendFailure(toBackendError(error)));
  }

  function answerError(error: AppError): void {
    if (status !== undefined || client.destroyed) return;
    status = error.status;
    deadline?.cancel();
    early?.discard();
    // The error that this makes comes back to fail(), which finds the status set.
    request?.destroy();
    options.endWithError(client, error, options);
  }
}

/** node:http parses answers more generously than we pass them on. @returns undefined for one that is not acceptable */
function headOf({ httpVersion, statusCode, statusMessage, rawHeaders }: IncomingMessage) {
  try {
    return parseResponseHead(
      `HTTP/${httpVersion} ${statusCode} ${statusMessage}\r\n${headLines(rawHeaders)}`.slice(0, -2),
    );
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
