/**
 * Streams a client's body to the backend with backpressure, and never lets a body that broke off look complete.
 */
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import type { BackendRequest } from '../backend-client.ts';
import { closeRead } from '../node-internals.ts';
import { writeAndRelease } from '../write-and-release.ts';
import { LAST_CHUNK, writeChunk } from './chunk.ts';

export interface RequestBodyEvents {
  /** The backend takes no more at the moment (true), or takes again (false). */
  onWaiting(waiting: boolean): void;
  /** The last byte has been written. */
  onSent(): void;
  /** The client's body ended early, or not where Content-Length said: the request must not be completed. */
  onBroken(error: Error): void;
}

/** Up to here a copy costs less than to stream, bytes. */
const SMALL_BYTES = 16 * 1024;

/** A small body of which all is here, taken out of its stream, a char per byte: one write with the head. Otherwise undefined. */
export function wholeBody({ body, contentLength }: BackendRequest): string | undefined {
  if (body?.complete !== true || contentLength === null || contentLength > SMALL_BYTES) return undefined;
  if (body.readableLength !== contentLength) return undefined;
  const bytes: Buffer = body.read();
  closeRead(body);
  return bytes.toString('latin1');
}

export class RequestBody {
  readonly #source: Readable;
  readonly #length: number | null;
  readonly #socket: Socket;
  readonly #events: RequestBodyEvents;
  #written = 0;
  #waiting = false;
  sent = false;

  /** @param length bytes that Content-Length announced; null: send chunked */
  constructor(source: Readable, length: number | null, socket: Socket, events: RequestBodyEvents) {
    this.#source = source;
    this.#length = length;
    this.#socket = socket;
    this.#events = events;
    source.on('data', this.#onData);
    source.on('end', this.#onEnd);
    source.on('close', this.#onClose);
    source.on('error', this.#onClose);
  }

  /** Writes the request head: with what has come of the client's body it leaves in one write. */
  write(head: string): void {
    this.#socket.cork();
    this.#socket.write(head, 'latin1');
    // In the next tick the body flows, and in the one after it may end.
    process.nextTick(process.nextTick, uncork, this.#socket);
  }

  /** Stops reading the client; what is left of the body is somebody else's to drain. */
  detach(): void {
    this.#source.off('data', this.#onData);
    this.#source.off('end', this.#onEnd);
    this.#source.off('close', this.#onClose);
    this.#source.off('error', this.#onClose);
    this.#source.on('error', ignore);
    if (this.#waiting) this.#socket.off('drain', this.#onDrain);
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#written += chunk.length;
    if (this.#length === null) writeChunk(this.#socket, chunk);
    else writeAndRelease(this.#socket, chunk);
    if (!this.#socket.writableNeedDrain || this.#waiting) return;
    this.#waiting = true;
    this.#source.pause();
    this.#socket.once('drain', this.#onDrain);
    this.#events.onWaiting(true);
  };

  readonly #onDrain = (): void => {
    this.#waiting = false;
    this.#events.onWaiting(false);
    this.#source.resume();
  };

  readonly #onEnd = (): void => {
    if (this.#length !== null && this.#written !== this.#length) {
      this.#events.onBroken(new Error('the body does not have its announced length'));
      return;
    }
    if (this.#length === null) this.#socket.write(LAST_CHUNK, 'latin1');
    this.sent = true;
    this.#events.onSent();
  };

  readonly #onClose = (): void => {
    if (!this.sent) this.#events.onBroken(new Error('the client went away'));
  };
}

const uncork = (socket: Socket) => socket.uncork();

/** The request may be destroyed after we let go of it; an error without a listener would end the process. */
const ignore = () => undefined;
