/** Takes the messages of the sidecar's processes, of those that know the key. */
import { timingSafeEqual } from 'node:crypto';
import { createServer, type Server, type Socket } from 'node:net';
import { type Faults, NO_FAULTS } from '../faults.ts';
import { frame, frameReader } from '../framing.ts';
import type { ConsoleMessage, SidecarMessage, Way } from '../messages.ts';
import type { Records } from './records.ts';

export interface Receiver {
  /** It does not listen yet. */
  readonly server: Server;
  /** Tells every process of the sidecar, those that come later as well. */
  setFaults(faults: Faults): void;
  /** @returns false: the process that had it has gone */
  sendFrame(id: string, way: Way, frame: Buffer): boolean;
}

export function createReceiver(records: Records, key: string): Receiver {
  const processes = new Map<number, Socket>();
  let faults = NO_FAULTS;
  const tell = (socket: Socket, message: ConsoleMessage) => socket.write(frame([message]));
  const server = createServer({ noDelay: true }, (socket) =>
    receive(socket, records, key, (pid) => {
      processes.set(pid, socket);
      socket.once('close', () => processes.get(pid) === socket && processes.delete(pid));
      tell(socket, { type: 'faults', faults });
    }),
  );
  return {
    server,
    setFaults(wanted) {
      faults = wanted;
      for (const socket of processes.values()) tell(socket, { type: 'faults', faults });
    },
    sendFrame(id, way, bytes) {
      const socket = processes.get(Number(id.split('-')[0]));
      if (socket === undefined) return false;
      tell(socket, { type: 'frame', id, way, frame: bytes });
      return true;
    },
  };
}

function receive(socket: Socket, records: Records, key: string, onKnown: (pid: number) => void): void {
  let pid: number | undefined;
  const read = frameReader<SidecarMessage>((messages) => {
    for (const message of messages) {
      if (pid !== undefined) records.take(message);
      else if (message.type === 'hello' && isSame(message.key, key)) {
        pid = message.pid;
        onKnown(pid);
      } else throw new Error('somebody without the key');
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
