/**
 * Puts a head into node:http's messages as it came. Their own way checks and copies every line once more, groups lines of
 * the same name, and costs a twentieth of a forwarded request (npm run bench -- --profile). The lines have passed a
 * parser already: the client's node:http's, the backend's our own, stricter one (http1/response-head.ts).
 */
import type { ClientRequest, ServerResponse } from 'node:http';
import { headLines } from './headers.ts';
import {
  mayHaveBody,
  owesContinue,
  setRequestHead,
  setResponseHead,
  setTrailers,
  withoutBody,
} from './node-internals.ts';

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
  const isHttp11 = res.req.httpVersionMinor > 0;
  if (status === 204 || status === 304) withoutBody(res);
  const hasUnknownLength = !hasLength && mayHaveBody(res);
  const chunked = hasUnknownLength && isHttp11;
  const endsWithConnection = hasUnknownLength && !isHttp11;
  const keepAlive = res.shouldKeepAlive && !endsWithConnection && !owesContinue(res);
  let head = `HTTP/1.1 ${status} ${reason}\r\n${headLines(headers)}`;
  if (!keepAlive) head += 'Connection: close\r\n';
  else if (!isHttp11) head += 'Connection: keep-alive\r\n';
  res.statusCode = status;
  setResponseHead(
    res,
    chunked ? `${head}Transfer-Encoding: chunked\r\n\r\n` : `${head}\r\n`,
    chunked,
    keepAlive,
  );
}

/** Trailers of a chunked response, to be sent by end(). Like heads they may hold bytes that addTrailers() refuses. */
export function setRawTrailers(res: ServerResponse, trailers: readonly string[]): void {
  setTrailers(res, headLines(trailers));
}

/**
 * For a GET that asks for a WebSocket. What was set before is forgotten; it is sent with end().
 * @param headers flat pairs, latin1, without hop-by-hop fields
 */
export function setRawHandshakeHead(req: ClientRequest, target: string, headers: readonly string[]): void {
  const head = `GET ${target} HTTP/1.1\r\n${headLines(headers)}`;
  setRequestHead(req, `${head}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n`);
}
