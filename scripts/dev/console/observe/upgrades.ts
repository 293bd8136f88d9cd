/** A WebSocket as it passes: its handshake, then its frames, both ways. */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { markWebSocket } from './backend-sockets.ts';
import { Capture, toBytes } from './capture.ts';
import type { Sender } from './sender.ts';
import { begin, finish } from './under-way.ts';
import { closeLines, openLine } from './web-socket-lines.ts';

const HEAD_END = '\r\n\r\n';

/** The 101, or a refusal, and then the frames: all of it is written to the client's socket. */
export function captureUpgrade(req: IncomingMessage, socket: Duplex, sender: Sender): Capture {
  const capture = new Capture(req, sender, true);
  begin(capture);
  markWebSocket(capture);
  const { write, end } = socket;
  let head: string | undefined = '';
  const pass = ([chunk, encoding]: readonly unknown[]) => {
    capture.marks.firstOut ??= capture.since();
    if (head === undefined) {
      capture.pass('out', chunk, encoding);
      return;
    }
    if (typeof chunk !== 'string' && !(chunk instanceof Uint8Array)) return;
    head += typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('latin1');
    const end = head.indexOf(HEAD_END);
    if (end === -1) return;
    capture.responseHead = head.slice(0, end + HEAD_END.length);
    capture.status = Number(/^HTTP\/1\.\d (\d{3})/.exec(head)?.[1] ?? 0);
    capture.pass('out', head.slice(end + HEAD_END.length), 'latin1');
    head = undefined;
    capture.answering();
  };
  const frames = openLine(capture.id, 'out', (frame) => {
    capture.pass('out', frame);
    Reflect.apply(write, socket, [frame]);
  });
  const observedWrite = (...args: unknown[]): boolean => {
    const isFrames = head === undefined;
    pass(args);
    const result = Reflect.apply(write, socket, args);
    const bytes = isFrames ? toBytes(args[0], args[1]) : null;
    if (bytes !== null) frames(bytes);
    return result;
  };
  const observedEnd = (...args: unknown[]) => {
    pass(args);
    return Reflect.apply(end, socket, args);
  };
  socket.write = observedWrite as typeof write;
  socket.end = observedEnd as typeof end;
  socket.once('close', () => {
    finish(capture);
    closeLines(capture.id);
    if (capture.status === 0) capture.status = 499;
    const requestId = /\r\nx-request-id: *([^\r]+)/i.exec(capture.responseHead)?.[1] ?? '';
    capture.end({ requestId, isAborted: false });
  });
  return capture;
}
