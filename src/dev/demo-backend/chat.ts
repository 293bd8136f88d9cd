/**
 * `/ws/chat/{user_id}`: JSON text frames, passed on to everyone in the same room and echoed to the sender. Just enough
 * of RFC 6455 for a demo.
 */
import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'; // RFC 6455 §1.3
const PING_EVERY_MS = 20_000;
const MAX_MESSAGE_BYTES = 1024 * 1024;
const TEXT = 1;
const CLOSE = 8;
const PING = 9;
const PONG = 10;

/** Takes upgrade requests; anything but a chat room is refused as Starlette refuses it, with 403. */
export function createChat(): (req: IncomingMessage, socket: Duplex) => void {
  const rooms = new Map<string, Set<Duplex>>();
  return (req, socket) => {
    socket.on('error', () => socket.destroy());
    const room = /^\/ws\/chat\/([^/?]+)/.exec(req.url ?? '')?.[1];
    const key = req.headers['sec-websocket-key'];
    if (room === undefined || key === undefined) {
      socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
      return;
    }
    const accept = createHash('sha1')
      .update(key + GUID)
      .digest('base64');
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
    );
    const members = rooms.get(room) ?? new Set();
    rooms.set(room, members.add(socket));
    const pings = setInterval(() => socket.write(frame(PING, Buffer.alloc(0))), PING_EVERY_MS);
    socket.once('close', () => {
      clearInterval(pings);
      members.delete(socket);
    });
    readFrames(socket, (opcode, payload) => {
      if (opcode === TEXT) for (const member of members) member.write(frame(TEXT, payload));
      else if (opcode === PING) socket.write(frame(PONG, payload));
      else if (opcode === CLOSE) socket.end(frame(CLOSE, payload));
    });
  };
}

/** Clients' frames are masked (RFC 6455 §5.3); fragments are not needed here. */
function readFrames(socket: Duplex, onFrame: (opcode: number, payload: Buffer) => void): void {
  let pending = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    pending = Buffer.concat([pending, chunk]);
    for (;;) {
      const parsed = parseFrame(pending);
      if (parsed === null) break;
      pending = pending.subarray(parsed.size);
      onFrame(parsed.opcode, parsed.payload);
    }
    if (pending.length > MAX_MESSAGE_BYTES) socket.destroy();
  });
}

function parseFrame(bytes: Buffer): { opcode: number; payload: Buffer; size: number } | null {
  if (bytes.length < 6) return null;
  const short = bytes.readUInt8(1) & 0x7f;
  const lengthBytes = short === 126 ? 2 : short === 127 ? 8 : 0;
  if (bytes.length < 6 + lengthBytes) return null;
  const length =
    short === 126 ? bytes.readUInt16BE(2) : short === 127 ? Number(bytes.readBigUInt64BE(2)) : short;
  const start = 6 + lengthBytes;
  if (bytes.length < start + length) return null;
  const mask = bytes.subarray(start - 4, start);
  const payload = Buffer.from(bytes.subarray(start, start + length));
  for (let i = 0; i < payload.length; i += 1) payload[i] = (payload[i] ?? 0) ^ (mask[i % 4] ?? 0);
  return { opcode: bytes.readUInt8(0) & 0x0f, payload, size: start + length };
}

function frame(opcode: number, payload: Buffer): Buffer {
  const head = payload.length < 126 ? Buffer.alloc(2) : Buffer.alloc(payload.length < 65_536 ? 4 : 10);
  head.writeUInt8(0x80 | opcode, 0);
  if (head.length === 2) head.writeUInt8(payload.length, 1);
  else if (head.length === 4) {
    head.writeUInt8(126, 1);
    head.writeUInt16BE(payload.length, 2);
  } else {
    head.writeUInt8(127, 1);
    head.writeBigUInt64BE(BigInt(payload.length), 2);
  }
  return Buffer.concat([head, payload]);
}
