/**
 * One upgrade from the request to the 101 or the refusal: what http-proxy-middleware sends and receives, corrected on
 * its way through. Ends with the sockets handed to the relay, and with exactly one of `onUpgraded` and `onRefused`.
 */
import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { AppError } from '../errors.ts';
import { BackendError } from './backend-client.ts';
import { cut } from './cut.ts';
import { backendFailure } from './failure.ts';
import { parseResponseHead } from './http1/response-head.ts';
import { type EarlyBytes, holdEarlyBytes } from './websocket-early-bytes.ts';

/** Largest head of the backend's answer, bytes. */
const MAX_HEAD_BYTES = 64 * 1024;
/** How long a client may take to read a refusal and close, ms. */
const LINGER_MS = 1_000;

export interface HandshakeOptions {
  readonly client: Socket;
  /** Origin-form request target, as it goes to the backend. */
  readonly target: string;
  /** Request headers for the backend, flat pairs without hop-by-hop fields. */
  readonly headers: readonly string[];
  readonly requestId: string;
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
  let status = 499;
  // From the upgrade event on the socket has no listener of node:http's: an error would end the process.
  client.on('error', () => client.destroy());
  // Those of the server; what is added from here on keeps the request alive, and goes with the 101.
  const closeListeners = client.rawListeners('close');
  const onClientClosed = () => options.onRefused(status);
  client.once('close', onClientClosed);

  const handshake: Handshake = {
    begin(proxyReq) {
      // Should anything below throw, http-proxy-middleware's own listener is never added.
      proxyReq.on('error', () => undefined);
      proxyReq.path = options.target;
      // As for every other response; by default Node allows 16 KB and drops lines beyond 1000 without a word.
      Object.assign(proxyReq, { maxHeaderSize: MAX_HEAD_BYTES, maxHeadersCount: 0 });
      replaceHeaders(proxyReq, options.headers);
      const early = holdEarlyBytes(client, () => {
        proxyReq.destroy();
        client.destroy();
      });
      proxyReq.prependOnceListener('response', (refusal: IncomingMessage) => {
        early.drop();
        if (refuseNonsense(refusal, false)) return;
        passCutOn(refusal);
        // The socket is half-open: a client that never closes its side would keep it for good.
        client.once('finish', () => setTimeout(() => client.destroy(), LINGER_MS).unref());
        status = refusal.statusCode ?? 502;
        refusal.headers['x-request-id'] ??= requestId;
      });
      // Before http-proxy-middleware's own listener, which writes the 101 and starts to pipe what we hold.
      proxyReq.prependOnceListener('upgrade', (response: IncomingMessage, backend: Socket) => {
        if (refuseNonsense(response, true)) {
          backend.destroy();
          return;
        }
        // It writes the 101 as a string; a header's bytes are latin1.
        client.setDefaultEncoding('latin1');
        response.headers = headersAsSent(response.rawHeaders, requestId);
        process.nextTick(takeOver, early, backend);
      });
    },
    fail(error) {
      if (status !== 499) {
        // An answer has begun: a second one behind it would be read as part of it.
        cut(client);
        return;
      }
      if (client.destroyed) return;
      const failure = backendFailure(toBackendError(error));
      status = failure.status;
      options.endWithError(client, failure, requestId);
    },
    close: () => client.end(),
  };
  return handshake;

  /** node:http parses answers more generously than we pass them on. @returns whether it was answered 502 */
  function refuseNonsense(response: IncomingMessage, upgraded: boolean): boolean {
    const { httpVersion, statusCode, statusMessage, rawHeaders } = response;
    let head = `HTTP/${httpVersion} ${statusCode} ${statusMessage}`;
    for (let i = 0; i < rawHeaders.length; i += 2) head += `\r\n${rawHeaders[i]}: ${rawHeaders[i + 1]}`;
    try {
      const { chunked } = parseResponseHead(head);
      // A 101 has no body, and without an upgrade it is none.
      if (upgraded ? !chunked : statusCode !== 101) return false;
    } catch {
      // Below.
    }
    handshake.fail(new BackendError('protocol', 'the answer to the handshake is not acceptable'));
    response.destroy();
    return true;
  }

  /** A refusal cut short must look cut short, also one whose end is the end of the connection. */
  function passCutOn(refusal: IncomingMessage): void {
    refusal.once('error', () => cut(client));
    refusal.once('close', () => refusal.complete || cut(client));
  }

  /** http-proxy-middleware's pipe has not begun to flow: undone here, nothing of it is left. */
  function takeOver(early: EarlyBytes, backend: Socket): void {
    for (const listener of client.rawListeners('close')) {
      if (!closeListeners.includes(listener)) client.off('close', listener as () => void);
    }
    client.unpipe(backend);
    backend.unpipe(client);
    early.giveBack();
    options.onUpgraded(backend);
  }
}

/** http-proxy-middleware copies the parsed headers, which lose order, spelling and duplicates: put the raw ones in. */
function replaceHeaders(proxyReq: ClientRequest, headers: readonly string[]): void {
  for (const name of proxyReq.getHeaderNames()) proxyReq.removeHeader(name);
  for (let i = 0; i < headers.length; i += 2)
    proxyReq.appendHeader(headers[i] as string, headers[i + 1] as string);
  proxyReq.setHeader('Connection', 'Upgrade');
  proxyReq.setHeader('Upgrade', 'websocket');
}

/** It writes the names that it finds in `headers`, which Node has lower-cased. */
function headersAsSent(raw: readonly string[], requestId: string): Record<string, string[]> {
  const headers: Record<string, string[]> = {};
  let hasRequestId = false;
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] as string;
    headers[name] = [...(headers[name] ?? []), raw[i + 1] as string];
    hasRequestId ||= name.toLowerCase() === 'x-request-id';
  }
  return hasRequestId ? headers : { ...headers, 'X-Request-Id': [requestId] };
}

function toBackendError(error: unknown): BackendError {
  if (error instanceof BackendError) return error;
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const message = error instanceof Error ? error.message : 'unknown';
  if (code === 'ERR_UPSTREAM_UPGRADE_TIMEOUT')
    return new BackendError('headers-timeout', message, { cause: error });
  if (code === 'ECONNRESET' || code === 'EPIPE') return new BackendError('reset', message, { cause: error });
  if (code.startsWith('HPE_')) return new BackendError('protocol', message, { cause: error });
  return new BackendError('connect', message, { cause: error });
}
