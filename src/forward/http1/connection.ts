/**
 * One connection to the backend: writes one request at a time, passes its response on, and says what became of it. Knows
 * nothing of pools and retries.
 */
import { connect, type NetConnectOpts, type Socket } from 'node:net';
import type { BackendAddress } from '../../config/values.ts';
import { deadlineIn, readUpTo } from '../../running-time.ts';
import {
  type BackendClientOptions,
  BackendError,
  type BackendFailureKind,
  type BackendRequest,
  type BackendResponseHandler,
} from '../backend-client.ts';
import { headLines } from '../headers.ts';
import { onDestroy } from '../node-internals.ts';
import { ReadMemory } from './read-memory.ts';
import { RequestBody, wholeBody } from './request-body.ts';
import { type ResponseHead, ResponseSyntaxError } from './response-head.ts';
import { type ResponseEvents, ResponseReader } from './response-reader.ts';

/** What the pool needs to know. */
export interface ConnectionOwner {
  /** The connection is free for another request. */
  onIdle(connection: Connection): void;
  onClose(connection: Connection): void;
}

/** Twice what one read from the client brings: with Node's own 64 KB each would fill it, and pause the client. */
const WRITE_AHEAD_BYTES = 128 * 1024;
/** How long an answer may be looked for after a failed write, ms. */
const READ_ON_MS = 500;
/** Peers that vanished without a word are found after this, ms. */
const TCP_KEEP_ALIVE_MS = 30_000;

export class Connection implements ResponseEvents {
  readonly #options: BackendClientOptions;
  readonly #owner: ConnectionOwner;
  readonly #socket: Socket;
  readonly #memory = new ReadMemory((bytes) => this.#onBytes(bytes));
  readonly #reader: ResponseReader;
  #connected = false;
  #handler: BackendResponseHandler | undefined;
  #body: RequestBody | undefined;
  /** Requests answered so far. */
  #served = 0;
  /** Whether any byte of the current response has come. */
  #answered = false;
  #head: ResponseHead | undefined;
  #paused = false;
  /** The request could not be sent to its end; the connection serves no other. */
  #writeFailed = false;
  /** Reading of the running time at which the current phase has taken too long. */
  deadline: number;
  /**
   * Moment on performance.now()'s clock at which an idle connection has grown too old. From when all had been read, not from
   * the answer: the backend counts from sending it, which may have been long before we looked.
   */
  idleUntil = Number.POSITIVE_INFINITY;

