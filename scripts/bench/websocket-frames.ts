/**
 * RFC 6455 §5.2 frames with payloads below 126 bytes: all that the echo needs. Ready-made bytes and not `ws`, whose parser
 * and masks would take more of the core of load and upstream than the proxy takes of its own.
 */
import { createHash } from 'node:crypto';

/** Bytes of text in an echoed frame: a chat message. */
const PAYLOAD_BYTES = 100;
const TEXT_FRAME = 0x81;
const MASKED = 0x80;
const MASK = Buffer.from([0x5a, 0xc3, 0x17, 0x8e]);

/** Two bytes of header, four of mask. */
const CLIENT_HEADER_BYTES = 6;
export const CLIENT_FRAME_BYTES = CLIENT_HEADER_BYTES + PAYLOAD_BYTES;
export const SERVER_FRAME_BYTES = 2 + PAYLOAD_BYTES;

/** A frame as a client sends it. */
export function clientFrame(text: string): Buffer {
  const frame = Buffer.alloc(CLIENT_FRAME_BYTES, '.');
  frame[0] = TEXT_FRAME;
  frame[1] = MASKED | PAYLOAD_BYTES;
  MASK.copy(frame, 2);
  frame.write(text, CLIENT_HEADER_BYTES);
  for (let i = CLIENT_HEADER_BYTES; i < frame.length; i += 1) frame[i] = unmasked(frame, i);
  return frame;
}

/** The same text as a server sends it. */
export function serverFrame(text: string): Buffer {
  const frame = Buffer.alloc(SERVER_FRAME_BYTES, '.');
  frame[0] = TEXT_FRAME;
  frame[1] = PAYLOAD_BYTES;
  frame.write(text, 2);
  return frame;
}

/** The server's echo of a client's frame. @returns undefined for any other frame, a close frame for instance */
export function echoOf(frame: Buffer): Buffer | undefined {
  if (frame[0] !== TEXT_FRAME || frame[1] !== (MASKED | PAYLOAD_BYTES)) return undefined;
  const echo = Buffer.allocUnsafe(SERVER_FRAME_BYTES);
  echo[0] = TEXT_FRAME;
  echo[1] = PAYLOAD_BYTES;
  for (let i = CLIENT_HEADER_BYTES; i < frame.length; i += 1) {
    echo[i - CLIENT_HEADER_BYTES + 2] = unmasked(frame, i);
  }
  return echo;
}

const unmasked = (frame: Buffer, i: number): number =>
  (frame[i] ?? 0) ^ (frame[2 + ((i - CLIENT_HEADER_BYTES) & 3)] ?? 0);

/** Sec-WebSocket-Accept for a key (RFC 6455 §4.2.2). */
export const acceptFor = (key: string): string =>
  createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
