/**
 * The backend of a fuzz run: a bare TCP server that hands every connection to the mode that is running.
 */
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { listen } from '../lab/ports.ts';
import { type Reading, type ReadMessage, readRequest } from './reference-reader.ts';

/** Takes over a new connection; errors of the socket are already handled. */
export type ConnectionHandler = (socket: Socket) => void;

export type FuzzBackend = Awaited<ReturnType<typeof startFuzzBackend>>;

export async function startFuzzBackend() {
  let handler: ConnectionHandler = (socket) => socket.destroy();
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    handler(socket);
  });
  return {
    port: await listen(server),
    /** From now on connections go to this handler; those of the one before are closed. */
    handle(next: ConnectionHandler) {
      handler = next;
      for (const socket of sockets) socket.destroy();
    },
    async stop() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

export interface RequestEvents {
  /** The head is there, the body perhaps not; once per request. */
  onHead?(message: Pick<ReadMessage, 'start' | 'fields'>, socket: Socket): void;
  onRequest(message: ReadMessage, socket: Socket): void;
  /** What no strict server would take. */
  onInvalid(why: string, bytes: string): void;
}

/** Reads the requests of one connection, strictly and one after the other. */
export function readConnection(socket: Socket, events: RequestEvents): void {
  let text = '';
  let headSeen = false;
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1');
    for (;;) {
      if (text === '') return;
      if (!headSeen && text.includes('\r\n\r\n')) {
        headSeen = true;
        const head = readHeadOnly(text);
        if (head !== null) events.onHead?.(head, socket);
      }
      const next: Reading = /^[\r\n]/.test(text)
        ? { kind: 'invalid', why: 'an empty line before a request' }
        : readRequest(text, 0);
      if (next.kind === 'incomplete') return;
      if (next.kind === 'invalid') {
        events.onInvalid(next.why, text);
        socket.destroy();
        return;
      }
      text = text.slice(next.message.end);
      headSeen = false;
      events.onRequest(next.message, socket);
    }
  });
  socket.on('end', () => socket.end());
}

/** The head of a request whose body is cut off: read as if it had none. */
function readHeadOnly(text: string): Pick<ReadMessage, 'start' | 'fields'> | null {
  const head = text.slice(0, text.indexOf('\r\n\r\n') + 4);
  const unframed = head.replace(/\r\n(?:content-length|transfer-encoding):[^\r]*/gi, '');
  const read = readRequest(unframed, 0);
  return read.kind === 'complete' ? read.message : null;
}
