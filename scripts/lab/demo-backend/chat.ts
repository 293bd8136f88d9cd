/**
 * `/ws/chat/{user_id}`: JSON text messages, passed on to everyone in the same room, the sender included.
 */
import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import {
  CLOSE_CODE,
  closeFrame,
  createFrameReader,
  encodeFrame,
  type Frame,
  OPCODE,
} from './websocket-frames.ts';

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'; // RFC 6455 §1.3
/** uvicorn's --ws-ping-interval. */
const PING_EVERY_MS = 20_000;
const MAX_MESSAGE_BYTES = 1024 * 1024;

export interface Chat {
  /** For the server's `upgrade` event; anything but a room is refused as Starlette does it, with 403. */
  accept(req: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** Says goodbye (1001) to everyone. */
  closeAll(): void;
}

type Rooms = Map<string, Set<Duplex>>;

export function createChat(): Chat {
  const rooms: Rooms = new Map();
  return {
    accept(req, socket, head) {
      socket.on('error', () => socket.destroy());
      const room = /^\/ws\/chat\/([^/?]+)(?:\?|$)/.exec(req.url ?? '')?.[1];
      const key = req.headers['sec-websocket-key'];
      if (room === undefined || key === undefined) {
        socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
        return;
      }
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${acceptKey(key)}\r\n\r\n`,
      );
      join(rooms, room, socket);
      // Frames that came in one packet with the request.
      if (head.length > 0) socket.unshift(head);
    },
    closeAll() {
      for (const members of rooms.values()) {
        for (const socket of members) socket.end(closeFrame(CLOSE_CODE.goingAway), () => socket.destroy());
      }
    },
  };
}

const acceptKey = (key: string) => createHash('sha1').update(`${key}${GUID}`).digest('base64');

function join(rooms: Rooms, room: string, socket: Duplex): void {
  const members = rooms.get(room) ?? new Set();
  rooms.set(room, members.add(socket));
  const pings = setInterval(() => socket.write(encodeFrame(OPCODE.ping, Buffer.alloc(0))), PING_EVERY_MS);
  socket.once('close', () => {
    clearInterval(pings);
    members.delete(socket);
    if (members.size === 0 && rooms.get(room) === members) rooms.delete(room);
  });
  const readFrames = createFrameReader(MAX_MESSAGE_BYTES);
  const onFrame = createConversation(socket, (message) => {
    for (const member of members) if (member.writable) member.write(encodeFrame(OPCODE.text, message));
  });
  socket.on('data', (chunk: Buffer) => {
    if (!socket.writable) return;
    const { frames, closeCode } = readFrames(chunk);
    for (const frame of frames) onFrame(frame);
    if (closeCode !== null && socket.writable) socket.end(closeFrame(closeCode));
  });
}

/** What one client's frames mean. Control frames may stand between the parts of a message (RFC 6455 §5.4). */
function createConversation(socket: Duplex, onMessage: (message: Buffer) => void): (frame: Frame) => void {
  let parts: Buffer[] = [];
  let bytes = 0;
  return ({ opcode, isLast, payload }) => {
    if (!socket.writable) return;
    if (opcode === OPCODE.close) socket.end(encodeFrame(OPCODE.close, payload));
    else if (opcode === OPCODE.ping) socket.write(encodeFrame(OPCODE.pong, payload));
    else if (opcode === OPCODE.text || opcode === OPCODE.continuation) {
      bytes += payload.length;
      if (bytes > MAX_MESSAGE_BYTES) return void socket.end(closeFrame(CLOSE_CODE.tooBig));
      parts.push(payload);
      if (!isLast) return;
      onMessage(Buffer.concat(parts));
      parts = [];
      bytes = 0;
    } else if (opcode !== OPCODE.pong) socket.end(closeFrame(CLOSE_CODE.unsupported));
  };
}
