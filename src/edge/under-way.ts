/**
 * What node:http is at on a connection. It keeps that in private fields, which its own error handling goes by as well.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

interface Internals {
  _httpMessage?: ServerResponse | null;
  parser?: { incoming?: IncomingMessage | null; finish(): Error | undefined } | null;
}

const internals = (socket: Socket) => socket as Socket & Internals;

/** The response that is being written. */
export const responseUnderWay = (socket: Socket) => internals(socket)._httpMessage ?? undefined;

/** The request within whose body the parser is. */
export function requestUnderWay(socket: Socket): IncomingMessage | undefined {
  const incoming = internals(socket).parser?.incoming;
  return incoming?.complete === false ? incoming : undefined;
}

/**
 * Whether the parser is within a request, head or body; asked as node:http does when the client ends the connection. Empty
 * lines in front of a request do not count (RFC 9112 §2.2).
 */
export const isWithinRequest = (socket: Socket) => internals(socket).parser?.finish() instanceof Error;
