/**
 * The connections of the load: each sends the same again and again and checks every answer, byte for byte. Our own, since
 * a library's client would take more of the load generator's core than the answers that it is to check.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import {
  getRequest,
  POST_BYTES,
  PRODUCTS,
  postRequest,
  productBody,
  receivedBody,
  WEBSOCKET_KEY,
  webSocketHandshake,
} from '../traffic.ts';
import { acceptFor, clientFrame, SERVER_FRAME_BYTES, serverFrame } from '../websocket-frames.ts';
import type { ApiRequest } from './api-requests.ts';
import type { LoadClient, LoopEvents } from './closed-loop.ts';
import type { LoadCommand } from './messages.ts';

/** Of a wrong answer, in the error message. */
const SHOWN_CHARS = 300;
const OK = Buffer.from('HTTP/1.1 200 ');
const NOT_MODIFIED = Buffer.from('HTTP/1.1 304 ');
const UNAVAILABLE = Buffer.from('HTTP/1.1 503 ');
const ACCEPTED = /^HTTP\/1\.1 101 .*\r\nsec-websocket-accept: *(\S+)/is;
const EXPECTED_ACCEPT = acceptFor(WEBSOCKET_KEY);

type HttpCommand = Extract<LoadCommand, { kind: 'open' }>;

export type Answer = 'incomplete' | 'right' | { readonly wrong: string };

/** @param onBroken told when the connection fails or ends before `close` was called */
export function openLoadSocket(port: number, onBroken: (reason: string) => void) {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  let closing = false;
  const broken = (reason: string) => {
    if (!closing) onBroken(reason);
  };
  socket.on('error', (error) => broken(`the connection broke: ${error.message}`));
  socket.on('close', () => broken('the proxy closed the connection'));
  return {
    socket,
    close() {
      closing = true;
      socket.destroy();
    },
  };
}

/** Compares a small response with the one that is due. @param bytes from its beginning @param expected body */
export function readAnswer(bytes: Buffer, expected: Buffer): Answer {
  const headEnd = bytes.indexOf('\r\n\r\n');
  if (headEnd === -1) return 'incomplete';
  const head = bytes.toString('latin1', 0, headEnd);
  const length = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1]);
  if (bytes.compare(OK, 0, OK.length, 0, OK.length) !== 0 || length !== expected.length) {
    return { wrong: `a wrong answer:\n${head.slice(0, SHOWN_CHARS)}` };
  }
  const start = headEnd + 4;
  if (bytes.length < start + length) return 'incomplete';
  if (bytes.length > start + length) return { wrong: 'more than one answer to one request' };
  if (bytes.compare(expected, 0, length, start) !== 0) {
    return { wrong: `a wrong body: ${bytes.toString('latin1', start, start + SHOWN_CHARS)}` };
  }
  return 'right';
}

/** A 304, or a 200 with a Content-Length, whose body has something in it. @param bytes from its beginning */
function readApiAnswer(
  bytes: Buffer,
  { answerHas, isNotModified = false }: Omit<ApiRequest, 'bytes'>,
  status = isNotModified ? NOT_MODIFIED : OK,
): Answer {
  const headEnd = bytes.indexOf('\r\n\r\n');
  if (headEnd === -1) return 'incomplete';
  const head = bytes.toString('latin1', 0, headEnd);
  const length = isNotModified ? 0 : Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1]);
  const end = headEnd + 4 + length;
  if (bytes.length < end) return 'incomplete';
  const isRight =
    bytes.length === end &&
    bytes.compare(status, 0, status.length, 0, status.length) === 0 &&
    (isNotModified || bytes.indexOf(answerHas, headEnd) !== -1);
  return isRight ? 'right' : { wrong: `a wrong answer:\n${bytes.toString('latin1', 0, 2 * SHOWN_CHARS)}` };
}

abstract class Client implements LoadClient {
  loop: LoopEvents | undefined;
  sentAt = 0;
  abstract readonly opened: Promise<unknown>;
  protected readonly socket: Socket;
  readonly close: () => void;
  readonly #request: Buffer | (() => Buffer);
  #pending: Buffer | undefined;