  constructor(options: BackendClientOptions, owner: ConnectionOwner) {
    this.#options = options;
    this.#owner = owner;
    const { backend } = options;
    this.#socket = connect({ ...connectOptions(backend), onread: this.#memory.onread });
    this.#reader = new ResponseReader(options.maxHeaderBytes, this);
    this.deadline = deadlineIn(options.connectTimeoutMs);
    onDestroy(this.#socket, (error) => this.#mayHaveAnswered(error));
    this.#socket
      .on('connect', () => this.#onConnect())
      .on('end', () => this.#onSocketEnd())
      .on('error', (error) => this.#onSocketError(error))
      .on('close', () => this.#onClose());
  }

  /** Writes the request; the connection must be new or idle. */
  send(request: BackendRequest, handler: BackendResponseHandler): void {
    this.#handler = handler;
    this.idleUntil = Number.POSITIVE_INFINITY;
    this.#reader.start(request.method === 'HEAD');
    this.#answered = false;
    this.#head = undefined;
    const head = serialiseHead(request);
    const whole = wholeBody(request);
    if (request.body === null || whole !== undefined) {
      this.#socket.write(head + (whole ?? ''), 'latin1');
      this.#body = undefined;
      this.#awaitHead();
      return;
    }
    this.#body = new RequestBody(request.body, request.contentLength, this.#socket, {
      onSent: () => this.#awaitHead(),
      onWaiting: (waiting) => {
        if (waiting) this.#awaitHead();
        else if (this.#reader.awaitsHead) this.deadline = Number.POSITIVE_INFINITY;
      },
      onBroken: (error) =>
        this.fail(new BackendError('reset', 'the request body broke off', { cause: error })),
    });
    this.#body.write(head);
    if (this.#connected) this.deadline = Number.POSITIVE_INFINITY;
  }

  /** Idle and, as far as one can know, still open at the other end. */
  get usable(): boolean {
    return this.#handler === undefined && this.#socket.writable && !this.#socket.readableEnded;
  }

  /** Reads again after the handler asked to wait; nothing when that exchange is over. */
  resume(handler: BackendResponseHandler): void {
    if (!this.#paused || this.#handler !== handler) return;
    this.#paused = false;
    this.#touchBody();
    this.#socket.resume();
  }

  /** Gives an exchange up; its handler hears no more. Nothing when it is over: the connection may serve another. */
  abort(handler: BackendResponseHandler): void {
    if (this.#handler === handler) this.destroy();
  }

  destroy(): void {
    this.#release();
    this.#socket.destroy();
  }

  /** The deadline has passed. */
  expire(): void {
    if (!this.#connected) this.fail(new BackendError('connect', 'connecting took too long'));
    else if (this.#handler === undefined) this.#socket.destroy();
    else if (this.#writeFailed) this.#fail('reset', 'the connection to the backend broke');
    else if (this.#reader.awaitsHead)
      this.fail(new BackendError('headers-timeout', 'no response head in time'));
    else this.fail(new BackendError('body-timeout', 'the response body stood still'));
  }

  /** Ends the exchange with an error and the connection with it. */
  fail(error: BackendError): void {
    const handler = this.#handler;
    this.#release();
    this.#socket.destroy();
    handler?.onError(error);
  }

  #release(): void {
    this.#handler = undefined;
    this.#reader.stop();
    this.#body?.detach();
    this.#body = undefined;
    this.#paused = false;
  }

  #awaitHead(): void {
    if (!this.#connected || !this.#reader.awaitsHead) return;
    const { headersTimeoutMs } = this.#options;
    this.deadline = headersTimeoutMs === 0 ? Number.POSITIVE_INFINITY : deadlineIn(headersTimeoutMs);
  }

  #onConnect(): void {
    this.#connected = true;
    if (this.#body === undefined || this.#body.sent) this.#awaitHead();
    else this.deadline = Number.POSITIVE_INFINITY;
  }

  /** @param bytes are gone when this returns */
  #onBytes(bytes: Buffer): void {
    if (this.#handler === undefined) {
      // Bytes that nobody asked for: the next response could be anyone's. Never use this connection again.
      this.#socket.destroy();
      return;
    }
    this.#answered = true;
    const handler = this.#handler;
    try {
      this.#reader.read(bytes);
      if (this.#handler === handler) handler.onBatchEnd?.();
    } catch (error) {
      const message =
        error instanceof ResponseSyntaxError ? error.message : 'the response could not be passed on';
      this.fail(new BackendError('protocol', message, { cause: error }));
    }
  }

  // What its reader tells it.

  onInterim(head: ResponseHead): void {
    this.#handler?.onInterim(head.status, head.headers);
  }

  onHead(head: ResponseHead): void {
    this.#head = head;
    this.#touchBody();
    this.#handler?.onHead(head.status, head.reason, head.headers);
  }

  onData(data: Buffer): void {
    if (this.#handler === undefined) return;
    this.#touchBody();
    if (this.#handler.onData(this.#memory.keep(data)) || this.#paused) return;
    this.#paused = true;
    // The client is slow, not the backend: its deadline stands still.
    this.deadline = Number.POSITIVE_INFINITY;
    this.#socket.pause();
  }

  #touchBody(): void {
    const { bodyTimeoutMs } = this.#options;
    const unlimited = bodyTimeoutMs === 0 || this.#head?.eventStream;
    this.deadline = unlimited ? Number.POSITIVE_INFINITY : deadlineIn(bodyTimeoutMs);
  }

  onEnd(trailers: string[], hasSurplus: boolean): void {
    const handler = this.#handler;
    const requestSent = this.#body === undefined || this.#body.sent;
    const reusable =
      requestSent &&
      !this.#writeFailed &&
      !hasSurplus &&
      this.#head?.keepAlive === true &&
      this.#socket.writable;
    const paused = this.#paused;
    this.#release();
    this.#memory.share();
    if (reusable) {
      this.#served += 1;
      if (paused) this.#socket.resume();
      this.deadline = Number.POSITIVE_INFINITY;
      this.idleUntil = readUpTo() + this.#options.idleTimeoutMs;
      this.#owner.onIdle(this);
    } else {
      this.#socket.destroy();
    }
    handler?.onEnd(trailers);
  }

  /** The backend sends no more. */
  #onSocketEnd(): void {
    if (this.#handler === undefined) return;
    if (this.#reader.endsWithConnection) this.onEnd([], false);
    else this.#fail('reset', 'the backend closed the connection');
  }

  /**
   * A backend may refuse a large body early and reset the connection. Its answer is then in our receive buffer when the
   * next write fails, and Node would throw it away with the socket: read on instead, for a moment (RFC 9112 §9.5).
   */
  #mayHaveAnswered(error?: Error): boolean {
    const isFailedWrite = error !== undefined && 'syscall' in error && error.syscall === 'write';
    if (!isFailedWrite || this.#writeFailed || !this.#reader.awaitsHead || this.#body === undefined)
      return false;
    this.#writeFailed = true;
    this.#body.detach();
    this.deadline = deadlineIn(READ_ON_MS);
    return true;
  }

  #onSocketError(error: Error): void {
    if (this.#handler === undefined) return;
    if (this.#connected) this.#fail('reset', 'the connection to the backend broke', error);
    else this.#fail('connect', 'the backend cannot be reached', error);
  }

  #onClose(): void {
    if (this.#handler !== undefined)
      this.#fail(this.#connected ? 'reset' : 'connect', 'the connection closed');
    this.#owner.onClose(this);
  }

  #fail(kind: BackendFailureKind, message: string, cause?: unknown): void {
    const onReusedConnection = kind === 'reset' && this.#served > 0 && !this.#answered;
    this.fail(new BackendError(kind, message, { cause, onReusedConnection }));
  }
}

/** For a connection to the backend, whatever it then carries. */
export function connectOptions(backend: BackendAddress): NetConnectOpts {
  // Missing in the types, but handed to the stream like its other options.
  const stream = { writableHighWaterMark: WRITE_AHEAD_BYTES };
  if (backend.kind === 'unix') return { path: backend.path, ...stream };
  const { host, port } = backend;
  const tcp = { noDelay: true, keepAlive: true, keepAliveInitialDelay: TCP_KEEP_ALIVE_MS };
  return { host, port, ...tcp, ...stream };
}

function serialiseHead({ method, target, headers, body, contentLength }: BackendRequest): string {
  let head = `${method} ${target} HTTP/1.1\r\n${headLines(headers)}`;
  if (body !== null && contentLength === null) head += 'Transfer-Encoding: chunked\r\n';
  return `${head}\r\n`;
}
