/**
 * `/ws/chat/{user_id}`: JSON text messages, passed on to everyone in the same room, the sender included.
 */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';

/** uvicorn's --ws-ping-interval. */
const PING_EVERY_MS = 20_000;
const MAX_MESSAGE_BYTES = 1024 * 1024;
/** For a client that does not say goodbye. */
const CLOSE_TIMEOUT_MS = 500;
/** RFC 6455 §7.4.1. */
const CLOSE_CODE = { goingAway: 1001, unsupported: 1003 } as const;

export interface Chat {
  /** For the server's `upgrade` event; anything but a room is refused as Starlette does it, with 403. */
  accept(req: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** Says goodbye to everyone. */
  closeAll(): void;
}

export function createChat(): Chat {
  const rooms = new Map<string, Set<WebSocket>>();
  // Compression is on, as in uvicorn.
  const limits = { maxPayload: MAX_MESSAGE_BYTES, closeTimeout: CLOSE_TIMEOUT_MS };
  const server = new WebSocketServer({ noServer: true, perMessageDeflate: true, ...limits });
  const pings = setInterval(() => {
    for (const member of server.clients) member.ping();
  }, PING_EVERY_MS);
  return {
    accept(req, socket, head) {
      const room = /^\/ws\/chat\/([^/?]+)(?:\?|$)/.exec(req.url ?? '')?.[1];
      if (room !== undefined) server.handleUpgrade(req, socket, head, (member) => join(rooms, room, member));
      else {
        socket.on('error', () => socket.destroy());
        socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
      }
    },
    closeAll() {
      clearInterval(pings);
      for (const member of server.clients) member.close(CLOSE_CODE.goingAway);
    },
  };
}

function join(rooms: Map<string, Set<WebSocket>>, room: string, member: WebSocket): void {
  const members = rooms.get(room) ?? new Set();
  rooms.set(room, members.add(member));
  member.on('message', (message, isBinary) => {
    if (isBinary) return member.close(CLOSE_CODE.unsupported);
    for (const one of members) one.send(message, { binary: false });
  });
  // What breaks the protocol is answered with a close frame; `close` follows.
  member.on('error', () => undefined);
  member.once('close', () => {
    members.delete(member);
    if (members.size === 0 && rooms.get(room) === members) rooms.delete(room);
  });
}
