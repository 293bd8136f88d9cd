/** RFC 6455 as much as the console needs it: where frames begin and end, what is in them, and making one. */
import { randomBytes } from 'node:crypto';

export interface RawFrame {
  readonly fin: boolean;
  /** RSV1: compressed (RFC 7692). */
  readonly isCompressed: boolean;
  readonly opcode: number;
  /** Unmasked; empty for one that is too large to be kept. */
  readonly payload: Buffer;
  readonly bytes: number;
}

export const OPCODES = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

const MAX_KEPT_BYTES = 1024 * 1024;

interface Header {
  readonly fin: boolean;
  readonly isCompressed: boolean;
  readonly opcode: number;
  readonly mask: Buffer | null;
  readonly length: number;
  readonly size: number;
}

/** Null: more bytes are needed. */
function readHeader(bytes: Buffer): Header | null {
  if (bytes.length < 2) return null;
  const [first = 0, second = 0] = bytes;
  const short = second & 0x7f;
  const lengthBytes = short === 126 ? 2 : short === 127 ? 8 : 0;
  const isMasked = (second & 0x80) !== 0;
  const size = 2 + lengthBytes + (isMasked ? 4 : 0);
  if (bytes.length < size) return null;
  const length =
    lengthBytes === 0 ? short : lengthBytes === 2 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
  const mask = isMasked ? Buffer.from(bytes.subarray(size - 4, size)) : null;
  return {
    fin: (first & 0x80) !== 0,
    isCompressed: (first & 0x40) !== 0,
    opcode: first & 0x0f,
    mask,
    length,
    size,
  };
}

/** @returns a reader of one direction's bytes, in whatever pieces they come */
export function frameSplitter(onFrame: (frame: RawFrame) => void): (piece: Uint8Array) => void {
  let unread: Buffer = Buffer.alloc(0);
  let toSkip = 0;
  return (piece) => {
    const skipped = Math.min(toSkip, piece.length);
    toSkip -= skipped;
    unread = Buffer.concat([unread, piece.subarray(skipped)]);
    for (;;) {
      const header = readHeader(unread);
      if (header === null) return;
      const { size, length, mask, ...rest } = header;
      const isKept = length <= MAX_KEPT_BYTES;
      if (isKept && unread.length < size + length) return;
      const payload = isKept ? Buffer.from(unread.subarray(size, size + length)) : Buffer.alloc(0);
      if (mask !== null)
        for (let i = 0; i < payload.length; i += 1) payload[i] = (payload[i] ?? 0) ^ (mask[i % 4] ?? 0);
      if (!isKept) toSkip = Math.max(0, size + length - unread.length);
      unread = unread.subarray(Math.min(unread.length, size + length));
      onFrame({ ...rest, payload, bytes: length });
    }
  };
}

/** Follows one direction's bytes only so far as to know where another frame may be put in. */
export class FrameBoundary {
  #header: Buffer = Buffer.alloc(0);
  #left = 0;
  #isWithinMessage = false;

  pass(piece: Uint8Array): void {
    let at = 0;
    while (at < piece.length) {
      if (this.#left > 0) {
        const passed = Math.min(this.#left, piece.length - at);
        this.#left -= passed;
        at += passed;
        continue;
      }
      this.#header = Buffer.concat([this.#header, piece.subarray(at, at + 1)]);
      at += 1;
      const header = readHeader(this.#header);
      if (header === null) continue;
      this.#header = Buffer.alloc(0);
      this.#left = header.length;
      if (header.opcode < OPCODES.close) this.#isWithinMessage = !header.fin;
    }
  }

  /** Whether a frame may begin here; one of data not between the frames of a message either (RFC 6455 §5.4). */
  get isFree(): boolean {
    return this.#left === 0 && this.#header.length === 0 && !this.#isWithinMessage;
  }
}

/** A whole frame. @param isMasked as every client's must be (RFC 6455 §5.3) */
export function makeFrame(opcode: number, payload: Buffer, isMasked: boolean): Buffer {
  const { length } = payload;
  const lengthBytes = length < 126 ? 0 : length < 65_536 ? 2 : 8;
  const head = Buffer.alloc(2 + lengthBytes);
  head[0] = 0x80 | opcode;
  head[1] = (isMasked ? 0x80 : 0) | (lengthBytes === 0 ? length : lengthBytes === 2 ? 126 : 127);
  if (lengthBytes === 2) head.writeUInt16BE(length, 2);
  if (lengthBytes === 8) head.writeBigUInt64BE(BigInt(length), 2);
  if (!isMasked) return Buffer.concat([head, payload]);
  const mask = randomBytes(4);
  return Buffer.concat([head, mask, payload.map((byte, i) => byte ^ (mask[i % 4] ?? 0))]);
}

/** A close frame's payload. */
export function closePayload(code: number, reason = ''): Buffer {
  const payload = Buffer.alloc(2);
  payload.writeUInt16BE(code);
  return Buffer.concat([payload, Buffer.from(reason)]);
}
