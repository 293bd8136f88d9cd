/**
 * BackendClient on undici's dispatch API: raw headers, backpressure, abort and interim responses without the copies
 * that fetch or http.request make (docs/decisions/0001-own-http-client.md).
 */
import { type Dispatcher, errors, Pool } from 'undici';
import {
  type BackendClient,
  type BackendClientOptions,
  BackendError,
  type BackendFailureKind,
  type BackendRequest,
  type BackendResponseHandler,
  type Exchange,
} from '../../src/forward/backend-client.ts';

/** Creates the client; nothing connects before the first request. */
export function createUndiciClient(options: BackendClientOptions): BackendClient {
  const reusing = createPool(options, {});
  // pipelining 0 switches keep-alive off: each request of this pool gets a new connection.
  const fresh = createPool(options, { pipelining: 0 });

  return {
    send(request, handler) {
      const exchange = new UndiciExchange(handler);
      (request.freshConnection ? fresh : reusing).dispatch(toDispatch(request), exchange);
      return exchange;
    },
    connections: () => ({
      open: reusing.stats.connected + fresh.stats.connected,
      idle: Math.max(0, reusing.stats.connected - reusing.stats.running),
    }),
    close: async () => {
      await Promise.all([reusing.destroy(), fresh.destroy()]);
    },
  };
}

function createPool(options: BackendClientOptions, extra: Partial<Pool.Options>): Pool {
  const { backend } = options;
  const origin = backend.kind === 'unix' ? 'http://localhost' : originOf(backend.host, backend.port);
  return new Pool(origin, {
    connections: null,
    pipelining: 1,
    connect: {
      timeout: options.connectTimeoutMs,
      keepAlive: true,
      ...(backend.kind === 'unix' ? { socketPath: backend.path } : {}),
    },
    headersTimeout: options.headersTimeoutMs,
    bodyTimeout: options.bodyTimeoutMs,
    keepAliveTimeout: options.idleTimeoutMs,
    keepAliveMaxTimeout: options.idleTimeoutMs,
    maxHeaderSize: options.maxHeaderBytes,
    ...extra,
  });
}

const originOf = (host: string, port: number) => `http://${host.includes(':') ? `[${host}]` : host}:${port}`;

function toDispatch(request: BackendRequest): Dispatcher.DispatchOptions {
  return {
    path: request.target,
    method: request.method as Dispatcher.HttpMethod,
    headers: request.headers as string[],
    body: request.body,
    // An answer to one slow request must not hold up another one on the same connection.
    blocking: false,
  };
}

class UndiciExchange implements Exchange, Dispatcher.DispatchHandler {
  readonly #handler: BackendResponseHandler;
  #controller: Dispatcher.DispatchController | undefined;
  #aborted = false;

  constructor(handler: BackendResponseHandler) {
    this.#handler = handler;
  }

  resume(): void {
    this.#controller?.resume();
  }

  abort(): void {
    this.#aborted = true;
    this.#controller?.abort(new errors.RequestAbortedError());
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#aborted) controller.abort(new errors.RequestAbortedError());
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    _headers: unknown,
    reason?: string,
  ): void {
    const raw = latin1Pairs(controller.rawHeaders);
    if (status < 200) this.#handler.onInterim(status, raw);
    else {
      this.#handler.onHead(status, reason ?? '', raw);
      process.nextTick(() => this.#handler.onBatchEnd?.());
    }
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (!this.#handler.onData(chunk)) controller.pause();
  }

  onResponseEnd(controller: Dispatcher.DispatchController): void {
    this.#handler.onEnd(latin1Pairs(controller.rawTrailers));
  }

  onResponseError(_controller: unknown, error: Error): void {
    if (this.#aborted) return;
    this.#handler.onError(toBackendError(error));
  }
}

function latin1Pairs(raw: unknown): string[] {
  if (!Array.isArray(raw)) return [];
  return raw.map((part: Buffer | string) => (typeof part === 'string' ? part : part.toString('latin1')));
}

const KIND_BY_CODE: Readonly<Record<string, BackendFailureKind>> = {
  ECONNREFUSED: 'connect',
  ENOENT: 'connect',
  EACCES: 'connect',
  EHOSTUNREACH: 'connect',
  ENETUNREACH: 'connect',
  ENOTFOUND: 'connect',
  EAI_AGAIN: 'connect',
  UND_ERR_CONNECT_TIMEOUT: 'connect',
  UND_ERR_HEADERS_TIMEOUT: 'headers-timeout',
  UND_ERR_BODY_TIMEOUT: 'body-timeout',
  UND_ERR_SOCKET: 'reset',
  ECONNRESET: 'reset',
  EPIPE: 'reset',
};

/** undici does not tell whether the connection had been used before, so every reset may be the keep-alive race. */
function toBackendError(error: Error): BackendError {
  const code = 'code' in error ? String(error.code) : '';
  const kind = KIND_BY_CODE[code] ?? 'protocol';
  return new BackendError(kind, error.message, { cause: error, onReusedConnection: kind === 'reset' });
}
