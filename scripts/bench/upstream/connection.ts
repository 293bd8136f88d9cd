/**
 * One connection of the upstream: reads requests, checks that they arrived whole, and answers like uvicorn.
 */
import type { Socket } from 'node:net';
import {
  AUTHORIZATION,
  DOWNLOAD_PATH,
  HANGING_PATH,
  isPattern,
  PRODUCT_PATH,
  patternSlice,
  receivedBody,
} from '../traffic.ts';
import { CLIENT_FRAME_BYTES, echoOf } from '../websocket-frames.ts';
import { answer, downloadHead, productAnswer, webSocketAnswer } from './answers.ts';

const HEAD_END = '\r\n\r\n';
/** One write, bytes: what uvicorn hands to the socket at a time when it serves a file. */
const WRITE_BYTES = 64 * 1024;

type State = 'head' | 'body' | 'download' | 'websocket';

export class UpstreamConnection {
  readonly #socket: Socket;
  #state: State = 'head';
  #pending: Buffer | undefined;
  /** Of the body that is read or sent. */
  #bodyBytes = 0;
  #bodyDone = 0;
  /** The proxy asked for `Connection: close`. */
  #isLast = false;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => this.#onData(chunk));
    socket.on('drain', () => this.#sendDownload());
    // A proxy that resets a connection is its own affair; what matters is that its answers are right.
    socket.on('error', () => socket.destroy());
  }

  #onData(chunk: Buffer): void {
    switch (this.#state) {
      case 'head':
        this.#readHead(this.#joined(chunk));
        break;
      case 'body':
        this.#readBody(chunk);
        break;
      case 'websocket':
        this.#echo(this.#joined(chunk));
        break;
      case 'download':
        this.#refuse('a request before the answer to the one before it');
    }
  }

  #joined(chunk: Buffer): Buffer {
    const pending = this.#pending;
    this.#pending = undefined;
    return pending === undefined ? chunk : Buffer.concat([pending, chunk]);
  }

  #readHead(bytes: Buffer): void {
    const end = bytes.indexOf(HEAD_END);
    if (end === -1) {
      this.#pending = bytes;
      return;
    }
    const head = bytes.toString('latin1', 0, end);
    const rest = bytes.subarray(end + HEAD_END.length);
    const path = head.slice(head.indexOf(' ') + 1, head.indexOf(' HTTP/1.1\r\n'));
    this.#isLast = /\r\nconnection: *close/i.test(head);
    if (path.startsWith('/ws/')) this.#acceptWebSocket(head);
    else if (!head.includes(AUTHORIZATION)) this.#refuse('no token');
    else if (head.startsWith('POST ')) this.#startBody(head, rest);
    else if (rest.length > 0) this.#refuse('bytes behind a request without a body');
    else this.#answerGet(path);
  }

  #answerGet(path: string): void {
    if (path.startsWith(PRODUCT_PATH)) {
      this.#reply(productAnswer(Number(path.slice(PRODUCT_PATH.length)), this.#isLast));
    } else if (path.startsWith(DOWNLOAD_PATH)) {
      this.#state = 'download';
      this.#bodyBytes = Number(path.slice(DOWNLOAD_PATH.length));
      this.#bodyDone = 0;
      this.#socket.write(downloadHead(this.#bodyBytes, this.#isLast));
      this.#sendDownload();
    } else if (path !== HANGING_PATH) {
      this.#refuse('an unknown path');
    }
  }

  #sendDownload(): void {
    if (this.#state !== 'download') return;
    let flowing = true;
    while (flowing && this.#bodyDone < this.#bodyBytes) {
      const slice = patternSlice(this.#bodyDone, Math.min(WRITE_BYTES, this.#bodyBytes - this.#bodyDone));
      this.#bodyDone += slice.length;
      flowing = this.#socket.write(slice);
    }
    if (this.#bodyDone === this.#bodyBytes) this.#finish();
  }

  #startBody(head: string, first: Buffer): void {
    const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
    if (length === undefined) {
      this.#refuse('a body without Content-Length');
      return;
    }
    this.#state = 'body';
    this.#bodyBytes = Number(length);
    this.#bodyDone = 0;
    this.#readBody(first);
  }

  #readBody(chunk: Buffer): void {
    const isRight = isPattern(chunk, this.#bodyDone);
    this.#bodyDone += chunk.length;
    if (!isRight || this.#bodyDone > this.#bodyBytes) this.#refuse('a body that was altered');
    else if (this.#bodyDone === this.#bodyBytes)
      this.#reply(answer(receivedBody(this.#bodyDone), this.#isLast));
  }

  #acceptWebSocket(head: string): void {
    const key = /\r\nsec-websocket-key: *(\S+)/i.exec(head)?.[1];
    if (key === undefined || !/\r\nupgrade: *websocket/i.test(head)) {
      this.#refuse('a WebSocket handshake without Upgrade or key');
      return;
    }
    this.#state = 'websocket';
    this.#socket.write(webSocketAnswer(key));
  }

  #echo(bytes: Buffer): void {
    let start = 0;
    for (; bytes.length - start >= CLIENT_FRAME_BYTES; start += CLIENT_FRAME_BYTES) {
      const echo = echoOf(bytes.subarray(start, start + CLIENT_FRAME_BYTES));
      // A close frame, or something wrong: the load generator knows which of the two.
      if (echo === undefined) this.#socket.end();
      else this.#socket.write(echo);
    }
    if (start < bytes.length) this.#pending = bytes.subarray(start);
  }

  #reply(response: Buffer): void {
    this.#socket.write(response);
    this.#finish();
  }

  #finish(): void {
    this.#state = 'head';
    if (this.#isLast) this.#socket.end();
  }

  /** The load generator takes any status but 200 for a failure and shows the reason. */
  #refuse(reason: string): void {
    this.#socket.end(
      `HTTP/1.1 400 The upstream got ${reason}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n`,
    );
  }
}
