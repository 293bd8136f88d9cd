/** Does to one request what a rule says. */
import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { clientConnectionOf } from '../../../../src/edge/client-connection.ts';
import type { FaultRule } from '../faults.ts';

/** Framing and connection are node:http's own. */
const OF_NODE = new Set([
  'content-length',
  'transfer-encoding',
  'connection',
  'keep-alive',
  'content-encoding',
  'date',
]);
/** Often enough to look steady, ms. */
const TRICKLE_EVERY_MS = 100;

/** @param goOn hands the request to the sidecar */
export function applyFault(
  rule: FaultRule,
  req: IncomingMessage,
  res: ServerResponse,
  goOn: () => void,
): void {
  switch (rule.kind) {
    case 'delay':
      delay(rule.delayMs, res, goOn);
      break;
    case 'error':
      answer(req, res, { status: 502, headers: [['Content-Type', 'application/json']], body: ERROR_BODY });
      break;
    case 'answer':
      answer(req, res, rule);
      break;
    case 'cut':
      cutAfter(rule.afterBytes, res);
      goOn();
      break;
    case 'trickle':
      trickle(rule.bytesPerSecond, res);
      goOn();
      break;
  }
}

/** The same for the handshake of a WebSocket. @param goOn hands it to the sidecar */
export function applyUpgradeFault(rule: FaultRule, socket: Duplex, goOn: () => void): void {
  // Nobody else listens to it yet.
  socket.on('error', noCallback);
  switch (rule.kind) {
    case 'delay': {
      const timer = setTimeout(goOn, rule.delayMs);
      socket.once('close', () => clearTimeout(timer));
      break;
    }
    case 'error':
      socket.end(
        rawAnswer({ status: 502, headers: [['Content-Type', 'application/json']], body: ERROR_BODY }),
      );
      break;
    case 'answer':
      socket.end(rawAnswer(rule));
      break;
    case 'cut':
      cutSocketAfter(rule.afterBytes, socket);
      goOn();
      break;
    case 'trickle':
      // Of an answer's body, which it has not.
      goOn();
      break;
  }
}

function rawAnswer({ status, headers, body }: Pick<FaultRule, 'status' | 'headers' | 'body'>): string {
  const own = headers.filter(([name]) => !OF_NODE.has(name.toLowerCase()));
  const lines = [
    ...own.map((pair) => pair.join(': ')),
    ...[`Content-Length: ${Buffer.byteLength(body)}`, 'Connection: close'],
  ];
  return `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${lines.join('\r\n')}\r\n\r\n${body}`;
}

/** The handshake is not counted: it breaks so many bytes of frames later. */
function cutSocketAfter(bytes: number, socket: Duplex): void {
  let left: number | undefined;
  const write = socket.write.bind(socket) as (...args: unknown[]) => boolean;
  const observed = (...args: unknown[]): boolean => {
    const piece = toBuffer(args[0], args[1]);
    if (left === undefined) {
      const end = piece.indexOf(HEAD_END);
      if (end === -1) return write(...args);
      left = bytes + end + HEAD_END.length;
    }
    const kept = piece.subarray(0, left);
    left -= kept.length;
    return left > 0 ? write(...args) : write(kept, () => socket.destroy());
  };
  socket.write = observed as typeof socket.write;
}

const HEAD_END = '\r\n\r\n';

const ERROR_BODY = JSON.stringify({
  detail: 'The development console answers 502 for this path: a fault is switched on there.',
  code: 'console_fault',
});

function delay(ms: number, res: ServerResponse, goOn: () => void): void {
  const timer = setTimeout(goOn, ms);
  res.once('close', () => clearTimeout(timer));
}

function answer(
  req: IncomingMessage,
  res: ServerResponse,
  { status, headers, body }: Pick<FaultRule, 'status' | 'headers' | 'body'>,
): void {
  clientConnectionOf(req.socket).onRequest();
  // A body that nobody waits for must not be taken for the next request.
  if (!req.complete) res.shouldKeepAlive = false;
  req.resume();
  res.statusCode = status;
  for (const [name, value] of headers) if (!OF_NODE.has(name.toLowerCase())) res.appendHeader(name, value);
  res.end(status === 204 || status === 304 ? undefined : body);
}

/** The connection breaks in the middle of the body, as when a proxy or a network goes away. */
function cutAfter(bytes: number, res: ServerResponse): void {
  let left = bytes;
  const write = res.write.bind(res) as Write;
  const pass = (args: readonly unknown[], isLast: boolean): boolean => {
    const piece = toBuffer(args[0] ?? '', args[1]);
    const kept = piece.subarray(0, left);
    left -= kept.length;
    const isOver = isLast || left === 0;
    return write(kept, isOver ? () => res.socket?.destroy() : noCallback);
  };
  res.write = ((...args: unknown[]) => pass(args, false)) as typeof res.write;
  res.end = ((...args: unknown[]) => {
    pass(args, true);
    return res;
  }) as typeof res.end;
}

type Write = (chunk: Buffer, callback: () => void) => boolean;

const noCallback = () => undefined;

/** Hands the body out so slowly; whoever writes it is told to wait, as for a slow client. */
function trickle(bytesPerSecond: number, res: ServerResponse): void {
  const [write, end] = [res.write.bind(res) as Write, res.end.bind(res)];
  const atOnce = Math.max(1, Math.round((bytesPerSecond * TRICKLE_EVERY_MS) / 1_000));
  let queue = Buffer.alloc(0);
  let isEnded = false;
  const written: (() => void)[] = [];
  const timer = setInterval(() => {
    if (queue.length > 0) write(queue.subarray(0, atOnce), noCallback);
    queue = queue.subarray(atOnce);
    if (queue.length > 0) return;
    for (const tell of written.splice(0)) tell();
    if (isEnded) {
      clearInterval(timer);
      end();
    } else res.emit('drain');
  }, TRICKLE_EVERY_MS);
  res.on('close', () => clearInterval(timer));
  const take = (args: readonly unknown[]) => {
    const [chunk, encoding] = args;
    queue = Buffer.concat([queue, toBuffer(chunk ?? '', encoding)]);
    const callback = args.findLast((arg) => typeof arg === 'function');
    if (callback !== undefined) written.push(callback as () => void);
  };
  res.write = ((...args: unknown[]) => {
    take(args);
    return false;
  }) as typeof res.write;
  res.end = ((...args: unknown[]) => {
    take(args);
    isEnded = true;
    return res;
  }) as typeof res.end;
}

const toBuffer = (chunk: unknown, encoding: unknown): Buffer =>
  typeof chunk === 'string'
    ? Buffer.from(chunk, typeof encoding === 'string' ? (encoding as BufferEncoding) : 'utf8')
    : Buffer.from((chunk ?? []) as Uint8Array);
