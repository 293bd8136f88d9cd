/**
 * One client connection: sends pieces, collects what comes back, ends as it is told.
 */
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

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

export async function converse(options: ConversationOptions): Promise<Conversation> {
  const socket = connect({ port: options.port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
  let received = '';
  let failed = false;
  let wake = () => undefined as unknown;
  socket.on('data', (chunk: Buffer) => {
    received += chunk.toString('latin1');
    wake();
  });
  socket.on('end', () => socket.end());
  socket.on('error', () => {
    failed = true;
  });
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  await sendPieces(socket, options.pieces);
  if (options.leaving === 'reset') {
    await sleep(received.length % 3);
    socket.resetAndDestroy();
    await closed;
    return { received, ended: 'reset' };
  }
  if (options.leaving === 'served') {
    const served = new Promise<void>((resolve) => {
      wake = () => options.isServed(received) && resolve();
      wake();
    });
    await Promise.race([closed, served, sleep(options.quietMs ?? QUIET_MS, undefined, { ref: false })]);
  }
  socket.end();
  const inTime = await Promise.race([closed.then(() => true), sleep(PATIENCE_MS, false, { ref: false })]);
  socket.destroy();
  return { received, ended: !inTime ? 'left open' : failed ? 'reset' : 'closed' };
}

/** Pieces as writes of their own, some of them a moment apart. */
export async function sendPieces(socket: Socket, pieces: readonly string[]): Promise<void> {
  for (const [i, piece] of pieces.entries()) {
    if (socket.destroyed) return;
    if (i > 0) await (i % 3 === 0 ? sleep(1) : new Promise(setImmediate));
    socket.write(piece, 'latin1');
  }
}
