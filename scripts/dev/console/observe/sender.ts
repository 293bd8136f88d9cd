/**
 * From the sidecar's process to the console, without ever holding the sidecar up: what the console does not take in time is
 * dropped, and counted.
 */
import { connect, type Socket } from 'node:net';
import { frame, frameReader } from '../framing.ts';
import type { ConsoleMessage, Link, SidecarMessage } from '../messages.ts';

/** Messages may wait this long, so that many leave in one write, ms. */
const SEND_AFTER_MS = 30;
/** Bytes that may wait for the console. Beyond half of it bodies are dropped, beyond all of it everything. */
const MAX_WAITING_BYTES = 16 * 1024 * 1024;
/** About what a message takes besides its bodies and heads. */
const MESSAGE_BYTES = 300;

export class Sender {
  readonly #socket: Socket;
  #batch: SidecarMessage[] = [];
  #batchBytes = 0;
  #dropped = 0;
  #timer: NodeJS.Timeout | undefined;

  /** @param obey takes what the console says */
  constructor({ messagePort, key }: Link, obey: (message: ConsoleMessage) => void) {
    this.#socket = connect({ port: messagePort, host: '127.0.0.1', noDelay: true });
    // Without the console the sidecar goes on.
    this.#socket.on('error', () => undefined);
    const read = frameReader<ConsoleMessage>((messages) => messages.forEach(obey));
    this.#socket.on('data', read);
    this.#socket.unref();
    this.send({ type: 'hello', key, pid: process.pid });
  }

  /** @param bytes of what it holds */
  send(message: SidecarMessage, bytes = 0): void {
    if (!this.#has(MAX_WAITING_BYTES)) {
      this.#dropped += 1;
      return;
    }
    this.#batch.push(message);
    this.#batchBytes += MESSAGE_BYTES + bytes;
    this.#timer ??= setTimeout(() => this.#flush(), SEND_AFTER_MS).unref();
  }

  /** Whether there is room for a piece of a body; the caller copies it only then. */
  takesPieces(): boolean {
    return this.#has(MAX_WAITING_BYTES / 2);
  }

  #has(limit: number): boolean {
    return !this.#socket.destroyed && this.#batchBytes + this.#socket.writableLength < limit;
  }

  #flush(): void {
    this.#timer = undefined;
    if (this.#dropped > 0) this.#batch.push({ type: 'dropped', count: this.#dropped });
    this.#dropped = 0;
    const batch = this.#batch;
    this.#batch = [];
    this.#batchBytes = 0;
    if (!this.#socket.destroyed) this.#socket.write(frame(batch));
  }
}
