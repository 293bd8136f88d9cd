/**
 * Just enough of RFC 6455's framing for a demo server: text messages in one or several frames, ping, pong, close.
 */

export const OPCODE = { continuation: 0, text: 1, close: 8, ping: 9, pong: 10 } as const;

/** Close codes, RFC 6455 §7.4.1. */
export const CLOSE_CODE = { protocolError: 1002, unsupported: 1003, tooBig: 1009, goingAway: 1001 } as const;

export interface Frame {
  readonly opcode: number;
  readonly isLast: boolean;
  readonly payload: Buffer;
}

export type FrameReader = (chunk: Buffer) => {
  readonly frames: readonly Frame[];
  readonly closeCode: number | null;
};

/** Collects bytes and cuts whole client frames from them. @param maxBytes a longer frame asks for close code 1009 */
export function createFrameReader(maxBytes: number): FrameReader {
  let pending = Buffer.alloc(0);
  return (chunk) => {
    pending = Buffer.concat([pending, chunk]);
    const frames: Frame[] = [];
    for (;;) {
      const head = parseHead(pending);
      if (head === null) return { frames, closeCode: null };
      // A client that does not mask breaks the protocol (§5.1).
      if (!head.isMasked) return { frames, closeCode: CLOSE_CODE.protocolError };
      if (head.length > maxBytes) return { frames, closeCode: CLOSE_CODE.tooBig };
      const end = head.size + head.length;
      if (pending.length < end) return { frames, closeCode: null };
      frames.push({
        opcode: head.opcode,
        isLast: head.isLast,
        payload: unmask(pending.subarray(head.size, end), pending.subarray(head.size - 4, head.size)),
      });
      pending = pending.subarray(end);
    }
  };
}

/** One unmasked frame, as servers send them. */
export function encodeFrame(opcode: number, payload: Buffer): Buffer {
  const length = payload.length;
  const head = Buffer.alloc(length < 126 ? 2 : length < 65_536 ? 4 : 10);
  head.writeUInt8(0x80 | opcode, 0);
  if (head.length === 2) head.writeUInt8(length, 1);
  else if (head.length === 4) {
    head.writeUInt8(126, 1);
    head.writeUInt16BE(length, 2);
  } else {
    head.writeUInt8(127, 1);
    head.writeBigUInt64BE(BigInt(length), 2);
  }
  return Buffer.concat([head, payload]);
}

export function closeFrame(code: number): Buffer {
  const payload = Buffer.alloc(2);
  payload.writeUInt16BE(code);
  return encodeFrame(OPCODE.close, payload);
}

/** §5.2; null until the head is there. `size` counts the mask. */
function parseHead(bytes: Buffer) {
  if (bytes.length < 2) return null;
  const first = bytes.readUInt8(0);
  const second = bytes.readUInt8(1);
  const short = second & 0x7f;
  const lengthBytes = short === 126 ? 2 : short === 127 ? 8 : 0;
  const isMasked = (second & 0x80) !== 0;
  const size = 2 + lengthBytes + (isMasked ? 4 : 0);
  if (bytes.length < size) return null;
  const length =
    lengthBytes === 0 ? short : lengthBytes === 2 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
  return { opcode: first & 0x0f, isLast: (first & 0x80) !== 0, isMasked, length, size };
}

function unmask(masked: Buffer, mask: Buffer): Buffer {
  return Buffer.from(masked.map((byte, index) => byte ^ (mask[index % 4] ?? 0)));
}
