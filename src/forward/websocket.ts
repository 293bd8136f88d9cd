/**
 * WebSocket upgrades to the backend by http-proxy-middleware, with what it leaves open closed: a client that goes away
 * during the handshake, an error after the 101, sockets to be closed when the process stops. Bytes are piped, never
 * parsed, so extensions, close codes and fragments pass as they are.
 */
import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { createProxyMiddleware } from 'http-proxy-middleware';
import type { AppError } from '../errors.ts';
import { type BackendAddress, BackendError } from './backend-client.ts';
import { backendFailure } from './failure.ts';

export interface WebSocketForwarderOptions {
  readonly backend: BackendAddress;
  /** Deadline for the backend's answer to the handshake, ms. */
  readonly handshakeTimeoutMs: number;
  /** Answers a handshake that failed before the backend said anything. */
  readonly endWithError: (socket: Duplex, error: AppError) => void;
  readonly onFinished: (finished: FinishedUpgrade) => void;
}

export interface FinishedUpgrade {
  readonly req: IncomingMessage;
  readonly requestId: string;
  /** 101, the backend's refusal, or the status of our own answer; 499 when the client left first. */
  readonly status: number;
  readonly durationMs: number;
}

export interface UpgradeRequest {
  /** For the backend, without hop-by-hop fields (headers.ts). */
  readonly headers: readonly string[];
  readonly requestId: string;
}

export interface WebSocketForwarder {
  /** Takes over the socket of an upgrade request, which holds `head` already. */
  upgrade(req: IncomingMessage, socket: Duplex, head: Buffer, request: UpgradeRequest): void;
  /** Connections open, handshakes included. */
  count(): number;
  /** Ends every connection, both sides. */
  closeAll(): void;
}

/** Idle peers are probed after this, ms: the only way to learn that a phone has left the network. */
const TCP_KEEP_ALIVE_MS = 30_000;
/** How long the other side may take to close after one has, ms. */
const HALF_CLOSED_MS = 10_000;
/** A client may send frames before the 101; beyond this it must wait, bytes. */
const MAX_EARLY_BYTES = 64 * 1024;

/** Creates the forwarder; errors of one connection never reach another, or the process. */
export function createWebSocketForwarder(options: WebSocketForwarderOptions): WebSocketForwarder {
  const connections = new Map<IncomingMessage, Connection>();
  const proxy = createProxyMiddleware({
    target: targetOf(options.backend),
    upgradeTimeout: options.handshakeTimeoutMs,
    // Its default plugins log on the console and answer errors with text that names the backend.
    ejectPlugins: true,
    plugins: [
      (server) => {
        server.on('proxyReqWs', (proxyReq, req) => connections.get(req)?.begin(proxyReq));
        server.on('error', (error, req) => req && connections.get(req)?.fail(error));
      },
    ],
  });

  return {
    upgrade(req, socket, head, request) {
      const connection = createConnection(options, req, socket as Socket, request);
      connections.set(req, connection);
      socket.once('close', () => connections.delete(req));
      proxy.upgrade(req, socket as Socket, head);
    },
    count: () => connections.size,
    closeAll() {
      for (const connection of connections.values()) connection.close();
    },
  };
}

interface Connection {
  begin(proxyReq: ClientRequest): void;
  fail(error: unknown): void;
  close(): void;
}

function createConnection(
  options: WebSocketForwarderOptions,
  req: IncomingMessage,
  client: Socket,
  { headers, requestId }: UpgradeRequest,
): Connection {
  const startedAt = performance.now();
  let status = 499;
  let backend: Socket | undefined;
  // From the upgrade event on the socket has no listener of node:http's: an error would end the process.
  client.on('error', () => client.destroy());
  client.once('close', () => {
    backend?.destroySoon();
    options.onFinished({ req, requestId, status, durationMs: performance.now() - startedAt });
  });

  return {
    begin(proxyReq) {
      replaceHeaders(proxyReq, headers);
      const early = holdEarlyBytes(client, () => {
        proxyReq.destroy();
        client.destroy();
      });
      proxyReq.once('response', (refusal) => {
        early.drop();
        status = refusal.statusCode ?? 502;
      });
      // Before http-proxy-middleware's own listener, which starts to pipe what we hold.
      proxyReq.prependOnceListener('upgrade', (_response, backendSocket) => {
        early.giveBack();
        status = 101;
        backend = backendSocket;
        for (const side of [client, backendSocket]) {
          side.setKeepAlive(true, TCP_KEEP_ALIVE_MS);
          // The pipe passes the FIN on; a peer that does not answer it would hold both sockets for ever.
          side.once('end', () =>
            setTimeout(() => destroyBoth(client, backendSocket), HALF_CLOSED_MS).unref(),
          );
        }
        backendSocket.once('close', (hadError) => (hadError ? client.destroy() : client.destroySoon()));
      });
    },
    fail(error) {
      if (status === 101 || client.destroyed) {
        // After the 101 nothing but the backend's bytes may be written.
        client.destroy();
        backend?.destroy();
        return;
      }
      const failure = backendFailure(toBackendError(error));
      status = failure.status;
      options.endWithError(client, failure);
    },
    close() {
      client.end();
      backend?.end();
    },
  };
}

function destroyBoth(client: Socket, backend: Socket): void {
  client.destroy();
  backend.destroy();
}

/** http-proxy-middleware copies the parsed headers, which lose order, spelling and duplicates: put the raw ones in. */
function replaceHeaders(proxyReq: ClientRequest, headers: readonly string[]): void {
  for (const name of proxyReq.getHeaderNames()) proxyReq.removeHeader(name);
  for (let i = 0; i < headers.length; i += 2)
    proxyReq.appendHeader(headers[i] as string, headers[i + 1] as string);
  proxyReq.setHeader('Connection', 'Upgrade');
  proxyReq.setHeader('Upgrade', 'websocket');
}

interface EarlyBytes {
  giveBack(): void;
  drop(): void;
}

/** Reads on during the handshake, since a socket that is not read does not tell that its peer has gone. */
function holdEarlyBytes(client: Socket, onGone: () => void): EarlyBytes {
  const held: Buffer[] = [];
  let bytes = 0;
  const onData = (chunk: Buffer) => {
    held.push(chunk);
    bytes += chunk.length;
    if (bytes > MAX_EARLY_BYTES) client.pause();
  };
  client.on('data', onData);
  client.once('end', onGone);
  client.once('close', onGone);
  const stop = () => {
    client.off('data', onData);
    client.off('end', onGone);
    client.off('close', onGone);
  };
  return {
    giveBack() {
      stop();
      client.pause();
      if (held.length > 0) client.unshift(Buffer.concat(held));
    },
    drop() {
      stop();
      client.resume();
    },
  };
}

const targetOf = (backend: BackendAddress) =>
  backend.kind === 'unix'
    ? { protocol: 'http:', host: 'localhost', socketPath: backend.path }
    : { protocol: 'http:', host: backend.host, port: backend.port };

function toBackendError(error: unknown): BackendError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const message = error instanceof Error ? error.message : 'unknown';
  if (code === 'ERR_UPSTREAM_UPGRADE_TIMEOUT')
    return new BackendError('headers-timeout', message, { cause: error });
  if (code === 'ECONNRESET' || code === 'EPIPE') return new BackendError('reset', message, { cause: error });
  if (code.startsWith('HPE_')) return new BackendError('protocol', message, { cause: error });
  return new BackendError('connect', message, { cause: error });
}
