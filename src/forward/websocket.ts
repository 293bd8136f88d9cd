/**
 * WebSocket upgrades to the backend by http-proxy-middleware, with what it leaves open closed: a client that goes away
 * during the handshake, headers that lose their order, and all that it would keep for the hours after the 101. Bytes
 * are passed on, never parsed, so extensions, close codes and fragments stay as they are.
 */
import type { Agent, IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { RequestHandler } from 'http-proxy-middleware';
import type { BackendAddress } from '../config/values.ts';
import { BUSY } from '../errors.ts';
import { loadPackage } from '../load-package.ts';
import { connectOptions } from './http1/connection.ts';
import { agentOf } from './node-internals.ts';
import { createHandshake, type Handshake, type HandshakeOptions } from './websocket-handshake.ts';
import { type Relay, relay } from './websocket-relay.ts';

export interface WebSocketForwarderOptions {
  readonly backend: BackendAddress;
  /** Deadline for the connection to the backend, ms. */
  readonly connectTimeoutMs: number;
  /** Deadline for the backend's answer to the handshake, ms. */
  readonly handshakeTimeoutMs: number;
  /** Answers a handshake that failed before the backend said anything. */
  readonly endWithError: HandshakeOptions['endWithError'];
  readonly onFinished: (finished: FinishedUpgrade) => void;
}

export interface FinishedUpgrade {
  /** Request target, query included. */
  readonly target: string;
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
  /** Ends every connection, both sides. A handshake under way gets its answer first. */
  endAll(): void;
}

/** Creates the forwarder; errors of one connection never reach another, or the process. */
export function createWebSocketForwarder(options: WebSocketForwarderOptions): WebSocketForwarder {
  const handshakes = new Map<IncomingMessage, Handshake>();
  const relays = new Set<Relay>();
  let ending = false;
  let proxy: Proxy | undefined;

  const startRelay = (client: Socket, backend: Socket, finish: (status: number) => void) => {
    const pair = relay(client, backend, () => {
      relays.delete(pair);
      finish(101);
    });
    relays.add(pair);
    if (ending) pair.end();
  };

  return {
    upgrade(req, socket, head, { headers, requestId }) {
      const client = socket as Socket;
      const finish = finisher(options.onFinished, req.url ?? '', requestId);
      const { connectTimeoutMs, handshakeTimeoutMs, endWithError } = options;
      const handshake = createHandshake({
        client,
        target: req.url ?? '',
        headers,
        requestId,
        acceptLanguage: req.headers['accept-language'],
        isHttp10: req.httpVersionMinor === 0,
        connectTimeoutMs,
        answerTimeoutMs: handshakeTimeoutMs,
        endWithError,
        onUpgraded(backend) {
          handshakes.delete(req);
          startRelay(client, backend, finish);
        },
        onRefused(status) {
          handshakes.delete(req);
          finish(status);
        },
      });
      handshakes.set(req, handshake);
      // It copies what it finds here, and an Expect would send the head before the right one is put in.
      req.headers = { host: 'replaced', connection: 'Upgrade', upgrade: 'websocket' };
      try {
        proxy ??= createProxy(options, (of) => handshakes.get(of));
      } catch {
        handshake.answerError(BUSY);
        return;
      }
      proxy.upgrade(req, client, head);
    },
    count: () => handshakes.size + relays.size,
    endAll() {
      ending = true;
      for (const pair of relays) pair.end();
    },
  };
}

type Proxy = Pick<RequestHandler, 'upgrade'>;

function createProxy(
  { backend }: WebSocketForwarderOptions,
  handshakeOf: (req: IncomingMessage) => Handshake | undefined,
): Proxy {
  return loadPackage('http-proxy-middleware').createProxyMiddleware({
    target: targetOf(backend),
    agent: connectionPerHandshake(backend),
    // Its default plugins log on the console and answer errors with text that names the backend.
    ejectPlugins: true,
    plugins: [
      (server) => {
        server.on('proxyReqWs', (proxyReq, req) => handshakeOf(req)?.begin(proxyReq));
        server.on('error', (error, req) => req && handshakeOf(req)?.fail(error));
      },
    ],
  });
}

/**
 * An agent that keeps nothing: each WebSocket has its connection for itself. Node's own Agent would make lists and names for
 * it that are never used, a tenth of what a handshake allocates (decision 0006).
 */
function connectionPerHandshake(backend: BackendAddress): Agent {
  // `free` comes when the request has been given up before it had its connection.
  return agentOf(() => connect(connectOptions(backend)).once('free', destroyThis));
}

function destroyThis(this: Socket): void {
  this.destroy();
}

/** Made here, so that what waits for the end of a WebSocket holds no request and no socket. */
function finisher(
  onFinished: WebSocketForwarderOptions['onFinished'],
  target: string,
  requestId: string,
): (status: number) => void {
  const startedAt = performance.now();
  return (status) => onFinished({ target, requestId, status, durationMs: performance.now() - startedAt });
}

const targetOf = (backend: BackendAddress) =>
  backend.kind === 'unix'
    ? { protocol: 'http:', host: 'localhost', socketPath: backend.path }
    : { protocol: 'http:', host: backend.host, port: backend.port };
