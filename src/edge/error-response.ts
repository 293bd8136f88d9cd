/**
 * The one place where an error becomes an answer: `{"detail": "<sentence>"}` with the status of the AppError. Anything
 * that is not an AppError is a defect of ours: logged once with its stack, answered 500 without a word about it.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { AppError } from '../errors.ts';
import type { Log } from '../infra/logger.ts';
import { type CorsPolicy, corsHeaders } from './cors.ts';

/** Answers, or cuts the connection when a head is already out. Never throws. */
export type ErrorResponder = (req: IncomingMessage, res: ServerResponse, error: unknown) => void;

export function createErrorResponder(options: { cors: CorsPolicy; log: Log }): ErrorResponder {
  return (req, res, thrown) => {
    const error = toAppError(thrown);
    logError(options.log, req, error, thrown);
    if (res.headersSent) {
      res.destroy();
      return;
    }
    const body = Buffer.from(JSON.stringify({ detail: error.message }));
    const headers: Record<string, string | number> = {
      'Content-Type': 'application/json',
      'Content-Length': body.length,
      'Cache-Control': 'no-store',
      ...corsHeaders(options.cors, req.headers.origin),
      ...error.headers,
    };
    res.writeHead(error.status, headers);
    res.end(body);
  };
}

/** An error on a socket that has no response object: a parse error, a refused upgrade. Closes the socket. */
export function endSocketWithError(socket: Duplex, error: AppError): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const body = JSON.stringify({ detail: error.message });
  const extra = Object.entries(error.headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(
    `HTTP/1.1 ${error.status} ${STATUS_CODES[error.status] ?? ''}\r\n` +
      `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n${extra.join('')}` +
      `Connection: close\r\n\r\n${body}`,
  );
}

function toAppError(thrown: unknown): AppError {
  if (thrown instanceof AppError) return thrown;
  // Express's router throws this for a parameter that is not valid percent-encoding.
  if (thrown instanceof URIError) return new AppError(400, 'The path is not validly percent-encoded.');
  return new AppError(500, 'Something went wrong on our side.', { cause: thrown });
}

function logError(log: Log, req: IncomingMessage, error: AppError, thrown: unknown): void {
  if (error.status < 500) return;
  const level = error.status === 500 ? 'error' : 'warn';
  log[level](
    { method: req.method, status: error.status, detail: error.message, err: error.cause ?? thrown },
    'request failed',
  );
}
