/**
 * Responses with uvicorn's headers; the ones for small GETs are made once a second, because of `date`.
 */
import { PRODUCTS, productBody } from '../traffic.ts';
import { acceptFor } from '../websocket-frames.ts';

let date = new Date().toUTCString();
const cached: (Buffer | undefined)[] = [];

setInterval(() => {
  date = new Date().toUTCString();
  cached.length = 0;
}, 1000).unref();

/** @param isLast the connection ends behind it */
export function productAnswer(product: number, isLast: boolean): Buffer {
  const at = product + (isLast ? PRODUCTS : 0);
  cached[at] ??= answer(productBody(product), isLast);
  return cached[at];
}

export function answer(body: Buffer, isLast: boolean): Buffer {
  return Buffer.concat([Buffer.from(head('application/json', body.length, isLast)), body]);
}

export const downloadHead = (bytes: number, isLast: boolean): string => head('video/mp4', bytes, isLast);

function head(contentType: string, contentLength: number, isLast: boolean): string {
  return (
    `HTTP/1.1 200 OK\r\ndate: ${date}\r\nserver: uvicorn\r\ncontent-length: ${contentLength}\r\n` +
    `content-type: ${contentType}\r\n${isLast ? 'connection: close\r\n' : ''}\r\n`
  );
}

/** @param key the handshake's own: a proxy may open a WebSocket of its own, as @fastify/http-proxy does */
export function webSocketAnswer(key: string): string {
  return (
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
    `Sec-WebSocket-Accept: ${acceptFor(key)}\r\n\r\n`
  );
}
