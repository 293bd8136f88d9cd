/**
 * Puts a backend's head into a ServerResponse as it is. ServerResponse.writeHead would check and copy every line once
 * more, add `Connection: keep-alive` and `Keep-Alive`, which HTTP/1.1 does not need, and cost a twentieth of a forwarded
 * request (npm run bench -- --profile). The lines have passed our own, stricter parser (http1/response-head.ts).
 */
import type { ServerResponse } from 'node:http';

/** What node:http keeps in a response between writeHead() and end(); private, unchanged since Node 0.12. */
interface Internals {
  _header: string | null;
  _hasBody: boolean;
  _last: boolean;
  readonly useChunkedEncodingByDefault: boolean;
}

/**
 * Framing is decided as writeHead() does: chunked where the length is unknown, by the end of the connection for
 * HTTP/1.0. Nothing is sent before the first write() or end().
 * @param headers flat pairs, latin1, without hop-by-hop fields
 * @param hasLength whether Content-Length is among them
 */
export function setRawHead(
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
  let head = `HTTP/1.1 ${status} ${reason}\r\n`;
  for (let i = 0; i < headers.length; i += 2) head += `${headers[i]}: ${headers[i + 1]}\r\n`;
  if (!keepAlive) head += 'Connection: close\r\n';
  else if (!isHttp11) head += 'Connection: keep-alive\r\n';
  res.statusCode = status;
  res.chunkedEncoding = chunked;
  internals._last = !keepAlive;
  internals._header = chunked ? `${head}Transfer-Encoding: chunked\r\n\r\n` : `${head}\r\n`;
}
