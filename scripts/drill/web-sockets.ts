/**
 * WebSockets that talk while a drill goes on: each sends a message, waits for its echo, and so on.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { until } from '../lab/programs.ts';
import { type Figure, none, some } from './drill.ts';

export interface WebSocketOptions {
  readonly port: number;
  readonly count: number;
  /** Opens a new one so long after one has been closed, as the app does, ms; null: never. */
  readonly reopenAfterMs: number | null;
}

export interface WebSockets {
  open(): number;
  /** When those of each client were closed, performance.now(). */
  closedAt(): readonly (readonly number[])[];
  /** Resolves when all are. */
  untilOpen(): Promise<void>;
  /** Handshakes that did not end in 101. */
  refused(): number;
  stop(): Promise<void>;
}

/** As the app does. */
export const REOPEN_AFTER_MS = 500;
const PAUSE_MS = 50;
/** A restart on a busy machine is waited for. */
const HANDSHAKE_TIMEOUT_MS = 60_000;

/** Resolves when all are open. @throws Error when one cannot be opened */
export async function keepWebSockets({ port, count, reopenAfterMs }: WebSocketOptions): Promise<WebSockets> {
  const open = new Set<WebSocket>();
  const closedAt: number[][] = [];
  let refused = 0;
  let stopping = false;
  const talk = async (socket: WebSocket, client: number) => {
    open.add(socket);
    await conversation(socket);
    if (!stopping) closedAt[client]?.push(performance.now());
    open.delete(socket);
  };
  const keep = async (first: WebSocket, client: number) => {
    closedAt[client] = [];
    await talk(first, client);
    while (reopenAfterMs !== null && !stopping) {
      await sleep(reopenAfterMs);
      const again = await openWebSocket(port);
      if (again instanceof WebSocket) await talk(again, client);
      else refused += 1;
    }
  };
  const first = await Promise.all(Array.from({ length: count }, () => openWebSocket(port)));
  const opened = first.filter((socket) => socket instanceof WebSocket);
  if (opened.length < count) throw new Error('A WebSocket did not open.');
  const running = opened.map(keep);
  const isOpen = ({ readyState }: WebSocket) => readyState === WebSocket.OPEN;
  return {
    open: () => [...open].filter(isOpen).length,
    untilOpen: () => until('all WebSockets to be open', () => [...open].filter(isOpen).length === count),
    closedAt: () => closedAt,
    refused: () => refused,
    async stop() {
      stopping = true;
      for (const socket of open) socket.terminate();
      await Promise.all(running);
    },
  };
}

export interface HandshakeCounts {
  readonly opened: number;
  /** Why the others did not open. */
  readonly refusals: readonly string[];
}

export interface Handshakes {
  /** Sends no more. */
  stop(): Promise<HandshakeCounts>;
}

/** Each client opens a WebSocket on a new connection, closes it, and opens the next. */
export function startHandshakes(port: number, clients: number): Handshakes {
  let stopping = false;
  let opened = 0;
  const refusals: string[] = [];
  const running = Array.from({ length: clients }, async () => {
    while (!stopping) {
      const socket = await openWebSocket(port);
      if (socket instanceof WebSocket) {
        opened += 1;
        socket.terminate();
      } else refusals.push(socket.message);
      await sleep(PAUSE_MS);
    }
  });
  return {
    async stop() {
      stopping = true;
      await Promise.all(running);
      return { opened, refusals };
    },
  };
}

/** What a restart may do to WebSockets, and what not. All must have been open before each. */
export function webSocketFigures(
  webSockets: WebSockets,
  { opened, refusals }: HandshakeCounts,
  restartedAt: readonly number[],
): Figure[] {
  const closedAt = webSockets.closedAt();
  const restartOf = (at: number) => restartedAt.findLastIndex((restart) => restart <= at);
  const closed = closedAt.flat().length;
  const inDifferentRestarts = closedAt.flatMap((times) => [...new Set(times.map(restartOf))]).length;
  return [
    some('WebSocket handshakes', opened),
    ...refusals.map((reason) => none(`handshakes that failed: ${reason}`, 1)),
    some('WebSockets closed by who leaves', closed, restartedAt.length * closedAt.length),
    none('WebSockets closed twice in one restart', closed - inDifferentRestarts),
    none('WebSockets that could not be opened again', webSockets.refused()),
  ];
}

/** @returns the error instead when the answer is no 101, or there is none */
function openWebSocket(port: number): Promise<WebSocket | Error> {
  return new Promise((done) => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/ws/chat/1`, {
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    });
    socket.once('open', () => done(socket)).on('error', done);
  });
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
