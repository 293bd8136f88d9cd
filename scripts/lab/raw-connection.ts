/**
 * One TCP connection as bytes: what a test sends is exactly what goes out, what it reads is exactly what came in
 * (as latin1, a char per byte).
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** A test that waits longer than this for bytes has failed, ms. */
const PATIENCE_MS = 30_000;

export interface RawMessage {
  /** Request line or status line. */
  readonly startLine: string;
  /** Header lines in order, as sent. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Body with chunked coding removed. */
  readonly body: string;
  /** Trailer lines of a chunked body. */
  readonly trailers: readonly string[];
  /** Everything, as it came. */
  readonly raw: string;
  /** First value of a header, by any case. */
  header(name: string): string | undefined;
}

export class RawConnection {
  readonly socket: Socket;
  #received = '';
  #ended = false;
  #failure: Error | undefined;
  readonly #waiters = new Set<() => void>();

  /** Resolves when it is over on both sides. */
  readonly over: Promise<void>;

  constructor(socket: Socket) {
    this.socket = socket;
    this.over = new Promise((resolve) => socket.once('close', () => resolve()));
    const wake = () => {
      for (const waiter of [...this.#waiters]) waiter();
    };
    socket.on('data', (chunk: Buffer) => {
      this.#received += chunk.toString('latin1');
      wake();
    });
    socket.on('end', () => {
      this.#ended = true;
      wake();
    });
    socket.on('error', (error) => {
      this.#failure = error;
      wake();
    });
    socket.on('close', () => {
      this.#ended = true;
      wake();
    });
  }

  /** Bytes received and not yet taken. */
  get received(): string {
    return this.#received;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** The error that broke the connection, e.g. a reset. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  send(bytes: string | Buffer): this {
    this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
    return this;
  }

  /** Resolves when `done` answers true for the bytes received; rejects at the end of the stream or when it takes too long. */
  async until(
    done: (received: string, ended: boolean) => boolean,
    what = 'bytes',
    patienceMs = PATIENCE_MS,
  ): Promise<void> {
    if (done(this.#received, this.#ended)) return;
    await new Promise<void>((resolve, reject) => {
      const settle = (action: () => void) => {
        clearTimeout(timer);
        this.#waiters.delete(check);
        action();
      };
      const check = () => {
        if (done(this.#received, this.#ended)) settle(resolve);
        else if (this.#ended || this.#failure) settle(() => reject(this.#missing(what)));
      };
      const timer = setTimeout(() => settle(() => reject(this.#missing(what))), patienceMs);
      this.#waiters.add(check);
    });
  }

  #missing(what: string): Error {
    const state = this.#failure ? `broken (${this.#failure.message})` : this.#ended ? 'ended' : 'open';
    return new Error(
      `no ${what}; connection ${state}; received: ${JSON.stringify(this.#received.slice(0, 500))}`,
    );
  }

  /** Waits for a text and takes everything up to its end. */
  async take(text: string): Promise<string> {
    await this.until((received) => received.includes(text), JSON.stringify(text));
    return this.#cut(this.#received.indexOf(text) + text.length);
  }

  /** Takes what is there. */
  takeAll(): string {
    return this.#cut(this.#received.length);
  }

  /** Waits until the other side has closed (or reset); returns what is left unread. */
  async closed(): Promise<string> {
    await this.until((_, ended) => ended || this.#failure !== undefined, 'end of the connection');
    return this.#received;
  }

  /** Reads one HTTP message. @param bodyless for a response to HEAD, and 1xx/204/304 are known by themselves */
  async message({ bodyless = false } = {}): Promise<RawMessage> {
    const head = await this.take('\r\n\r\n');
    const [startLine = '', ...lines] = head.slice(0, -4).split('\r\n');
    const headers = lines.map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon), line.slice(colon + 1).trim()] as const;
    });
    const header = (name: string) => headers.find(([n]) => n.toLowerCase() === name.toLowerCase())?.[1];
    const noBody = bodyless || /^HTTP\/1\.[01] (1\d\d|204|304)/.test(startLine);
    const { body, trailers, raw } = noBody ? NO_BODY : await this.#body(startLine, header);
    return { startLine, headers, body, trailers, raw: head + raw, header };
  }

  async #body(startLine: string, header: (name: string) => string | undefined) {
    if (header('transfer-encoding') !== undefined) return this.#chunkedBody();
    const length = header('content-length');
    if (length !== undefined) {
      await this.until((received) => received.length >= Number(length), `${length} bytes of body`);
      const body = this.#cut(Number(length));
      return { body, trailers: [], raw: body };
    }
    if (!startLine.startsWith('HTTP/')) return NO_BODY;
    await this.closed();
    const body = this.#cut(this.#received.length);
    return { body, trailers: [], raw: body };
  }

  async #chunkedBody() {
    let body = '';
    let raw = '';
    for (;;) {
      const sizeLine = await this.take('\r\n');
      raw += sizeLine;
      const size = Number.parseInt(sizeLine, 16);
      if (size === 0) break;
      await this.until((received) => received.length >= size + 2, 'a chunk');
      const chunk = this.#cut(size + 2);
      raw += chunk;
      body += chunk.slice(0, -2);
    }
    const trailers: string[] = [];
    for (;;) {
      const line = await this.take('\r\n');
      raw += line;
      if (line === '\r\n') return { body, trailers, raw };
      trailers.push(line.slice(0, -2));
    }
  }

  #cut(length: number): string {
    const taken = this.#received.slice(0, length);
    this.#received = this.#received.slice(length);
    return taken;
  }

  /** Half-closes: no more bytes from us. */
  end(): void {
    this.socket.end();
  }

  /** Closes with RST. */
  reset(): void {
    this.socket.resetAndDestroy();
  }

  destroy(): void {
    this.socket.destroy();
  }
}

const NO_BODY = { body: '', trailers: [] as string[], raw: '' };

/** Connects to a loopback port. */
export async function connectRaw(port: number): Promise<RawConnection> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
  const connection = new RawConnection(socket);
  await once(socket, 'connect');
  return connection;
}

/** Sends bytes on a new connection and reads one response; the connection is closed afterwards. */
export async function exchangeRaw(
  port: number,
  bytes: string,
  options?: { bodyless?: boolean },
): Promise<RawMessage> {
  const connection = await connectRaw(port);
  try {
    return await connection.send(bytes).message(options);
  } finally {
    connection.destroy();
  }
}
