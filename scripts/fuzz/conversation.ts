/**
 * Connections of the fuzz: pieces that are sent, what comes back, and how each side leaves.
 */
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { RawConnection } from '../lab/raw-connection.ts';
import { type Reading, readFinalResponse } from './reference-reader.ts';

/** How the client leaves: when it has all it expects, with a FIN or RST behind its last byte, or not before the server. */
export type Leaving = 'served' | 'fin' | 'reset';

export interface ConversationOptions {
  readonly port: number;
  readonly pieces: readonly string[];
  readonly leaving: Leaving;
  /** Whether enough has been received to leave (`served`). */
  readonly isServed: (received: string) => boolean;
  /** A client that is not served leaves after this, ms. */
  readonly quietMs?: number;
}

export interface Conversation {
  /** As latin1. */
  readonly received: string;
  /** How it ended, or that it did not within PATIENCE_MS after our FIN. */
  readonly ended: 'closed' | 'reset' | 'left open';
}

const QUIET_MS = 2_000;
/** A server that has not closed this long after our FIN hangs, ms. */
const PATIENCE_MS = 5_000;
const ANSWER_PATIENCE_MS = 8_000;

/** A connection that answers a FIN with a FIN; a failure to connect is its end. */
export function openConnection(port: number): RawConnection {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
  socket.on('end', () => socket.end());
  return new RawConnection(socket);
}

export async function converse(options: ConversationOptions): Promise<Conversation> {
  const connection = openConnection(options.port);
  await sendPieces(connection.socket, options.pieces);
  if (options.leaving === 'reset') {
    await sleep(connection.received.length % 3);
    connection.reset();
    await connection.over;
    return { received: connection.received, ended: 'reset' };
  }
  if (options.leaving === 'served') {
    const isServed = (received: string, ended: boolean) => ended || options.isServed(received);
    await connection.until(isServed, 'answers', options.quietMs ?? QUIET_MS).catch(() => undefined);
  }
  connection.end();
  const inTime = await Promise.race([
    connection.over.then(() => true),
    sleep(PATIENCE_MS, false, { ref: false }),
  ]);
  connection.destroy();
  const { received, failure } = connection;
  return { received, ended: !inTime ? 'left open' : failure === undefined ? 'closed' : 'reset' };
}

/** Pieces as writes of their own, some of them a moment apart. */
export async function sendPieces(socket: Socket, pieces: readonly string[]): Promise<void> {
  for (const [i, piece] of pieces.entries()) {
    if (socket.destroyed) return;
    if (i > 0) await (i % 3 === 0 ? sleep(1) : new Promise(setImmediate));
    socket.write(piece, 'latin1');
  }
}

export interface Answer {
  /** Everything received for this request, as latin1. */
  readonly received: string;
  readonly reading: Reading;
  /** The connection is still open. */
  readonly open: boolean;
}

/** A client that sends one request after the other on one connection, and opens a new one when it must. */
export class KeepAliveClient {
  readonly #port: number;
  #connection: RawConnection | undefined;

  constructor(port: number) {
    this.#port = port;
  }

  /** Sends a request and waits for the whole answer or the end of the connection. */
  async send(method: string, bytes: string): Promise<Answer> {
    const connection = this.#open();
    const read = () => readFinalResponse(connection.received, method, connection.ended);
    const isOver = () => connection.ended || read().kind !== 'incomplete';
    await connection
      .send(bytes)
      .until(isOver, 'an answer', ANSWER_PATIENCE_MS)
      .catch(() => undefined);
    const open = !connection.ended;
    let reading = read();
    const received = connection.takeAll();
    // Bytes behind an answer belong to nobody; the next request must not find them.
    const more = reading.kind === 'complete' && reading.message.end < received.length;
    if (more) reading = { kind: 'invalid', why: 'bytes behind the response' };
    const closes = reading.kind !== 'complete' || /\r\nconnection: close\r\n/i.test(received);
    if (closes || !open) this.close();
    return { received, reading, open };
  }

  #open(): RawConnection {
    if (this.#connection?.ended || !this.#connection?.socket.writable) {
      this.close();
      this.#connection = openConnection(this.#port);
    }
    return this.#connection;
  }

  close(): void {
    this.#connection?.destroy();
    this.#connection = undefined;
  }
}
