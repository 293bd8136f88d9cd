/** Takes the messages of the sidecar's processes, of those that know the key. */
import { timingSafeEqual } from 'node:crypto';
import { createServer, type Server, type Socket } from 'node:net';
import { frameReader } from '../framing.ts';
import type { SidecarMessage } from '../messages.ts';
import type { Records } from './records.ts';

/** A server for them; it does not listen yet. */
export function createReceiver(records: Records, key: string): Server {
  return createServer({ noDelay: true }, (socket) => receive(socket, records, key));
}

function receive(socket: Socket, records: Records, key: string): void {
  let pid: number | undefined;
  const read = frameReader<SidecarMessage>((messages) => {
    for (const message of messages) {
      if (pid !== undefined) records.take(message);
      else if (message.type === 'hello' && isSame(message.key, key)) pid = message.pid;
      else throw new Error('somebody without the key');
    }
  });
  socket.on('data', (piece) => {
    try {
      read(piece);
    } catch {
      socket.destroy();
    }
  });
  socket.on('error', () => socket.destroy());
  socket.on('close', () => pid !== undefined && records.cutOff(pid));
}

function isSame(given: string, key: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(key)];
  return a.length === b.length && timingSafeEqual(a, b);
}
