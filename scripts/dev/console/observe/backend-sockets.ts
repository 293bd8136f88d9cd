/** Connections to the backend: the heads that go out and come in, as they are on the wire. */
import { Socket } from 'node:net';
import type { BackendAddress } from '../../../../src/config/values.ts';
import { type Capture, toBytes } from './capture.ts';
import { captureOfHead } from './under-way.ts';
import { openLine } from './web-socket-lines.ts';

const REQUEST_HEAD = /^[A-Z]+ \S+ HTTP\/1\.1\r\n/;
const HEAD_END = '\r\n\r\n';

/** A WebSocket's bytes go to the backend on a socket that nothing else uses. */
const webSockets = new WeakSet<Capture>();

export function markWebSocket(capture: Capture): void {
  webSockets.add(capture);
}

export function observeBackendSockets(backend: BackendAddress): void {
  const { connect } = Socket.prototype;
  const observed = function (this: Socket, ...args: unknown[]): Socket {
    const socket = Reflect.apply(connect, this, args);
    // Not before: connect() puts the original write() back.
    if (leadsTo(backend, optionsOf(args))) listenIn(this);
    return socket;
  };
  Socket.prototype.connect = observed as typeof connect;
}

interface Target {
  readonly host?: unknown;
  readonly port?: unknown;
  readonly path?: unknown;
}

/** net.connect() hands its arguments over as one list; pg calls connect(port, host). */
export function optionsOf([first, second]: readonly unknown[]): Target {
  if (typeof first === 'number') return { port: first, host: second };
  const options: unknown = Array.isArray(first) ? first[0] : first;
  return typeof options === 'object' && options !== null ? options : {};
}

const leadsTo = (backend: BackendAddress, { host, port, path }: Target) =>
  backend.kind === 'unix' ? path === backend.path : port === backend.port && host === backend.host;

function listenIn(socket: Socket): void {
  let capture: Capture | undefined;
  let frames: ((piece: Uint8Array) => void) | undefined;
  const { write, push } = socket;
  const observedWrite = (...args: unknown[]): boolean => {
    const [chunk, encoding] = args;
    if (typeof chunk === 'string' && REQUEST_HEAD.test(chunk)) {
      // A small body may be behind it.
      const head = chunk.slice(0, chunk.indexOf(HEAD_END) + HEAD_END.length);
      capture = captureOfHead(head);
      capture?.toBackend(head);
      if (capture !== undefined && webSockets.has(capture)) frames = openFrames(capture, socket, write);
    } else if (frames !== undefined) {
      capture?.pass('in', chunk, encoding);
      const result = Reflect.apply(write, socket, args);
      frames(toBytes(chunk, encoding) ?? NOTHING);
      return result;
    }
    return Reflect.apply(write, socket, args);
  };
  socket.write = observedWrite as typeof write;
  // Where the forwarder puts a push of its own in this place, it is for a WebSocket, whose frames the client's side shows.
  socket.push = (chunk: unknown, encoding?: BufferEncoding) => {
    if (Buffer.isBuffer(chunk)) capture?.fromBackend(chunk);
    return push.call(socket, chunk, encoding);
  };
  listenToReads(socket, (bytes) => capture?.fromBackend(bytes));
}

type OnRead = (count: number, memory: Uint8Array) => boolean;

/** Reads into memory of the forwarder's own (`onread` of net.connect) are no push(): node:net calls what it has kept of the option. */
function listenToReads(socket: Socket, onBytes: (bytes: Buffer) => void): void {
  const fields = socket as unknown as Record<symbol, OnRead | null | undefined>;
  const name = Object.getOwnPropertySymbols(socket).find(({ description }) => description === 'kBufferCb');
  const onRead = name === undefined ? undefined : fields[name];
  if (name === undefined || !onRead) return;
  fields[name] = (count, memory) => {
    onBytes(Buffer.from(memory.buffer, memory.byteOffset, count));
    return onRead(count, memory);
  };
}

const NOTHING = new Uint8Array();

function openFrames(capture: Capture, socket: Socket, write: Socket['write']) {
  return openLine(capture.id, 'in', (frame) => {
    capture.pass('in', frame);
    write.call(socket, frame);
  });
}
