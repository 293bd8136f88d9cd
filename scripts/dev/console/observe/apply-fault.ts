/** Does to one request what a rule says. */
import type { IncomingMessage, ServerResponse } from 'node:http';
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
