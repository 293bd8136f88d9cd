/**
 * WebSockets that talk while a drill goes on: each sends a message, waits for its echo, and so on.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { RawConnection } from '../lab/raw-connection.ts';
import { openWebSocket, serverFrame, textFrame } from '../lab/websocket.ts';

export interface WebSocketOptions {
  readonly port: number;
  readonly count: number;
  /** Opens a new one when one has been closed, as the app does. */
  readonly reopen: boolean;
}

export interface WebSockets {
  open(): number;
  echoed(): number;
  closed(): number;
  /** Handshakes that did not end in 101. */
  refused(): number;
  stop(): Promise<void>;
}

const PATH = '/ws/chat/1';
const PAUSE_MS = 50;

/** Resolves when all are open and have had an echo. @throws Error when one cannot be opened */
export async function keepWebSockets({ port, count, reopen }: WebSocketOptions): Promise<WebSockets> {
  const open = new Set<RawConnection>();
  const counts = { echoed: 0, closed: 0, refused: 0 };
  let stopping = false;

  const connect = async (): Promise<RawConnection | undefined> => {
    const opened = await openWebSocket(port, PATH).catch(() => undefined);
    if (opened === undefined) return undefined;
    if (opened.answer.startLine.includes(' 101 ')) return opened.connection;
    opened.connection.destroy();
    return undefined;
  };
  const talk = async (connection: RawConnection) => {
    open.add(connection);
    try {
      for (let turn = 0; isOpen(connection); turn += 1) {
        await connection.send(textFrame(`turn ${turn}`)).take(serverFrame(`turn ${turn}`));
        counts.echoed += 1;
        await sleep(PAUSE_MS);
      }
    } catch {
      // Closed while it waited for the echo.
    }
    if (!stopping) counts.closed += 1;
    open.delete(connection);
    connection.destroy();
  };
  const keep = async (first: RawConnection) => {
    await talk(first);
    while (reopen && !stopping) {
      const again = await connect();
      if (again !== undefined) await talk(again);
      else {
        counts.refused += 1;
        await sleep(PAUSE_MS);
      }
    }
  };

  const first = await Promise.all(Array.from({ length: count }, connect));
  if (!first.every((connection) => connection !== undefined)) throw new Error('A WebSocket did not open.');
  const running = first.map(keep);
  return {
    open: () => [...open].filter(isOpen).length,
    echoed: () => counts.echoed,
    closed: () => counts.closed,
    refused: () => counts.refused,
    async stop() {
      stopping = true;
      for (const connection of open) connection.destroy();
      await Promise.all(running);
    },
  };
}

const isOpen = ({ ended, failure }: RawConnection): boolean => !ended && failure === undefined;
