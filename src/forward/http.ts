/**
 * One request to the backend and its answer back, streamed both ways. No body is read, buffered or rewritten here;
 * the only thing decided is what to do when either side fails.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type AppError, BUSY } from '../errors.ts';
import type {
  BackendClient,
  BackendError,
  BackendRequest,
  BackendResponseHandler,
  Exchange,
} from './backend-client.ts';
import { backendFailure } from './failure.ts';
import { headLines, responseHeaders, withoutForbiddenLength, withoutLength } from './headers.ts';
import { lingerFor } from './linger.ts';
import { setRawResponseHead, setRawTrailers } from './raw-head.ts';
import { resetConnection } from './reset-connection.ts';
import { writeAndRelease } from './write-and-release.ts';

export interface HttpForwarderOptions {
  readonly client: BackendClient;
  /** Whether as many requests wait for a response head as may; then the next one is answered 503 at once. */
  readonly isFull: () => boolean;
  /** Answers the client when there is no response of the backend to pass on; destroys one that has begun. Says why in the log. */
  readonly sendError: (req: IncomingMessage, res: ServerResponse, error: AppError) => void;
  readonly counters: ForwardCounters;
}

/** Plain numbers, read by the metrics when they are scraped. */
export interface ForwardCounters {
  /** Requests whose response head has not arrived. */
  inFlight: number;
  retries: number;
  /** Requests given up because the client had gone. */
  aborted: number;
  /** Responses that the backend cut short. */
  truncated: number;
}

export interface ForwardRequest {
  readonly target: string;
  /** Headers for the backend (headers.ts). */
  readonly headers: readonly string[];
  /** Body length in bytes, null when chunked, 0 when there is none. */
  readonly contentLength: number | null;
  /** The client waits for a 100 before it sends the body. */
  readonly expectsContinue: boolean;
  /** Returned to the client unless the backend's response has one. */
  readonly requestId: string;
}

/** @param makeRequest asked only when it is taken on: a refusal must be cheap */
export type HttpForwarder = (
  req: IncomingMessage,
  res: ServerResponse,
  makeRequest: () => ForwardRequest,
) => void;

/** Methods that may be sent twice (RFC 9110 §9.2.2); a POST or PATCH never is. */
const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']);

/** Creates the forwarder; it never throws and always ends the response. */
export function createHttpForwarder(options: HttpForwarderOptions): HttpForwarder {
  return (req, res, makeRequest) => {
    if (options.isFull()) {
      options.sendError(req, res, BUSY);
      return;
    }
    const request = makeRequest();
    if (request.expectsContinue) res.writeContinue();
    new Forwarding(options, req, res, request).send(false);
  };
}

interface PendingHead {
  readonly status: number;
  readonly reason: string;
  readonly headers: string[];
  readonly hasLength: boolean;
}

/** The state of one forwarded request. A class, since one object with methods costs less than a closure per event. */
class Forwarding implements BackendResponseHandler {
  readonly #options: HttpForwarderOptions;
  readonly #req: IncomingMessage;
  readonly #res: ServerResponse;
  readonly #request: ForwardRequest;
  #exchange: Exchange | undefined;
  /** Counted in `inFlight`. */
  #waiting = false;
  #done = false;
  #draining = false;
  /** Bytes that a Content-Length announced; -1 when the end is not known beforehand. */
  #expectedBytes = -1;
  /** The backend's head, until it goes out with the first bytes of the body: up to then a 502 is still possible. */
  #pendingHead: PendingHead | undefined;

