/**
 * The listening side: limits, deadlines and events of node:http.
 */
import type { IncomingMessage, RequestListener, Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { AppError } from '../errors.ts';
import { createRequestClass, isWithinRequest, takeRequest } from '../forward/node-internals.ts';
import { http } from '../node-http.ts';
import { clientConnectionOf } from './client-connection.ts';
import { ClientConnections } from './client-connections.ts';
import {
  type ClientError,
  MAX_HEAD_BYTES,
  onClientError,
  onLateHead,
  type Rejections,
  rejectConnect,
} from './client-errors.ts';

export interface ServerOptions extends Rejections {
  readonly handleRequest: RequestListener;
  /** Which requests are taken off HTTP; any other Upgrade is ignored and the request answered as usual. */
  readonly isUpgrade: (req: IncomingMessage) => boolean;
  readonly handleUpgrade: (req: IncomingMessage, socket: Duplex, head: Buffer) => void;
  readonly maxConnections: number;
  /** Longest silence of a client within a body, ms; then 408. */
  readonly bodySilenceMs: number;
}

/** Milliseconds. */
export interface Deadlines {
  /** From the first byte of a head to its last (slowloris). A body may take as long as it moves. */
  readonly headMs: number;
  readonly lookEveryMs: number;
  /** For a connection on which nothing is asked, before its first request as well as behind the last. */
  readonly idleMs: number;
}

/** Idle for longer than Nginx's keepalive_timeout of 60 s: closed by Nginx, a connection never meets its next request. */
const DEADLINES: Deadlines = { headMs: 20_000, lookEveryMs: 2_000, idleMs: 75_000 };

/** Twice what one read from the backend brings: with Node's own 64 KB each would fill it, and pause the backend. */
const WRITE_AHEAD_BYTES = 128 * 1024;

export interface ListeningServer {
  readonly server: Server;
  readonly connections: ClientConnections;
  /** Whether its peers are processes on this machine, without an address; false until it listens. */
  isOnUnixSocket(): boolean;
}

/** Creates the server; it does not listen yet. Answers in every state of a connection, never throws. */
export function createHttpServer(options: ServerOptions, deadlines = DEADLINES): ListeningServer {
  const connections = new ClientConnections({
    idleMs: deadlines.idleMs,
    bodySilenceMs: options.bodySilenceMs,
    onBodyStalled: (res) => options.rejectBody(res, new AppError('request_timeout')),
  });
  const handleRequest: RequestListener = (req, res) => {
    takeRequest(req);
    clientConnectionOf(req.socket).onRequest();
    options.handleRequest(req, res);
  };
  const server = http.createServer(
    {
      IncomingMessage: createRequestClass(),
      maxHeaderSize: MAX_HEAD_BYTES,
      highWaterMark: WRITE_AHEAD_BYTES,
      insecureHTTPParser: false,
      // A request without a body has no stream of one, which would cost four per cent of a small GET.
      optimizeEmptyRequests: true,
      // readRequestHead answers in our words; Node's own 400 has no body.
      requireHostHeader: false,
      headersTimeout: deadlines.headMs,
      requestTimeout: 0,
      connectionsCheckingInterval: deadlines.lookEveryMs,
      // Told to clients of our own routes; ClientConnections keep it.
      keepAliveTimeout: deadlines.idleMs,
      keepAlive: true,
      keepAliveInitialDelay: 30_000,
      noDelay: true,
      shouldUpgradeCallback: options.isUpgrade,
    },
    handleRequest,
  );
  // By default Node drops headers beyond 2000 without a word; MAX_HEAD_BYTES is the limit here.
  server.maxHeadersCount = 0;
  server.maxConnections = options.maxConnections;
  server.on('clientError', (error: ClientError, socket: Socket) => {
    if (error.code !== 'ERR_HTTP_REQUEST_TIMEOUT') onClientError(error, socket, options);
    // node:http counts from the moment a connection is accepted, and looks once; one without a head is merely idle.
    else if (isWithinRequest(socket)) setImmediate(onLateHead, error, socket, options);
  });
  server.on('connect', (req, socket) => {
    clientConnectionOf(req.socket).onRequest();
    rejectConnect(req, socket as Socket, options);
  });
  // Without a listener node:http writes the 100 at once, even between the answers of a pipeline. We write it later.
  server.on('checkContinue', handleRequest);
  // Without a listener node:http answers 417 without a body; readRequestHead does it in our words.
  server.on('checkExpectation', handleRequest);
  let isOnUnixSocket = false;
  server.on('listening', () => {
    const address = server.address();
    // One that was passed as a descriptor has no name: null.
    isOnUnixSocket = address === null || typeof address === 'string';
  });
  server.on('connection', (socket: Socket) => {
    connections.add(socket);
    // node:net remembers the address once it was asked for; behind a reset it could not be found any more. A connection that
    // was reset before it was accepted has none. It may have sent a request all the same, but nobody waits for the answer,
    // and nobody can say who sent it: it is closed unread.
    if (socket.remoteAddress === undefined && !isOnUnixSocket) socket.destroy();
  });
  server.on('upgrade', (req, socket: Duplex, head) => {
    const connection = clientConnectionOf(req.socket);
    connection.onRequest();
    connection.isUpgraded = true;
    options.handleUpgrade(req, socket, head);
  });
  return { server, connections, isOnUnixSocket: () => isOnUnixSocket };
}

/** @param passed a listening socket that systemd has opened. @throws Error with a sentence for a port that is taken or not allowed */
export async function listen(
  server: Server,
  port: number,
  host: string,
  passed?: { readonly fd: number },
): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(listenError(error, port, host)));
    if (passed === undefined) server.listen(port, host, resolve);
    else server.listen(passed, resolve);
  });
  // accept() can fail later (EMFILE). That loses a connection; without a listener it would end the process.
  server.on('error', () => undefined);
}

function listenError(error: NodeJS.ErrnoException, port: number, host: string): Error {
  const reasons: Record<string, string> = {
    EADDRINUSE: 'another program listens there already',
    EACCES: 'this user may not listen there',
    EADDRNOTAVAIL: 'this machine does not have that address',
  };
  const reason = reasons[error.code ?? ''] ?? error.code ?? 'unknown';
  return new Error(`Cannot listen on ${host}:${port}: ${reason}.`, { cause: error });
}
