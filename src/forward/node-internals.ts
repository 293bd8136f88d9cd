/**
 * The only file that touches what node:http and node:net keep to themselves. None of it is promised to stay:
 * test/forward/node-internals.test.ts fails with a sentence when a release of Node changes one of these.
 */
import type { Agent, ClientRequest, IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { http } from '../node-http.ts';

// What node:http is at on a connection; its own error handling goes by the same fields.

interface ConnectionInternals {
  _httpMessage?: ServerResponse | null;
  parser?: { incoming?: IncomingMessage | null; finish(): Error | undefined } | null;
}

const connection = (socket: Socket) => socket as Socket & ConnectionInternals;

/** The response that is being written. */
export const responseUnderWay = (socket: Socket) => connection(socket)._httpMessage ?? undefined;

/** The request within whose body the parser is. */
export function requestUnderWay(socket: Socket): IncomingMessage | undefined {
  const incoming = connection(socket).parser?.incoming;
  return incoming?.complete === false ? incoming : undefined;
}

/**
 * Whether the parser is within a request, head or body; asked as node:http does when the client ends the connection. Empty
 * lines in front of a request do not count (RFC 9112 §2.2).
 */
export const isWithinRequest = (socket: Socket) => connection(socket).parser?.finish() instanceof Error;

/** Puts `end` in the place of what node:http calls behind a last answer, which closes without reading what still comes. */
export function onLastAnswer(socket: Socket, end: (this: Socket) => void): void {
  socket.destroySoon = end;
}

/**
 * Takes the timer away by which node:http closes a connection that is idle (`keepAliveTimeout`), and nothing else; it makes a
 * new one behind each answer. Whoever does this has a clock of his own.
 */
export function withoutTimer(socket: Socket): void {
  socket.setTimeout = returnThis;
}

function returnThis<T>(this: T): T {
  return this;
}

// What node:http reads of a request before anybody else does.

/** `te` on HTTP/1.0 only. */
const FRAMING = new Set(['content-length', 'transfer-encoding', 'expect', 'te']);
const FRAMING_LENGTHS = new Set(Array.from(FRAMING, (name) => name.length));
const TAKEN = Symbol('taken');

interface RequestInternals {
  [TAKEN]?: true;
  _addHeaderLine(name: string, value: string, headers: IncomingHttpHeaders): void;
}
/**
 * For createServer(): requests whose `headers` hold nothing but what node:http itself looks for, until they are taken. For these
 * few it makes the object of all of them, which was four per cent of a small GET, and nobody looks at those of a forwarded
 * request. One that may leave HTTP has all of them.
 */
export function createRequestClass(): typeof IncomingMessage {
  class Request extends http.IncomingMessage {}
  const all = Object.getOwnPropertyDescriptor(http.IncomingMessage.prototype, 'headers');
  const get = all?.get;
  if (get === undefined) return Request;
  Object.defineProperty(Request.prototype, 'headers', {
    ...all,
    get(this: Request & RequestInternals & { upgrade: boolean }) {
      return this[TAKEN] || this.upgrade ? get.call(this) : framingOf(this);
    },
  });
  return Request;
}

function framingOf(request: IncomingMessage & RequestInternals): IncomingHttpHeaders {
  const { rawHeaders } = request;
  const framing = {};
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string;
    if (FRAMING_LENGTHS.has(name.length) && FRAMING.has(name.toLowerCase()))
      request._addHeaderLine(name, rawHeaders[i + 1] as string, framing);
  }
  return framing;
}

/** From now on it has all of its headers. */
export function takeRequest(req: IncomingMessage & { [TAKEN]?: true }): void {
  req[TAKEN] = true;
}

/**
 * Closes a request of which all has been read without a word, as node:http does with one that has no body. Otherwise it tells of
 * its end, destroys itself and tells of that, tick by tick: four per cent of a small POST.
 */
export function closeRead(req: Readable & { _dumpAndCloseReadable?: () => void }): void {
  req._dumpAndCloseReadable?.();
}

// What node:http keeps of a message between its head and its end.

interface MessageInternals {
  _header: string | null;
  _hasBody: boolean;
  _expect_continue: boolean;
  _sent100: boolean;
  _last: boolean;
  _trailer: string;
}

