/** A request to the private Nginx, byte by byte, and what came of it: at the listener behind it, and back here. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import type { Arrival, NginxCopy } from './nginx-copy.ts';

export interface Probe {
  readonly method?: string;
  readonly path: string;
  /** HTTP/1.0 allows it. */
  readonly isWithoutHost?: boolean;
  /** With its line end each. */
  readonly head?: string;
  readonly body?: string;
  /** Over when this holds; otherwise when something has come back. */
  readonly isOver?: (answer: string, arrival: Arrival | null) => boolean;
  /** Sent when the answer has begun. */
  readonly reply?: string;
  readonly patienceMs?: number;
}

export interface ProbeOutcome {
  /** null: nothing was sent on. */
  readonly arrival: Arrival | null;
  /** Head and body; empty: nothing came. */
  readonly answer: string;
  readonly status: number | null;
}

const PATIENCE_MS = 3_000;
const POLL_MS = 10;

/** @throws Error of the connection */
export async function probe(copy: NginxCopy, asked: Probe, signal: AbortSignal): Promise<ProbeOutcome> {
  const {
    method = 'GET',
    path,
    isWithoutHost = false,
    head = '',
    body = '',
    reply,
    patienceMs = PATIENCE_MS,
  } = asked;
  const { isOver = (answer) => answer.includes('\r\n\r\n') } = asked;
  const before = copy.arrivals.length;
  const where = { host: '127.0.0.1', port: copy.port };
  const socket = copy.isTls ? connectTls({ ...where, rejectUnauthorized: false }) : connect(where);
  let answer = '';
  let isClosed = false;
  socket.on('data', (bytes) => {
    if (answer === '' && reply !== undefined) socket.write(reply);
    answer += bytes.toString('latin1');
  });
  socket
    .on('error', () => undefined)
    .on('close', () => {
      isClosed = true;
    });
  try {
    await once(socket, copy.isTls ? 'secureConnect' : 'connect', { signal });
    const first = isWithoutHost ? 'HTTP/1.0' : `HTTP/1.1\r\nHost: ${copy.host}`;
    socket.write(`${method} ${path} ${first}\r\n${head}\r\n${body}`);
    const arrival = () => copy.arrivals[before] ?? null;
    const giveUpAt = performance.now() + patienceMs;
    while (!isOver(answer, arrival()) && !isClosed && performance.now() < giveUpAt)
      await sleep(POLL_MS, undefined, { signal });
    const status = /^HTTP\/1\.\d (\d{3})/.exec(answer)?.[1];
    return { arrival: arrival(), answer, status: status === undefined ? null : Number(status) };
  } finally {
    socket.destroy();
  }
}
