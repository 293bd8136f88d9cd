/**
 * What comes on a connection and is no request: garbage, heads that are too large or too slow, bodies that break, CONNECT.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { AppError } from '../errors.ts';
import { isWithinRequest, requestUnderWay, responseUnderWay } from '../forward/node-internals.ts';
import type { AccessLog } from './access-log.ts';
import { clientConnectionOf } from './client-connection.ts';
import type { ErrorResponder, SocketErrorResponder } from './error-response.ts';
import { unknownVersion } from './request-head.ts';
import { nameOf, newRequestId } from './request-id.ts';

export interface Rejections {
  /** Answers a request whose body turned out to be no HTTP, and closes the connection. */
  readonly rejectBody: (res: ServerResponse, error: AppError) => void;
  /** Answers on a socket that has no response object, and closes it. @param req undefined when there is none either */
  readonly rejectSocket: (socket: Duplex, error: AppError, req?: IncomingMessage) => void;
}

/** Creates both; what has no response object is counted and logged here. */
export function createRejections(options: {
  readonly accessLog: AccessLog;
  readonly sendError: ErrorResponder;
  readonly endWithError: SocketErrorResponder;
}): Rejections {
  const { accessLog, sendError, endWithError } = options;
  return {
    rejectBody(res, error) {
      res.shouldKeepAlive = false;
      // Answered already, and still the body did not come to its end.
      if (res.headersSent) res.req.socket.destroy();
      else sendError(res.req, res, error);
    },
    rejectSocket(socket, error, req) {
      const request = req === undefined ? { id: newRequestId(), method: '', target: '' } : nameOf(req);
      accessLog.rejected(request, error.status);
      endWithError(socket, error, request, req?.headers['accept-language']);
    },
  };
}

/** Largest request head, bytes; beyond it 431. */
export const MAX_HEAD_BYTES = 64 * 1024;

/** CONNECT is answered 405 in its turn: behind the answers to earlier requests, and not at all behind a last one. */
export function rejectConnect(req: IncomingMessage, socket: Socket, rejections: Rejections): void {
  const response = responseUnderWay(req.socket);
  if (response === undefined) {
    rejections.rejectSocket(
      socket,
      new AppError('method_not_allowed', { params: { method: 'CONNECT' } }),
      req,
    );
    return;
  }
  // node:http has taken its own listener off.
  socket.on('error', () => socket.destroy());
  response.once('close', () => {
    if (socket.writable) setImmediate(rejectConnect, req, socket, rejections);
  });
}

/** As node:http's `clientError` brings it; `reason` are the parser's words. */
export type ClientError = Error & { readonly code?: string; readonly reason?: string };

/** Bytes that are no HTTP request, or a head that is too large or too slow. */
export function onClientError(
  error: ClientError,
  socket: Socket,
  { rejectBody, rejectSocket }: Rejections,
): void {
  // The connection itself broke. Its `close` event tells everybody who waits for its end.
  if (socket.destroyed) return;
  if (responseUnderWay(socket) === undefined) {
    // A body that breaks after its request was answered must not be answered a second time.
    if (requestUnderWay(socket) !== undefined) socket.destroy();
    else rejectSocket(socket, toAppError(error));
    return;
  }
  const connection = clientConnectionOf(socket);
  // Every packet of garbage is an error of its own; one is enough.
  if (connection.isBroken) return;
  connection.isBroken = true;
  endWhenAnswered(socket, (response) => rejectBody(response, toAppError(error)));
}

/** Asks again, after what has arrived was read: node:http's timer may be late by a stall of ours, and runs before that. */
export function onLateHead(error: ClientError, socket: Socket, rejections: Rejections): void {
  if (isWithinRequest(socket) && requestUnderWay(socket) === undefined)
    onClientError(error, socket, rejections);
}

/**
 * The answers under way are owed to requests that were fine; what follows them on the connection was not. One of them may
 * be the request whose body will never be complete.
 */
function endWhenAnswered(socket: Socket, reject: (response: ServerResponse) => void): void {
  const response = responseUnderWay(socket);
  if (response === undefined) socket.destroySoon();
  else if (response.req.complete || !hasBody(response.req))
    // node:http hands the socket to the next response of a pipeline when this one has finished.
    response.once('close', () => setImmediate(endWhenAnswered, socket, reject));
  else if (response.headersSent) socket.destroy();
  else reject(response);
}

/** Needed beside `complete`: a request whose Upgrade was ignored never becomes that. */
const hasBody = ({ headers }: IncomingMessage) =>
  headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined;

function toAppError({ code, reason }: ClientError): AppError {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return new AppError('head_too_large', { params: { max_bytes: MAX_HEAD_BYTES } });
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return new AppError('chunk_extensions_too_large');
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new AppError('request_timeout');
    // Of HTTP/2 only a whole connection preface is that; HTTP/2, HTTP/1.10 and HTTP/1.x are no versions (RFC 9112 §2.3).
    case 'HPE_PAUSED_H2_UPGRADE':
      return unknownVersion();
    case 'HPE_INVALID_VERSION':
      return reason === 'Invalid HTTP version' ? unknownVersion() : notHttp();
    default:
      return notHttp();
  }
}

const notHttp = () => new AppError('not_http');
