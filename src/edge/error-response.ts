/**
 * The one place where an error becomes an answer: `{"detail": "<sentence>", "code": "…"}` with the status of the AppError, the
 * sentence in the language of who asks. Anything that is not an AppError is a defect of the sidecar: logged once with its
 * stack, answered 500 without a word about it.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Language } from '../config/settings.ts';
import { AppError, reasonsOf } from '../errors.ts';
import { lingerOn } from '../forward/linger.ts';
import { setRawResponseHead } from '../forward/raw-head.ts';
import type { Log } from '../infra/logger.ts';
import { http } from '../node-http.ts';
import type { LanguageOf } from '../words/languages.ts';
import { isWorded } from '../words/render.ts';
import { loggedPath } from './access-log.ts';
import { type CorsPolicy, corsHeaders, exposing } from './cors.ts';
import { errorBody } from './error-body.ts';
import { fieldOf } from './request-field.ts';
import { type NamedRequest, nameOf, requestIdOf } from './request-id.ts';

/** Answers, or cuts the connection when a head is already out. Never throws. */
export type ErrorResponder = (req: IncomingMessage, res: ServerResponse, error: unknown) => void;

export interface ErrorResponderOptions {
  readonly cors: CorsPolicy;
  readonly log: Log;
  readonly languageOf: LanguageOf;
}

export function createErrorResponder(options: ErrorResponderOptions): ErrorResponder {
  return (req, res, thrown) => {
    // The route did not know that the edge has answered in its place, since the body broke or stood still.
    if (res.writableEnded && isHeadersSent(thrown)) return;
    const error = toAppError(thrown);
    logError(options.log, nameOf(req), error, res.headersSent);
    if (res.headersSent) {
      res.destroy();
      return;
    }
    dropBody(req, res);
    const { status } = error;
    const body = errorBody(error, options.languageOf(fieldOf(req, 'accept-language')));
    const cors = corsHeaders(options.cors, fieldOf(req, 'origin'));
    const headers = {
      'Content-Type': 'application/json',
      'Content-Length': String(body.length),
      'Cache-Control': 'no-store',
      'X-Request-Id': requestIdOf(req),
      ...exposing(Object.keys(error.headers), cors),
      ...varying(error, cors.Vary),
      ...error.headers,
      Date: httpDate(),
    };
    // Not writeHead(): to check what we made ourselves was a fifteenth of what a refusal costs.
    setRawResponseHead(res, status, http.STATUS_CODES[status] ?? '', Object.entries(headers).flat(), true);
    res.end(body, 'latin1');
  };
}

let dateAtSecond = 0;
let date = '';

/** RFC 9110 §6.6.1. Formatted once a second: that costs more than to read the clock. */
function httpDate(): string {
  const second = Math.floor(Date.now() / 1000);
  if (second !== dateAtSecond) {
    dateAtSecond = second;
    date = new Date(second * 1000).toUTCString();
  }
  return date;
}

/** @param others what else the answer depends on */
function varying(error: AppError, others: string | undefined): { readonly Vary?: string } {
  if (!isWorded(error.key)) return {};
  return { Vary: others === undefined ? 'Accept-Language' : `${others}, Accept-Language` };
}

/** Up to here what is left of a refused body is read, so that the connection can go on, bytes. */
const WORTH_READING = 64 * 1024;

/** Beyond that the connection ends, but goes on reading for a while, so that the answer is found (client-connection.ts). */
function dropBody(req: IncomingMessage, res: ServerResponse): void {
  // That of a request without a body has been read to its end before anybody sees it.
  if (req.complete || req.readableEnded) return;
  if (Number(req.headers['content-length'] ?? 0) > WORTH_READING) res.shouldKeepAlive = false;
  if (req.headers['transfer-encoding'] === undefined) return;
  let bytes = 0;
  const count = (piece: Buffer) => {
    bytes += piece.length;
    if (bytes <= WORTH_READING) return;
    req.off('data', count);
    req.socket.destroySoon();
  };
  req.on('data', count);
}

/** Answers on a socket that has no response object, and closes it. */
export type SocketErrorResponder = (
  socket: Duplex,
  error: AppError,
  request: NamedRequest,
  acceptLanguage: string | undefined,
) => void;

export function createSocketErrorResponder(log: Log, languageOf: LanguageOf): SocketErrorResponder {
  return (socket, error, request, acceptLanguage) => {
    logError(log, request, error, false);
    endSocketWithError(socket, error, request.id, languageOf(acceptLanguage));
  };
}

/** The same without a line in the log. */
export function endSocketWithError(
  socket: Duplex,
  error: AppError,
  requestId: string,
  language: Language,
): void {
  // node:http has taken its own listener off (upgrade, CONNECT); a reset without one would end the process.
  socket.on('error', () => socket.destroy());
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const body = errorBody(error, language);
  lingerOn(socket);
  socket.resume();
  const extra = Object.entries({ ...varying(error, undefined), ...error.headers });
  socket.end(
    `HTTP/1.1 ${error.status} ${http.STATUS_CODES[error.status] ?? ''}\r\n` +
      `Content-Type: application/json\r\nContent-Length: ${body.length}\r\nX-Request-Id: ${requestId}\r\n` +
      `${extra.map(([name, value]) => `${name}: ${value}\r\n`).join('')}Connection: close\r\n\r\n${body}`,
    'latin1',
  );
}

const isHeadersSent = (error: unknown) =>
  error instanceof Error && 'code' in error && error.code === 'ERR_HTTP_HEADERS_SENT';

function toAppError(thrown: unknown): AppError {
  if (thrown instanceof AppError) return thrown;
  // What decodes a parameter throws this for one that is not valid percent-encoding.
  if (thrown instanceof URIError) return new AppError('undecodable_path');
  return new AppError('internal_error', { cause: thrown });
}

/** Only defects of the sidecar have their stack logged; a backend that is down would fill the disk with them. */
function logError(log: Log, request: NamedRequest, error: AppError, isCutShort: boolean): void {
  const { status, message: detail, cause } = error;
  // A 503 or 501 without a cause is our own decision (busy, not configured): its line in the access log says enough.
  if (status < 500 || (status > 500 && cause === undefined)) return;
  const name = { id: request.id, method: request.method, path: loggedPath(request.target) };
  if (status === 500) log.error({ ...name, status, detail, err: cause }, 'request failed');
  else if (isCutShort) log.warn({ ...name, reason: reasonsOf(cause) }, 'answer cut short');
  else log.warn({ ...name, status, detail, reason: reasonsOf(cause) }, 'request failed');
}