  /** @param request a function: asked for each */
  constructor(port: number, request: Buffer | (() => Buffer)) {
    const { socket, close } = openLoadSocket(port, (reason) => this.onWrong(reason));
    this.socket = socket;
    this.close = close;
    this.#request = request;
    socket.on('data', (chunk: Buffer) => this.#onData(chunk));
  }

  send(): void {
    this.socket.write(typeof this.#request === 'function' ? this.#request() : this.#request);
  }

  #onData(chunk: Buffer): void {
    const bytes = this.#pending === undefined ? chunk : Buffer.concat([this.#pending, chunk]);
    this.#pending = undefined;
    const answer = this.read(bytes);
    if (answer === 'incomplete') this.#pending = bytes;
    else if (answer === 'right') this.loop?.onAnswer(this);
    else if (answer !== 'opened') this.onWrong(answer.wrong);
  }

  protected abstract read(bytes: Buffer): Answer | 'opened';

  protected onWrong(reason: string): void {
    this.loop?.onWrong(reason);
  }
}

/** One keep-alive connection. */
export class HttpClient extends Client {
  readonly opened: Promise<unknown>;
  readonly #expected: Buffer;
  readonly #isRefused: boolean;

  /** @param index of the connection: decides which product it asks for */
  constructor({ port, method, isRefused }: HttpCommand, index: number) {
    const product = index % PRODUCTS;
    super(port, method === 'GET' ? getRequest(product) : postRequest(product));
    this.#isRefused = isRefused === true;
    this.#expected = method === 'GET' ? productBody(product) : receivedBody(POST_BYTES);
    this.opened = once(this.socket, 'connect');
  }

  protected read(bytes: Buffer): Answer {
    if (this.#isRefused) return readApiAnswer(bytes, { answerHas: '"code":"busy"' }, UNAVAILABLE);
    return readAnswer(bytes, this.#expected);
  }
}

/** One keep-alive connection that asks for something else each time. */
export class ApiClient extends Client {
  readonly opened: Promise<unknown>;
  #due: Omit<ApiRequest, 'bytes'> = { answerHas: '' };

  constructor(port: number, nextRequest: () => ApiRequest) {
    super(port, () => {
      const { bytes, ...due } = nextRequest();
      this.#due = due;
      return bytes;
    });
    this.opened = once(this.socket, 'connect');
  }

  protected read(bytes: Buffer): Answer {
    return readApiAnswer(bytes, this.#due);
  }
}

/** One WebSocket that sends a text frame and waits for its echo. */
export class WebSocketClient extends Client {
  readonly opened: Promise<unknown>;
  readonly #echo: Buffer;
  readonly #handshake = Promise.withResolvers<void>();
  #isOpen = false;

  /** @param index of the connection: part of its text, so that an echo of somebody else's frame is noticed */
  constructor(port: number, index: number) {
    const text = `{"type":"message","chat_id":${index},"text":"Is the leather bag still available?"}`;
    super(port, clientFrame(text));
    this.#echo = serverFrame(text);
    this.opened = this.#handshake.promise;
    this.socket.on('connect', () => this.socket.write(webSocketHandshake()));
  }

  protected read(bytes: Buffer): Answer | 'opened' {
    if (!this.#isOpen) return this.#readHandshake(bytes);
    if (bytes.length < SERVER_FRAME_BYTES) return 'incomplete';
    return bytes.equals(this.#echo) ? 'right' : { wrong: 'a wrong echo on a WebSocket' };
  }

  #readHandshake(bytes: Buffer): Answer | 'opened' {
    const end = bytes.indexOf('\r\n\r\n');
    if (end === -1) return 'incomplete';
    const head = bytes.toString('latin1', 0, end);
    if (ACCEPTED.exec(head)?.[1] !== EXPECTED_ACCEPT || end + 4 !== bytes.length) {
      return { wrong: `a wrong answer to a WebSocket handshake:\n${head}` };
    }
    this.#isOpen = true;
    this.#handshake.resolve();
    return 'opened';
  }

  protected override onWrong(reason: string): void {
    this.#handshake.reject(new Error(reason));
    super.onWrong(reason);
  }
}
