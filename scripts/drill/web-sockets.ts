/**
 * WebSockets that talk while a drill goes on: each sends a message, waits for its echo, and so on.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';

export interface WebSocketOptions {
  readonly port: number;
  readonly count: number;
  /** Opens a new one when one has been closed, as the app does. */
  readonly reopen: boolean;
}

export interface WebSockets {
  open(): number;
  closed(): number;
  /** Handshakes that did not end in 101. */
  refused(): number;
  stop(): Promise<void>;
}

const PAUSE_MS = 50;

/** Resolves when all are open. @throws Error when one cannot be opened */
export async function keepWebSockets({ port, count, reopen }: WebSocketOptions): Promise<WebSockets> {
  const open = new Set<WebSocket>();
  const counts = { closed: 0, refused: 0 };
  let stopping = false;
  const connect = () =>
    new Promise<WebSocket | null>((done) => {
      const socket = new WebSocket(`ws://127.0.0.1:${port}/ws/chat/1`);
      socket.once('open', () => done(socket)).on('error', () => done(null));
    });
  const talk = async (socket: WebSocket) => {
    open.add(socket);
    await conversation(socket);
    if (!stopping) counts.closed += 1;
    open.delete(socket);
  };
  const keep = async (first: WebSocket) => {
    await talk(first);
    while (reopen && !stopping) {
      const again = await connect();
      if (again !== null) await talk(again);
      else {
        counts.refused += 1;
        await sleep(PAUSE_MS);
      }
    }
  };
  const first = await Promise.all(Array.from({ length: count }, connect));
  if (!first.every((socket) => socket !== null)) throw new Error('A WebSocket did not open.');
  const running = first.map(keep);
  return {
    open: () => [...open].filter(({ readyState }) => readyState === WebSocket.OPEN).length,
    closed: () => counts.closed,
    refused: () => counts.refused,
    async stop() {
      stopping = true;
      for (const socket of open) socket.terminate();
      await Promise.all(running);
    },
  };
}

/** Resolves when it has been closed, also by a wrong echo. */
function conversation(socket: WebSocket): Promise<void> {
  let turn = 0;
  const say = () => socket.send(`turn ${turn}`);
  socket.on('message', async (echo) => {
    if (String(echo) !== `turn ${turn}`) return socket.terminate();
    turn += 1;
    await sleep(PAUSE_MS);
    say();
  });
  say();
  return new Promise((over) => socket.once('close', () => over()));
}