  constructor(
    options: HttpForwarderOptions,
    req: IncomingMessage,
    res: ServerResponse,
    request: ForwardRequest,
  ) {
    this.#options = options;
    this.#req = req;
    this.#res = res;
    this.#request = request;
    // Not once(): it comes once, and the wrapper costs more than the listener.
    res.on('close', () => this.#onClientClose());
  }

  send(freshConnection: boolean): void {
    const { target, headers, contentLength } = this.#request;
    if (!this.#waiting) {
      this.#waiting = true;
      this.#options.counters.inFlight += 1;
    }
    const request: BackendRequest = {
      method: this.#req.method ?? 'GET',
      target,
      headers,
      body: contentLength === 0 ? null : this.#req,
      contentLength,
      freshConnection,
    };
    this.#exchange = this.#options.client.send(request, this);
  }

  onInterim(status: number, headers: string[]): void {
    const socket = this.#res.socket;
    // Behind a pipelined predecessor there is no socket yet; an interim response may be dropped (RFC 9110 §15.2).
    if (socket === null || this.#req.httpVersionMinor === 0 || this.#res.headersSent) return;
    let head = `HTTP/1.1 ${status} ${status === 103 ? 'Early Hints' : status === 102 ? 'Processing' : ''}\r\n`;
    head += headLines(withoutLength(responseHeaders(headers).headers));
    socket.write(`${head}\r\n`, 'latin1');
  }

  onHead(status: number, reason: string, raw: string[]): void {
    this.#stopWaiting();
    if (this.#res.headersSent) {
      // Answered already, by the edge: the client's body turned out to be no body.
      this.#exchange?.abort();
      return;
    }
    const { headers, contentLength, hasRequestId } = responseHeaders(raw);
    if (!hasRequestId) headers.push('X-Request-Id', this.#request.requestId);
    const bodyless = status === 204 || status === 205 || status === 304 || this.#req.method === 'HEAD';
    this.#expectedBytes = bodyless ? 0 : (contentLength ?? -1);
    this.#pendingHead = {
      status,
      reason,
      headers: withoutForbiddenLength(status, headers),
      hasLength: status === 205 || contentLength !== null,
    };
    if (status === 205) this.#endWithoutBody();
  }

  /** A 205 has no content (RFC 9110 §15.3.6). What a backend sends with one all the same is nobody's. */
  #endWithoutBody(): void {
    this.#exchange?.abort();
    this.onEnd([]);
  }

  /** Sends a head whose body has not begun, so that an event stream's client sees it at once. */
  onBatchEnd(): void {
    if (!this.#writeHead()) return;
    // Not flushHeaders(): it encodes the head as UTF-8, which doubles every latin1 byte.
    this.#res.write('', 'latin1');
  }

  /** @returns whether it was still to be written */
  #writeHead(): boolean {
    const head = this.#pendingHead;
    if (head === undefined || this.#res.destroyed) return false;
    this.#pendingHead = undefined;
    setRawResponseHead(this.#res, head.status, head.reason, head.headers, head.hasLength);
    return true;
  }

  onData(chunk: Buffer): boolean {
    const res = this.#res;
    if (this.#writeHead() && chunk.length === this.#expectedBytes) {
      // Head and body in one string are one write; as a Buffer the body would be a second one.
      if (chunk.length <= ONE_WRITE_BYTES) res.end(chunk.toString('latin1'), 'latin1');
      else res.end(chunk);
      return true;
    }
    if (writeAndRelease(res, chunk)) return true;
    if (!this.#draining) {
      this.#draining = true;
      res.once('drain', () => {
        this.#draining = false;
        this.#exchange?.resume();
      });
    }
    return false;
  }

  onEnd(trailers: string[]): void {
    this.#done = true;
    this.#writeHead();
    const { req, res } = { req: this.#req, res: this.#res };
    if (!req.complete) lingerFor(req);
    if (res.writableEnded) return;
    if (trailers.length > 0 && res.chunkedEncoding) setRawTrailers(res, trailers);
    res.end('', 'latin1');
  }

  onError(error: BackendError): void {
    this.#stopWaiting();
    if (this.#done) return;
    const headArrived = this.#pendingHead !== undefined;
    this.#pendingHead = undefined;
    if (this.#res.headersSent) {
      this.#done = true;
      this.#options.counters.truncated += 1;
      // A response cut short must look cut short: no terminating chunk, no text of ours in it. HTTP/1.0 without a length
      // ends with the connection, so that only a reset can tell.
      const { socket, chunkedEncoding } = this.#res;
      if (socket !== null && !chunkedEncoding && this.#expectedBytes === -1) resetConnection(socket);
      this.#options.sendError(this.#req, this.#res, backendFailure(error));
      return;
    }
    if (this.#req.socket.destroyed) return;
    if (!headArrived && this.#mayRetry(error)) {
      this.#options.counters.retries += 1;
      this.send(true);
      return;
    }
    this.#done = true;
    if (!this.#req.complete) lingerFor(this.#req);
    this.#options.sendError(this.#req, this.#res, backendFailure(error));
  }

  #retried = false;

  /** Only the keep-alive race: nothing of an answer seen, nothing of a body sent, nothing changed by sending twice. */
  #mayRetry(error: BackendError): boolean {
    if (this.#retried || this.#res.destroyed || error.kind !== 'reset' || !error.onReusedConnection)
      return false;
    this.#retried = true;
    const bodyIsUntouched = this.#request.contentLength === 0 || !this.#req.readableDidRead;
    return bodyIsUntouched && IDEMPOTENT.has(this.#req.method ?? '');
  }

  #stopWaiting(): void {
    if (!this.#waiting) return;
    this.#waiting = false;
    this.#options.counters.inFlight -= 1;
  }

  #onClientClose(): void {
    this.#stopWaiting();
    if (this.#done) return;
    this.#done = true;
    // Finished without us: the edge has answered in the backend's place.
    if (!this.#res.writableFinished) this.#options.counters.aborted += 1;
    this.#exchange?.abort();
  }
}

/** Up to here copying a body into the head's string costs less than a second write (measured: npm run bench). */
const ONE_WRITE_BYTES = 16 * 1024;
