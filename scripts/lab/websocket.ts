/** Just enough of RFC 6455 to talk to a WebSocket through raw sockets. */
import { createHash, randomBytes } from 'node:crypto';
import { connectRaw, type RawConnection, type RawMessage } from './raw-connection.ts';

const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
/** RFC 6455 §1.3 */
export const ACCEPT = createHash('sha1')
  .update(`${KEY}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
  .digest('base64');

export const handshake = (path: string, headers = '') =>
  `GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n` +
  `Sec-WebSocket-Key: ${KEY}\r\n${headers}\r\n`;

export const SWITCHING = `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${ACCEPT}\r\n\r\n`;

/** A masked text frame of up to 125 bytes. */
export function textFrame(text: string): Buffer {
  const payload = Buffer.from(text);
  const mask = randomBytes(4);
  const masked = payload.map((byte, i) => byte ^ (mask[i % 4] ?? 0));
  return Buffer.concat([Buffer.from([0x81, 0x80 | payload.length]), mask, masked]);
}

/** An unmasked text frame, as servers send them. */
export const serverFrame = (text: string) =>
  Buffer.concat([Buffer.from([0x81, text.length]), Buffer.from(text)]).toString('latin1');

/** Opens a WebSocket. */
export async function openWebSocket(
  port: number,
  path: string,
): Promise<{ connection: RawConnection; answer: RawMessage }> {
  const connection = await connectRaw(port);
  const answer = await connection.send(handshake(path)).message();
  return { connection, answer };
}
