/**
 * One WebSocket that sends a text frame and waits for its echo.
 */
import { WEBSOCKET_KEY, webSocketHandshake } from '../traffic.ts';
import { acceptFor, clientFrame, SERVER_FRAME_BYTES, serverFrame } from '../websocket-frames.ts';
import type { LoadClient, LoopEvents } from './closed-loop.ts';
import { type LoadSocket, openLoadSocket } from './load-socket.ts';

const ACCEPTED = /^HTTP\/1\.1 101 .*\r\nsec-websocket-accept: *(\S+)/is;
const EXPECTED_ACCEPT = acceptFor(WEBSOCKET_KEY);

export class WebSocketClient implements LoadClient {
  readonly opened: Promise<unknown>;
  loop: LoopEvents | undefined;
  sentAt = 0;
  readonly #connection: LoadSocket;
  readonly #frame: Buffer;
  readonly #echo: Buffer;
  readonly #handshake = Promise.withResolvers<void>();
  #pending: Buffer | undefined;
  #isOpen = false;

  /** @param index of the connection: part of its text, so that an echo of somebody else's frame is noticed */
  constructor(port: number, index: number) {
    const text = `{"type":"message","chat_id":${index},"text":"Is the leather bag still available?"}`;
    this.#frame = clientFrame(text);
    this.#echo = serverFrame(text);
    this.opened = this.#handshake.promise;
    this.#connection = openLoadSocket(port, (reason) => this.#onWrong(reason));
    const { socket } = this.#connection;
    socket.on('connect', () => socket.write(webSocketHandshake()));
    socket.on('data', (chunk: Buffer) => this.#onData(chunk));
  }

  send(): void {
    this.#connection.socket.write(this.#frame);
  }

  close(): void {
    this.#connection.close();
  }

  #onData(chunk: Buffer): void {
    const bytes = this.#pending === undefined ? chunk : Buffer.concat([this.#pending, chunk]);
    this.#pending = undefined;
    if (!this.#isOpen) this.#readHandshake(bytes);
    else if (bytes.length < SERVER_FRAME_BYTES) this.#pending = bytes;
    else if (bytes.equals(this.#echo)) this.loop?.onAnswer(this);
    else this.#onWrong('a wrong echo on a WebSocket');
  }

  #readHandshake(bytes: Buffer): void {
    const end = bytes.indexOf('\r\n\r\n');
    if (end === -1) {
      this.#pending = bytes;
      return;
    }
    const head = bytes.toString('latin1', 0, end);
    if (ACCEPTED.exec(head)?.[1] !== EXPECTED_ACCEPT || end + 4 !== bytes.length) {
      this.#onWrong(`a wrong answer to a WebSocket handshake:\n${head}`);
      return;
    }
    this.#isOpen = true;
    this.#handshake.resolve();
  }

  #onWrong(reason: string): void {
    this.#handshake.reject(new Error(reason));
    this.loop?.onWrong(reason);
  }
}
