/**
 * One connection to the backend: writes one request at a time, reads its response, and says what became of it. Knows
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
import { ChunkedDecoder } from './chunked-decoder.ts';
import { RequestBody } from './request-body.ts';
import {
  checkPartialHead,
  parseResponseHead,
  type ResponseHead,
  ResponseSyntaxError,
} from './response-head.ts';

/** What the pool needs to know. */
export interface ConnectionOwner {
  /** The connection is free for another request. */
  onIdle(connection: Connection): void;
  onClose(connection: Connection): void;
}

const HEAD_END = Buffer.from('\r\n\r\n');
const MAX_INTERIM_RESPONSES = 32;
/** Twice what one read from the client brings: with Node's own 64 KB each would fill it, and pause the client. */
const WRITE_AHEAD_BYTES = 128 * 1024;
/** How long an answer may be looked for after a failed write, ms. */
const READ_ON_MS = 500;
/** Peers that vanished without a word are found after this, ms. */
const TCP_KEEP_ALIVE_MS = 30_000;

type Reading = 'nothing' | 'head' | 'length' | 'chunked' | 'until-close';

export class Connection {
  readonly #options: BackendClientOptions;
  readonly #owner: ConnectionOwner;
  readonly #socket: Socket;
  #connected = false;
  #reading: Reading = 'nothing';
  #handler: BackendResponseHandler | undefined;
  #body: RequestBody | undefined;
  #isHead = false;
  /** Requests answered so far. */
  #served = 0;
  /** Whether any byte of the current response has come. */
  #answered = false;
  #interim = 0;
  /** The beginning of a head that is not complete. */
  #partial: Buffer | undefined;
  #head: ResponseHead | undefined;
  /** Body bytes still to come under Content-Length. */
  #left = 0;
  #decoder: ChunkedDecoder | undefined;
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
    this.#socket = connect(connectOptions(backend));
    this.deadline = deadlineIn(options.connectTimeoutMs);
    onDestroy(this.#socket, (error) => this.#mayHaveAnswered(error));
    this.#socket
      .on('connect', () => this.#onConnect())
      .on('data', (chunk: Buffer) => this.#onBytes(chunk))
      .on('end', () => this.#onEnd())
      .on('error', (error) => this.#onSocketError(error))
      .on('close', () => this.#onClose());
  }

  /** Writes the request; the connection must be new or idle. */
  send(request: BackendRequest, handler: BackendResponseHandler): void {
    this.#handler = handler;
    this.idleUntil = Number.POSITIVE_INFINITY;
    this.#reading = 'head';
    this.#answered = false;
    this.#interim = 0;
    this.#head = undefined;
    this.#isHead = request.method === 'HEAD';
    const head = serialiseHead(request);
    if (request.body === null) {
      this.#socket.write(head, 'latin1');
      this.#body = undefined;
      this.#awaitHead();
      return;
    }
    this.#body = new RequestBody(request.body, request.contentLength, this.#socket, {
      onSent: () => this.#awaitHead(),
      onWaiting: (waiting) => {
        if (waiting) this.#awaitHead();
        else if (this.#reading === 'head') this.deadline = Number.POSITIVE_INFINITY;
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
    else if (this.#reading === 'head')
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
    this.#reading = 'nothing';
    this.#body?.detach();
    this.#body = undefined;
    this.#partial = undefined;
    this.#decoder = undefined;
    this.#paused = false;
  }

  #awaitHead(): void {
    if (!this.#connected || this.#reading !== 'head') return;
    const { headersTimeoutMs } = this.#options;
    this.deadline = headersTimeoutMs === 0 ? Number.POSITIVE_INFINITY : deadlineIn(headersTimeoutMs);
  }

  #onConnect(): void {
    this.#connected = true;
    if (this.#body === undefined || this.#body.sent) this.#awaitHead();
    else this.deadline = Number.POSITIVE_INFINITY;
  }

  #onBytes(chunk: Buffer): void {
    if (this.#handler === undefined) {
      // Bytes that nobody asked for: the next response could be anyone's. Never use this connection again.
      this.#socket.destroy();
      return;
    }
    this.#answered = true;
    const handler = this.#handler;
    try {
      this.#consume(chunk);
      if (this.#handler === handler) handler.onBatchEnd?.();
    } catch (error) {
      const message =
        error instanceof ResponseSyntaxError ? error.message : 'the response could not be passed on';
      this.fail(new BackendError('protocol', message, { cause: error }));
    }
  }

  #consume(chunk: Buffer): void {
    let rest: Buffer | undefined = chunk;
    while (rest !== undefined && this.#reading === 'head') rest = this.#readHead(rest);
    if (rest === undefined || rest.length === 0) return;
    switch (this.#reading) {
      case 'length':
        this.#readLength(rest);
        break;
      case 'chunked':
        this.#readChunked(rest);
        break;
      case 'until-close':
        this.#pass(rest);
        break;
      default:
        // The response is over and more came with it.
        this.#socket.destroy();
    }
  }

  /** @returns the bytes behind the head, undefined when the head is not complete */
  #readHead(bytes: Buffer): Buffer | undefined {
    const all = this.#partial === undefined ? bytes : Buffer.concat([this.#partial, bytes]);
    // The end may be split over two reads: look a little before the new bytes, too.
    const end = all.indexOf(
      HEAD_END,
      this.#partial === undefined ? 0 : Math.max(0, this.#partial.length - 3),
    );
    if ((end === -1 ? all.length : end) > this.#options.maxHeaderBytes) {
      throw new ResponseSyntaxError('response head too large');
    }
    if (end === -1) {
      checkPartialHead(all);
      this.#partial = all;
      return undefined;
    }
    this.#partial = undefined;
    const head = parseResponseHead(all.toString('latin1', 0, end));
    const rest = end + 4 === all.length ? undefined : all.subarray(end + 4);
    if (head.status < 200) this.#onInterim(head);
    else if (this.#onHead(head)) return rest;
    else {
      this.#finish([], rest !== undefined);
      return undefined;
    }
    return rest;
  }

  #onInterim(head: ResponseHead): void {
    this.#interim += 1;
    // A 101 that nobody asked for, or a body where none can be, would desynchronise the connection.
    if (head.status === 101 || head.chunked || this.#interim > MAX_INTERIM_RESPONSES) {
      throw new ResponseSyntaxError('unexpected interim response');
    }
    if (head.status !== 100) this.#handler?.onInterim(head.status, head.headers);
  }

  /** RFC 9112 §6.3: where the body ends. @returns whether there is one */
  #onHead(head: ResponseHead): boolean {
    this.#head = head;
    const { status, contentLength, chunked } = head;
    const bodyless = this.#isHead || status === 204 || status === 304;
    this.#reading = 'nothing';
    if (!bodyless && chunked) {
      this.#reading = 'chunked';
      this.#decoder = new ChunkedDecoder(this.#options.maxHeaderBytes);
    } else if (!bodyless && contentLength > 0) {
      this.#reading = 'length';
      this.#left = contentLength;
    } else if (!bodyless && contentLength === -1 && status !== 205) {
      // A 205 without framing ends here: waiting for the end of the connection would be its only use of a body.
      this.#reading = 'until-close';
    }
    this.#touchBody();
    this.#handler?.onHead(status, head.reason, head.headers);
    return this.#reading !== 'nothing' || this.#handler === undefined;
  }

  #readLength(bytes: Buffer): void {
    const surplus = bytes.length - this.#left;
    if (surplus <= 0) {
      this.#left -= bytes.length;
      this.#pass(bytes);
    } else {
      const last = bytes.subarray(0, this.#left);
      this.#left = 0;
      this.#pass(last);
    }
    if (this.#left > 0) return;
    this.#finish([], surplus > 0);
  }

  #readChunked(bytes: Buffer): void {
    const decoder = this.#decoder;
    if (decoder === undefined) return;
    const used = decoder.decode(bytes, (data) => this.#pass(data));
    // The handler may have ended the exchange in between.
    if (decoder.done && this.#decoder === decoder) this.#finish(decoder.trailers, used < bytes.length);
  }

  #pass(data: Buffer): void {
    if (this.#handler === undefined) return;
    this.#touchBody();
    if (this.#handler.onData(data) || this.#paused) return;
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

  /** The response is complete. @param surplus bytes followed that belong to no response */
  #finish(trailers: string[], surplus = false): void {
    const handler = this.#handler;
    const requestSent = this.#body === undefined || this.#body.sent;
    const reusable =
      requestSent &&
      !this.#writeFailed &&
      !surplus &&
      this.#head?.keepAlive === true &&
      this.#socket.writable;
    const paused = this.#paused;
    this.#release();
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
  #onEnd(): void {
    if (this.#handler === undefined) return;
    if (this.#reading === 'until-close') this.#finish([]);
    else this.#fail('reset', 'the backend closed the connection');
  }

  /**
   * A backend may refuse a large body early and reset the connection. Its answer is then in our receive buffer when the
   * next write fails, and Node would throw it away with the socket: read on instead, for a moment (RFC 9112 §9.5).
   */
  #mayHaveAnswered(error?: Error): boolean {
    const isFailedWrite = error !== undefined && 'syscall' in error && error.syscall === 'write';
    if (!isFailedWrite || this.#writeFailed || this.#reading !== 'head' || this.#body === undefined)
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
