/**
 * Reads the responses on one connection, one after the other: where each head ends, and each body (RFC 9112 §6.3). Knows
 * nothing of sockets and deadlines.
 */
import { ChunkedDecoder } from './chunked-decoder.ts';
import {
  checkPartialHead,
  parseResponseHead,
  type ResponseHead,
  ResponseSyntaxError,
} from './response-head.ts';

/** Told in order: onInterim*, onHead, onData*, onEnd. Each may call `stop()`; only data of the same read may follow that. */
export interface ResponseEvents {
  /** An interim response other than 100 and 101. */
  onInterim(head: ResponseHead): void;
  onHead(head: ResponseHead): void;
  /** A piece of the body, its transfer coding removed: a view into the bytes that are being read. */
  onData(data: Buffer): void;
  /** @param hasSurplus bytes followed that belong to no response */
  onEnd(trailers: string[], hasSurplus: boolean): void;
}

const HEAD_END = Buffer.from('\r\n\r\n');
const MAX_INTERIM_RESPONSES = 32;

type Reading = 'nothing' | 'head' | 'no-body' | 'length' | 'chunked' | 'until-close';

export class ResponseReader {
  readonly #maxHeadBytes: number;
  readonly #events: ResponseEvents;
  #reading: Reading = 'nothing';
  #isHead = false;
  #interim = 0;
  /** The beginning of a head that is not complete. */
  #partial: Buffer | undefined;
  /** Body bytes still to come under Content-Length. */
  #left = 0;
  #decoder: ChunkedDecoder | undefined;

  constructor(maxHeadBytes: number, events: ResponseEvents) {
    this.#maxHeadBytes = maxHeadBytes;
    this.#events = events;
  }

  /** A request is sent: the next bytes are its response. @param isHead whether that has no body, whatever its head says */
  start(isHead: boolean): void {
    this.#reading = 'head';
    this.#isHead = isHead;
    this.#interim = 0;
  }

  stop(): void {
    this.#reading = 'nothing';
    this.#partial = undefined;
    this.#decoder = undefined;
  }

  get awaitsHead(): boolean {
    return this.#reading === 'head';
  }

  /** Whether the end of the connection is the end of the response, and a proper one. */
  get endsWithConnection(): boolean {
    return this.#reading === 'until-close';
  }

  /** @param bytes not looked at any more when this has returned. @throws ResponseSyntaxError */
  read(bytes: Buffer): void {
    let rest: Buffer | undefined = bytes;
    while (rest !== undefined && this.#reading === 'head') rest = this.#readHead(rest);
    if (rest === undefined || rest.length === 0) return;
    if (this.#reading === 'length') this.#readLength(rest);
    else if (this.#reading === 'chunked') this.#readChunked(rest);
    else if (this.#reading === 'until-close') this.#events.onData(rest);
  }

  /** @returns the bytes behind the head, undefined when the head is not complete or has no body */
  #readHead(bytes: Buffer): Buffer | undefined {
    const all = this.#partial === undefined ? bytes : Buffer.concat([this.#partial, bytes]);
    // The end may be split over two reads: look a little before the new bytes, too.
    const end = all.indexOf(
      HEAD_END,
      this.#partial === undefined ? 0 : Math.max(0, this.#partial.length - 3),
    );
    if ((end === -1 ? all.length : end) > this.#maxHeadBytes) {
      throw new ResponseSyntaxError('response head too large');
    }
    if (end === -1) {
      checkPartialHead(all);
      this.#partial = this.#partial === undefined ? Buffer.from(all) : all;
      return undefined;
    }
    this.#partial = undefined;
    const head = parseResponseHead(all.toString('latin1', 0, end));
    const rest = end + 4 === all.length ? undefined : all.subarray(end + 4);
    if (head.status < 200) {
      this.#onInterim(head);
      return rest;
    }
    this.#prepareBody(head);
    this.#events.onHead(head);
    if (this.#reading !== 'no-body') return rest;
    this.#end([], rest !== undefined);
    return undefined;
  }

  #onInterim(head: ResponseHead): void {
    this.#interim += 1;
    // A 101 that nobody asked for, or a body where none can be, would desynchronise the connection.
    if (head.status === 101 || head.chunked || this.#interim > MAX_INTERIM_RESPONSES) {
      throw new ResponseSyntaxError('unexpected interim response');
    }
    if (head.status !== 100) this.#events.onInterim(head);
  }

  #prepareBody({ status, contentLength, chunked }: ResponseHead): void {
    this.#reading = 'no-body';
    if (this.#isHead || status === 204 || status === 304) return;
    if (chunked) {
      this.#reading = 'chunked';
      this.#decoder = new ChunkedDecoder(this.#maxHeadBytes);
    } else if (contentLength > 0) {
      this.#reading = 'length';
      this.#left = contentLength;
    } else if (contentLength === -1 && status !== 205) {
      // A 205 without framing ends here: waiting for the end of the connection would be its only use of a body.
      this.#reading = 'until-close';
    }
  }

  #readLength(bytes: Buffer): void {
    const surplus = bytes.length - this.#left;
    const data = surplus > 0 ? bytes.subarray(0, this.#left) : bytes;
    this.#left -= data.length;
    this.#events.onData(data);
    if (this.#left === 0 && this.#reading === 'length') this.#end([], surplus > 0);
  }

  #readChunked(bytes: Buffer): void {
    const decoder = this.#decoder;
    if (decoder === undefined) return;
    const used = decoder.decode(bytes, (data) => this.#events.onData(data));
    if (decoder.done && this.#decoder === decoder) this.#end(decoder.trailers, used < bytes.length);
  }

  #end(trailers: string[], hasSurplus: boolean): void {
    this.stop();
    this.#events.onEnd(trailers, hasSurplus);
  }
}
