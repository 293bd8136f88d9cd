/**
 * One request as it passes: copies of its bytes, its heads, and the moments at which something happened. It listens in by
 * wrapping the functions that bytes go through anyway, so that nothing waits, pauses or is read because of it.
 */
import type { IncomingMessage } from 'node:http';
import type { FaultKind } from '../faults.ts';
import type { Ended, Marks, Step, Way } from '../messages.ts';
import type { Sender } from './sender.ts';

/** Of a request's body: all of it, to be sent again. */
const KEPT_IN_BYTES = 8 * 1024 * 1024;
/** Of an answer's body: to be looked at. */
const KEPT_OUT_BYTES = 512 * 1024;
/** Of a WebSocket: its messages are kept, and their number is bounded there. */
const KEPT_OF_WEB_SOCKET_BYTES = Number.POSITIVE_INFINITY;
const MAX_HEAD_CHARS = 64 * 1024;

interface Side {
  limit: number;
  bytes: number;
  kept: number;
}

let count = 0;

export class Capture {
  readonly id: string;
  readonly req: IncomingMessage;
  readonly marks: Marks = {};
  readonly steps: Step[] = [];
  fault: FaultKind | null = null;
  status = 0;
  responseHead = '';
  backendRequestHead = '';
  #backendResponseHead = '';
  #hasBackendHead = false;
  #isAnswering = false;
  readonly #sender: Sender;
  readonly #startedAt = performance.now();
  readonly #sides: Record<Way, Side>;

  constructor(req: IncomingMessage, sender: Sender, isWebSocket: boolean) {
    count += 1;
    this.id = `${process.pid}-${count}`;
    this.req = req;
    this.#sender = sender;
    const [keptIn, keptOut] = isWebSocket
      ? [KEPT_OF_WEB_SOCKET_BYTES, KEPT_OF_WEB_SOCKET_BYTES]
      : [KEPT_IN_BYTES, KEPT_OUT_BYTES];
    this.#sides = { in: { limit: keptIn, bytes: 0, kept: 0 }, out: { limit: keptOut, bytes: 0, kept: 0 } };
    const { method = '', url: target = '', httpVersion, rawHeaders: headers, socket } = req;
    const peer = { address: socket.remoteAddress ?? '', port: socket.remotePort ?? 0 };
    const { id } = this;
    sender.send(
      { type: 'start', id, at: Date.now(), method, target, httpVersion, peer, headers, isWebSocket },
      500,
    );
  }

  /** ms since the request's head was there. */
  since(): number {
    return performance.now() - this.#startedAt;
  }

  /** Bytes pass. They are copied at once: their memory is somebody else's afterwards. */
  pass(way: Way, chunk: unknown, encoding?: unknown): void {
    const bytes = toBytes(chunk, encoding);
    if (bytes === null || bytes.length === 0) return;
    const side = this.#sides[way];
    side.bytes += bytes.length;
    if (side.kept + bytes.length > side.limit || !this.#sender.takesPieces()) {
      // Behind a gap nobody knows any more where a frame begins.
      side.limit = 0;
      return;
    }
    side.kept += bytes.length;
    const piece = {
      type: 'piece',
      id: this.id,
      way,
      at: this.since(),
      data: Uint8Array.from(bytes),
    } as const;
    this.#sender.send(piece, bytes.length);
  }

  /** The answer has begun and is not over with it. */
  answering(): void {
    if (this.#isAnswering || this.responseHead === '') return;
    this.#isAnswering = true;
    const { id, status, responseHead } = this;
    this.#sender.send({ type: 'head', id, status, responseHead }, responseHead.length);
  }

  toBackend(head: string): void {
    this.backendRequestHead = head;
    this.#backendResponseHead = '';
    this.#hasBackendHead = false;
    this.marks.toBackend = this.since();
  }

  fromBackend(chunk: Buffer): void {
    this.marks.fromBackend ??= this.since();
    if (this.#hasBackendHead) return;
    this.#backendResponseHead += chunk.toString('latin1', 0, MAX_HEAD_CHARS);
    for (;;) {
      const end = this.#backendResponseHead.indexOf('\r\n\r\n');
      if (end === -1) {
        this.#hasBackendHead = this.#backendResponseHead.length > MAX_HEAD_CHARS;
        return;
      }
      const isInterim = /^HTTP\/1\.1 1(?!01)\d\d/.test(this.#backendResponseHead);
      this.#hasBackendHead = !isInterim;
      this.#backendResponseHead = isInterim
        ? this.#backendResponseHead.slice(end + 4)
        : this.#backendResponseHead.slice(0, end + 4);
      if (!isInterim) return;
    }
  }

  end({ requestId, isAborted }: { requestId: string; isAborted: boolean }): void {
    const { in: into, out } = this.#sides;
    const { id, status, marks, steps, responseHead, backendRequestHead, fault } = this;
    const backendResponseHead = this.#hasBackendHead ? this.#backendResponseHead : '';
    const ended: Ended = {
      ...{ type: 'end', id, requestId, status, isAborted, fault, ms: this.since(), marks, steps },
      ...{ responseHead, backendRequestHead, backendResponseHead, isForwarded: backendRequestHead !== '' },
      ...{ bytesIn: into.bytes, bytesOut: out.bytes },
      ...{ unkeptIn: into.bytes - into.kept, unkeptOut: out.bytes - out.kept },
    };
    this.#sender.send(ended, responseHead.length + backendRequestHead.length + backendResponseHead.length);
  }
}

/** Null: it is no piece of a body. */
export function toBytes(chunk: unknown, encoding: unknown): Uint8Array | null {
  if (typeof chunk === 'string') {
    return Buffer.from(chunk, typeof encoding === 'string' ? (encoding as BufferEncoding) : 'utf8');
  }
  return chunk instanceof Uint8Array ? chunk : null;
}
