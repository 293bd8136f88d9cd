/**
 * Takes the chunked coding off a response body (RFC 9112 §7.1), strictly and in bounded memory, wherever the bytes
 * happen to be split.
 */
import { parseTrailers, ResponseSyntaxError } from './response-head.ts';

/** A size line holds at most 16 hex digits; what follows them are extensions, which nobody uses but attackers. */
const MAX_LINE_BYTES = 256;
const CHUNK_LINE = /^([0-9A-Fa-f]{1,13})[\t ]*(?:;[^\0\r]*)?$/;
const CR = 0x0d;
const LF = 0x0a;

type State = 'size' | 'data' | 'data-end' | 'trailers' | 'done';

export class ChunkedDecoder {
  #state: State = 'size';
  /** Bytes of the current chunk still to come. */
  #left = 0;
  /** A line that is not complete yet. */
  #line = '';
  readonly #maxTrailerBytes: number;
  #trailerText = '';

  constructor(maxTrailerBytes: number) {
    this.#maxTrailerBytes = maxTrailerBytes;
  }

  /** The last chunk and the trailers have been read. */
  get done(): boolean {
    return this.#state === 'done';
  }

  /** Flat pairs; complete once done. */
  get trailers(): string[] {
    return parseTrailers(this.#trailerText);
  }

  /**
   * Reads bytes; `onData` gets views into them.
   * @returns how many bytes belong to this body; fewer than given only when done
   * @throws ResponseSyntaxError
   */
  decode(bytes: Buffer, onData: (data: Buffer) => void): number {
    let at = 0;
    while (at < bytes.length && this.#state !== 'done') {
      if (this.#state === 'data') {
        const take = Math.min(this.#left, bytes.length - at);
        onData(at === 0 && take === bytes.length ? bytes : bytes.subarray(at, at + take));
        at += take;
        this.#left -= take;
        if (this.#left === 0) this.#state = 'data-end';
      } else {
        at = this.#readLine(bytes, at);
      }
    }
    return at;
  }

  /** Collects up to CRLF; a bare LF or CR is refused, as is a line without end. */
  #readLine(bytes: Buffer, from: number): number {
    const lf = bytes.indexOf(LF, from);
    const end = lf === -1 ? bytes.length : lf + 1;
    this.#line += bytes.toString('latin1', from, end);
    if (this.#line.length > (this.#state === 'trailers' ? this.#maxTrailerBytes : MAX_LINE_BYTES)) {
      throw new ResponseSyntaxError('chunk line too long');
    }
    if (lf === -1) return end;
    if (this.#line.charCodeAt(this.#line.length - 2) !== CR)
      throw new ResponseSyntaxError('bare LF in chunked body');
    const line = this.#line.slice(0, -2);
    this.#line = '';
    this.#onLine(line);
    return end;
  }

  #onLine(line: string): void {
    switch (this.#state) {
      case 'size': {
        const size = CHUNK_LINE.exec(line)?.[1];
        if (size === undefined) throw new ResponseSyntaxError('malformed chunk size');
        this.#left = Number.parseInt(size, 16);
        this.#state = this.#left === 0 ? 'trailers' : 'data';
        break;
      }
      case 'data-end':
        if (line !== '') throw new ResponseSyntaxError('chunk longer than its size');
        this.#state = 'size';
        break;
      default:
        if (line === '') {
          this.#state = 'done';
          parseTrailers(this.#trailerText);
          break;
        }
        this.#trailerText += this.#trailerText === '' ? line : `\r\n${line}`;
        if (this.#trailerText.length > this.#maxTrailerBytes)
          throw new ResponseSyntaxError('trailers too large');
    }
  }
}
