/**
 * A client that behaves as HTTP/1.1 asks: keeps its connection, leaves it when told to or when the other side has
 * closed it, and repeats a request that was lost on an idle connection only if it may (as Nginx does before us).
 */
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { RawConnection, type RawMessage } from '../lab/raw-connection.ts';
import { judge, type LoadRequest, REASON, type Sample } from './sample.ts';

const CONNECT_TIMEOUT_MS = 10_000;
const WAITS = 3;

export class KeepAliveClient {
  readonly #port: number;
  readonly #ca: Buffer | undefined;
  #connection: RawConnection | undefined;
  /** Connections that the other side has closed between two requests, without having announced it. */
  closedWhileIdle = 0;

  /** @param ca whose certificate to trust; without it there is no TLS */
  constructor(port: number, ca?: Buffer) {
    this.#port = port;
    this.#ca = ca;
  }

  /** Connects ahead of the first request; a failure shows with that one. */
  async open(): Promise<void> {
    await this.#connect();
  }

  /**
   * Sends one request and waits for what becomes of it; never throws.
   * @param readAfterMs leaves the answer in the kernel for so long, as a slow client does
   */
  async perform(request: LoadRequest, { readAfterMs = 0 } = {}): Promise<Sample> {
    const startedAt = performance.now();
    const first = await this.#attempt(request, readAfterMs);
    const raced = first.reason === REASON.lostOnIdle;
    const last = raced && request.method === 'GET' ? await this.#attempt(request, 0) : first;
    const { id, label, method } = request;
    return { ...last, id, label, method, raced, startedAt, endedAt: performance.now() };
  }

  close(): void {
    this.#connection?.destroy();
    this.#connection = undefined;
  }

  async #attempt(request: LoadRequest, readAfterMs: number): Promise<Verdict> {
    const isReused = this.#isUsable();
    if (this.#connection !== undefined && !isReused) this.closedWhileIdle += 1;
    const connection = isReused ? this.#connection : await this.#connect();
    if (connection === undefined) return { outcome: 'failed', status: null, reason: REASON.notConnected };
    const bytesBefore = connection.socket.bytesRead;
    try {
      connection.send(request.bytes);
      if (readAfterMs > 0) await readLater(connection, readAfterMs);
      await firstByte(connection);
      const answer = await connection.message();
      if (saysClose(answer)) this.close();
      return judge(request, answer);
    } catch {
      const isSilent = connection.socket.bytesRead === bytesBefore;
      this.close();
      return { outcome: 'failed', status: null, reason: reasonOf(isBroken(connection), isSilent, isReused) };
    }
  }

  /** Idle and open, as far as one can know. */
  #isUsable(): boolean {
    const connection = this.#connection;
    if (connection === undefined) return false;
    return !isBroken(connection) && connection.received === '';
  }

  /** undefined: refused, or not in time. */
  async #connect(): Promise<RawConnection | undefined> {
    this.close();
    const ca = this.#ca;
    const to = { port: this.#port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true };
    const socket = ca === undefined ? connect(to) : connectTls({ ...to, ca });
    try {
      await once(socket, ca === undefined ? 'connect' : 'secureConnect', {
        signal: AbortSignal.timeout(CONNECT_TIMEOUT_MS),
      });
    } catch {
      socket.on('error', () => undefined).destroy();
      return undefined;
    }
    this.#connection = new RawConnection(socket);
    return this.#connection;
  }
}

/** RawConnection waits 10 s; the app waits 30 (docs/contract.md, 3). @throws when none comes */
async function firstByte(connection: RawConnection): Promise<void> {
  for (let wait = 1; ; wait += 1) {
    try {
      return await connection.until((received) => received !== '', 'answer');
    } catch (error) {
      if (wait === WAITS || isBroken(connection)) throw error;
    }
  }
}

const isBroken = ({ ended, failure }: RawConnection): boolean => ended || failure !== undefined;

async function readLater({ socket }: RawConnection, ms: number): Promise<void> {
  socket.pause();
  await sleep(ms);
  socket.resume();
}

type Verdict = Pick<Sample, 'outcome' | 'status' | 'reason'>;

const saysClose = (answer: RawMessage): boolean =>
  /\bclose\b/i.test(answer.header('connection') ?? '') || answer.startLine.startsWith('HTTP/1.0');

function reasonOf(isOver: boolean, isSilent: boolean, isReused: boolean): string {
  if (!isOver) return REASON.hung;
  if (!isSilent) return REASON.cut;
  return isReused ? REASON.lostOnIdle : REASON.unanswered;
}
