/**
 * Puts a head into node:http's messages as it came. Their own way checks and copies every line once more, groups lines of
 * the same name, and costs a twentieth of a forwarded request (npm run bench -- --profile). The lines have passed a
 * parser already: the client's node:http's, the backend's our own, stricter one (http1/response-head.ts).
 */
import type { ClientRequest, ServerResponse } from 'node:http';
import { headLines } from './headers.ts';

/** What node:http keeps of a message between its head and its end; private, unchanged since Node 0.12. */
interface Internals {
  _header: string | null;
  _hasBody: boolean;
  _last: boolean;
  _trailer: string;
  readonly useChunkedEncodingByDefault: boolean;
}

/**
 * Framing is decided as writeHead() does: chunked where the length is unknown, by the end of the connection for
 * HTTP/1.0. Nothing is sent before the first write() or end().
 * @param headers flat pairs, latin1, without hop-by-hop fields
 * @param hasLength whether Content-Length is among them
 */
export function setRawResponseHead(
  res: ServerResponse,
  status: number,
  reason: string,
  headers: readonly string[],
  hasLength: boolean,
): void {
  const internals = res as unknown as Internals;
  const isHttp11 = internals.useChunkedEncodingByDefault;
  if (status === 204 || status === 304) internals._hasBody = false;
  const chunked = internals._hasBody && !hasLength && isHttp11;
  const endsWithConnection = internals._hasBody && !hasLength && !isHttp11;
  const keepAlive = res.shouldKeepAlive && !endsWithConnection;
  let head = `HTTP/1.1 ${status} ${reason}\r\n${headLines(headers)}`;
  if (!keepAlive) head += 'Connection: close\r\n';
  else if (!isHttp11) head += 'Connection: keep-alive\r\n';
  res.statusCode = status;
  res.chunkedEncoding = chunked;
  internals._last = !keepAlive;
  internals._header = chunked ? `${head}Transfer-Encoding: chunked\r\n\r\n` : `${head}\r\n`;
}

/** Trailers of a chunked response, to be sent by end(). Like heads they may hold bytes that addTrailers() refuses. */
export function setRawTrailers(res: ServerResponse, trailers: readonly string[]): void {
  (res as unknown as Internals)._trailer = headLines(trailers);
}

/**
 * For a GET that asks for a WebSocket. What was set before is forgotten; it is sent with end().
 * @param headers flat pairs, latin1, without hop-by-hop fields
 */
export function setRawHandshakeHead(req: ClientRequest, target: string, headers: readonly string[]): void {
  (req as unknown as Internals)._header =
    `GET ${target} HTTP/1.1\r\n${headLines(headers)}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n`;
}
