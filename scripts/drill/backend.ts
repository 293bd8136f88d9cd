/**
 * The backend of the drills, a program of its own so that it can be killed: a bare TCP server that does what the query
 * of each request says and closes idle connections when it was told to.
 */
import { openSync, writeSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { parseArgs } from 'node:util';
import { createFrameReader, encodeFrame, OPCODE } from '../lab/demo-backend/websocket-frames.ts';
import { SWITCHING } from '../lab/websocket.ts';
import { journalLine } from './journal.ts';

const { values: options } = parseArgs({
  options: {
    port: { type: 'string', default: '' },
    journal: { type: 'string', default: '' },
    /** An idle connection is closed after this, ms; 0: never. */
    'idle-close-ms': { type: 'string', default: '0' },
    /** Takes a connection's second request and closes without a word: the worst moment there is. */
    'close-on-next': { type: 'boolean', default: false },
  },
});

const IDLE_CLOSE_MS = Number(options['idle-close-ms']);
/** Between the first half of a body and the reset: a reset throws away what the other side has not read, ms. */
const BEFORE_RESET_MS = 20;
const MAX_FRAME_BYTES = 1_000;

const journal = openSync(options.journal, 'a');
let closedInRaces = 0;

interface Request {
  readonly method: string;
  readonly id: string;
  readonly query: URLSearchParams;
  readonly isUpgrade: boolean;
  readonly bodyLength: number;
}

class BackendConnection {
  readonly #socket: Socket;
  #pending = '';
  #served = 0;
  #idle: NodeJS.Timeout | undefined;
  #readFrames: ReturnType<typeof createFrameReader> | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => this.#onData(chunk));
    socket.on('error', () => socket.destroy());
    socket.on('close', () => clearTimeout(this.#idle));
  }

  #onData(chunk: Buffer): void {
    if (this.#readFrames !== undefined) {
      this.#echoFrames(chunk);
      return;
    }
    clearTimeout(this.#idle);
    this.#pending += chunk.toString('latin1');
    const headEnd = this.#pending.indexOf('\r\n\r\n');
    if (headEnd === -1) return;
    const request = parse(this.#pending.slice(0, headEnd));
    if (options['close-on-next'] && this.#served > 0) {
      writeSync(journal, journalLine(request.method, request.id));
      this.#closeInRace();
      return;
    }
    if (this.#pending.length < headEnd + 4 + request.bodyLength) return;
    this.#pending = this.#pending.slice(headEnd + 4 + request.bodyLength);
    if (!request.isUpgrade) writeSync(journal, journalLine(request.method, request.id));
    this.#serve(request);
  }

  /** In turns as a process that closes (FIN, or RST for unread bytes) and as one that died (RST). */
  #closeInRace(): void {
    closedInRaces += 1;
    if (closedInRaces % 2 === 0) this.#socket.resetAndDestroy();
    else this.#socket.destroy();
  }

  #serve(request: Request): void {
    const act = request.query.get('act') ?? 'answer';
    const delayMs = Number(request.query.get('delay'));
    if (request.isUpgrade) {
      this.#readFrames = createFrameReader(MAX_FRAME_BYTES);
      this.#socket.write(SWITCHING);
    } else if (act.startsWith('cut-')) this.#cut(act, bodyFor(request));
    else if (act === 'stall') return;
    else if (delayMs > 0) setTimeout(() => this.#answer(request), delayMs);
    else this.#answer(request);
  }

  #answer(request: Request): void {
    const body = bodyFor(request);
    this.#socket.write(
      `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    );
    this.#served += 1;
    // close(2), as uvicorn's transport does: what arrives afterwards is answered with RST.
    if (IDLE_CLOSE_MS > 0) this.#idle = setTimeout(() => this.#socket.destroy(), IDLE_CLOSE_MS);
  }

  #cut(act: string, body: string): void {
    const half = body.slice(0, body.length / 2);
    const framing: Record<string, string> = {
      'cut-length': `content-length: ${body.length}\r\n\r\n${half}`,
      'cut-chunked': `transfer-encoding: chunked\r\n\r\n${half.length.toString(16)}\r\n${half}\r\n`,
      'cut-close': `connection: close\r\n\r\n${half}`,
    };
    this.#socket.write(`HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n${framing[act]}`);
    setTimeout(() => this.#socket.resetAndDestroy(), BEFORE_RESET_MS);
  }

  #echoFrames(chunk: Buffer): void {
    for (const { opcode, payload } of this.#readFrames?.(chunk).frames ?? []) {
      if (opcode === OPCODE.text) this.#socket.write(encodeFrame(OPCODE.text, payload));
    }
  }
}

function parse(head: string): Request {
  const [method = '', target = ''] = head.split(' ', 2);
  const url = new URL(target, 'http://backend');
  return {
    method,
    id: url.pathname.slice(url.pathname.lastIndexOf('/') + 1),
    query: url.searchParams,
    isUpgrade: /\r\nupgrade: websocket/i.test(head),
    bodyLength: Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0),
  };
}

const bodyFor = ({ id, query, bodyLength }: Request): string =>
  JSON.stringify({ id, received: bodyLength, padding: 'x'.repeat(Number(query.get('bytes'))) });

createServer({ noDelay: true }, (socket) => new BackendConnection(socket)).listen(
  Number(options.port),
  '127.0.0.1',
);