const message = (of: ServerResponse | ClientRequest) => of as unknown as MessageInternals;

/** False for the answer to a HEAD. */
export const mayHaveBody = (res: ServerResponse) => message(res)._hasBody;

/**
 * The client waits for a 100 that has not been sent. Behind any other answer nobody can tell whether its body still comes, so
 * the connection ends (RFC 9110 §10.1.1).
 */
export const owesContinue = (res: ServerResponse) => message(res)._expect_continue && !message(res)._sent100;

/** From now on what is written as its body is dropped. */
export function withoutBody(res: ServerResponse): void {
  message(res)._hasBody = false;
}

/** Sends `head`, complete with its empty line, with the first write() or end(), and frames what follows accordingly. */
export function setResponseHead(
  res: ServerResponse,
  head: string,
  isChunked: boolean,
  keepsConnection: boolean,
): void {
  res.chunkedEncoding = isChunked;
  message(res)._last = !keepsConnection;
  message(res)._header = head;
}

/** Sends `lines` behind the last chunk, with end(). */
export function setTrailers(res: ServerResponse, lines: string): void {
  message(res)._trailer = lines;
}

/** Sends `head`, complete with its empty line, with end(). */
export function setRequestHead(req: ClientRequest, head: string): void {
  message(req)._header = head;
}

/** For the answer; a limit that node:http takes from its options only, bytes. */
export function setMaxAnswerHead(req: ClientRequest, bytes: number): void {
  Object.assign(req, { maxHeaderSize: bytes });
}

/** An agent that opens a connection for each request and keeps none: all that node:http asks of one. */
export function agentOf(open: () => Socket): Agent {
  const agent = { addRequest: (req: ClientRequest) => req.onSocket(open()) };
  return agent as unknown as Agent;
}

// Sockets.

/**
 * Makes destroy() send a reset. Not net.Socket's resetAndDestroy(): it ends the socket first, so a FIN goes out whenever
 * something is still to be written, and libuv then refuses the reset (EINVAL) and leaves the descriptor open for good. For
 * the same reason a socket that has been ended gets none. A unix socket knows no reset.
 */
export function resetOnDestroy(socket: Socket): void {
  const { _handle: handle } = socket as Socket & { _handle?: { reset?: unknown } | null };
  if (!socket.writableEnded && handle?.reset !== undefined) Object.assign(socket, { resetAndClosing: true });
}

/**
 * Asks `isKept` before the socket destroys itself. When that is said of a failed write, the socket can still be read: Node
 * marks its reading side as failed, too, and would drop what comes.
 */
export function onDestroy(socket: Socket, isKept: (error?: Error) => boolean): void {
  const { destroy } = socket;
  const { _readableState: reading } = socket as Socket & { _readableState: { errored: Error | null } };
  socket.destroy = (error) => {
    if (!isKept(error)) return destroy.call(socket, error);
    reading.errored = null;
    return socket;
  };
}

type ReadInto<S> = (this: S, count: number, memory: Buffer) => boolean;
interface Reading {
  readonly _handle?: { useUserBuffer(memory: Buffer): void } | null;
}

/**
 * From now on the socket reads into `memory`, and `onRead` gets what came, before anything else is read into it; false stops it. It
 * is what `onread` of net.connect does, which is not offered for the connections that a server accepts. The end comes as before.
 * The socket must hold no bytes that were read before.
 */
export function readInto<S extends Socket & Reading>(socket: S, memory: Buffer, onRead: ReadInto<S>): void {
  const [kBuffer, kBufferCb] = readingSymbolsOf(socket);
  Object.assign(socket, { [kBuffer]: memory, [kBufferCb]: onRead });
  socket._handle?.useUserBuffer(memory);
}

let readingSymbols: readonly [symbol, symbol] | undefined;

function readingSymbolsOf(socket: Socket): readonly [symbol, symbol] {
  const named = (name: string) =>
    Object.getOwnPropertySymbols(socket).find(({ description }) => description === name) ?? Symbol(name);
  readingSymbols ??= [named('kBuffer'), named('kBufferCb')];
  return readingSymbols;
}

/** Reads on where `onRead` returned false. */
export const readOn = (socket: Socket) => socket._read(0);
