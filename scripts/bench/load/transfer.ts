/**
 * One large body, down or up, every byte of it checked.
 */
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { downloadRequest, isPattern, patternSlice, receivedBody, uploadHead } from '../traffic.ts';
import { openLoadSocket, readAnswer } from './clients.ts';
import type { LoadResult } from './messages.ts';

/** One write, bytes: what a browser sends of a file at a time. */
const WRITE_BYTES = 64 * 1024;

/** Told once when the answer is complete, or with what is wrong about it. */
type Finish = (wrong?: string) => void;

/** Downloads `bytes`. @throws Error when the answer is wrong or broken off */
export function download(port: number, bytes: number): Promise<LoadResult> {
  return transfer(port, (socket, finish) => {
    let head: Buffer | undefined = Buffer.alloc(0);
    let received = 0;
    socket.on('data', (chunk: Buffer) => {
      let body = chunk;
      if (head !== undefined) {
        head = Buffer.concat([head, chunk]);
        const end = head.indexOf('\r\n\r\n');
        if (end === -1) return;
        if (!isDownloadHead(head.toString('latin1', 0, end), bytes))
          finish(`a wrong answer:\n${head.toString('latin1', 0, end)}`);
        body = head.subarray(end + 4);
        head = undefined;
      }
      if (!isPattern(body, received)) finish(`a wrong byte in a download, after ${received}`);
      received += body.length;
      if (received >= bytes) finish(received === bytes ? undefined : 'more bytes than announced');
    });
    socket.write(downloadRequest(bytes));
  });
}

const isDownloadHead = (head: string, bytes: number): boolean =>
  head.startsWith('HTTP/1.1 200 ') && Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1]) === bytes;

/** Uploads `bytes`. @throws Error when the answer is wrong or broken off */
export function upload(port: number, bytes: number): Promise<LoadResult> {
  return transfer(port, (socket, finish) => {
    let pending: Buffer = Buffer.alloc(0);
    socket.on('data', (chunk: Buffer) => {
      pending = Buffer.concat([pending, chunk]);
      const answer = readAnswer(pending, receivedBody(bytes));
      if (answer === 'right') finish();
      else if (answer !== 'incomplete') finish(answer.wrong);
    });
    socket.write(uploadHead(bytes));
    sendBody(socket, bytes);
  });
}

function sendBody(socket: Socket, bytes: number): void {
  let sent = 0;
  const send = () => {
    let flowing = true;
    while (flowing && sent < bytes) {
      const slice = patternSlice(sent, Math.min(WRITE_BYTES, bytes - sent));
      sent += slice.length;
      flowing = socket.write(slice);
    }
  };
  socket.on('drain', send);
  send();
}

/** @param begin sends the request */
async function transfer(port: number, begin: (socket: Socket, finish: Finish) => void): Promise<LoadResult> {
  const { promise: answered, resolve, reject } = Promise.withResolvers<void>();
  const connection = openLoadSocket(port, (reason) => reject(new Error(reason)));
  await Promise.race([once(connection.socket, 'connect'), answered]);
  const startedAt = performance.now();
  begin(connection.socket, (wrong) => (wrong === undefined ? resolve() : reject(new Error(wrong))));
  await answered.finally(() => connection.close());
  return { wallUs: (performance.now() - startedAt) * 1000, p50Us: 0, p99Us: 0 };
}
