/**
 * Passes the backend's refusal of a handshake on: any answer but a 101, with its status, reason, headers and body. The
 * connection ends with it.
 */
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { afterRunning } from '../running-time.ts';
import { headLines, responseHeaders, withoutForbiddenLength } from './headers.ts';
import { LAST_CHUNK, writeChunk } from './http1/chunk.ts';
import { lingerOn } from './linger.ts';
import { resetConnection } from './reset-connection.ts';
import { writeAndRelease } from './write-and-release.ts';

export interface RefusalOptions {
  /** Added when the backend sent none. */
  readonly requestId: string;
  /** HTTP/1.0 knows no chunks: what has no length ends with the connection. */
  readonly isHttp10: boolean;
  /** For all of it, ms: nobody waits longer for a refusal, and neither side may hold the other's connection. */
  readonly limitMs: number;
}

export function passRefusal(
  client: Socket,
  refusal: IncomingMessage,
  { requestId, isHttp10, limitMs }: RefusalOptions,
): void {
  const status = refusal.statusCode ?? 502;
  const { headers, contentLength, hasRequestId } = responseHeaders(refusal.rawHeaders);
  const bodyless = status === 204 || status === 205 || status === 304;
  const chunked = !bodyless && contentLength === null && !isHttp10;
  const framed = withoutForbiddenLength(status, headers);
  if (!hasRequestId) framed.push('X-Request-Id', requestId);
  if (chunked) framed.push('Transfer-Encoding', 'chunked');
  client.write(
    `HTTP/1.1 ${status} ${refusal.statusMessage}\r\n${headLines(framed)}Connection: close\r\n\r\n`,
    'latin1',
  );
  const limit = afterRunning(limitMs, () => resetConnection(client));
  client.once('finish', () => {
    limit.cancel();
    lingerOn(client);
  });
  client.once('close', () => {
    limit.cancel();
    refusal.destroy();
  });
  if (bodyless) {
    client.end();
    refusal.destroy();
    return;
  }
  client.on('drain', () => refusal.resume());
  refusal.on('data', (piece: Buffer) => {
    if (chunked) writeChunk(client, piece);
    else writeAndRelease(client, piece);
    if (client.writableNeedDrain) refusal.pause();
  });
  refusal.once('end', () => client.end(chunked ? LAST_CHUNK : ''));
  // One that is cut short must look cut short, also where its end is the end of the connection.
  refusal.once('error', () => resetConnection(client));
  refusal.once('close', () => refusal.complete || resetConnection(client));
}
