/**
 * Upgrade requests: the same checks and the same decision as for any other request, then the WebSocket forwarder.
 */
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { AppError, BUSY } from '../errors.ts';
import { requestHeaders } from '../forward/headers.ts';
import { responseUnderWay } from '../forward/node-internals.ts';
import type { WebSocketForwarder } from '../forward/websocket.ts';
import { readRequestHead } from './request-head.ts';
import { newRequestId } from './request-id.ts';
import type { Decide } from './routing.ts';
import { forwardedBy, type IsTrustedPeer } from './trusted-proxies.ts';

export interface UpgradeOptions {
  readonly decide: Decide;
  readonly isTrustedPeer: IsTrustedPeer;
  readonly webSockets: WebSocketForwarder;
  readonly isOverloaded: () => boolean;
  readonly isDraining: () => boolean;
  /** Answers on the socket and closes it. */
  readonly reject: (socket: Duplex, error: AppError, req: IncomingMessage) => void;
}

export interface UpgradeHandler {
  /**
   * Only a WebSocket handshake for the backend leaves HTTP, and only when no answer is owed on the connection: it would
   * be written between the frames. Any other Upgrade may be ignored (RFC 9110 §7.8), and has to be: Java's HttpClient
   * offers h2c with every first request. HTTP/1.0 has no Upgrade, by the same section, but an Nginx location without
   * `proxy_http_version 1.1` sends one, and uvicorn takes it.
   */
  isUpgrade(req: IncomingMessage): boolean;
  handle(req: IncomingMessage, socket: Duplex, head: Buffer): void;
}

export function createUpgradeHandler({
  decide,
  isTrustedPeer,
  webSockets,
  isOverloaded,
  isDraining,
  reject,
}: UpgradeOptions): UpgradeHandler {
  return {
    isUpgrade(req) {
      if (req.method !== 'GET') return false;
      if (req.headers.upgrade?.toLowerCase() !== 'websocket') return false;
      if (responseUnderWay(req.socket) !== undefined) return false;
      return decide('GET', withoutAuthority(req.url ?? '')).kind === 'proxy';
    },
    handle(req, socket, head) {
      if (isDraining() && hasServed(req.socket)) {
        // Closed without an answer, as an idle connection is during a stop: a client that reuses connections (Nginx) expects
        // that, sends the handshake again on a new one, and so comes to a process that stays.
        socket.destroy();
        return;
      }
      try {
        if (isOverloaded()) throw BUSY;
        const checked = readRequestHead(req);
        if (checked.contentLength !== 0) throw new AppError('handshake_with_body');
        const requestId = checked.requestId ?? newRequestId();
        req.url = checked.target;
        const headers = requestHeaders(req.rawHeaders, forwardedBy(req, checked, requestId, isTrustedPeer));
        webSockets.upgrade(req, socket, head, { headers, requestId });
      } catch (error) {
        const rejection = error instanceof AppError ? error : new AppError('handshake_invalid');
        reject(socket, rejection, req);
      }
    },
  };
}

/** Only a request on a connection that has carried another is sent again by its client. */
const hasServed = (socket: Socket) => socket.bytesWritten > 0;

/** The path of an absolute-form target; handle() checks its authority. */
const withoutAuthority = (target: string) => target.replace(/^https?:\/\/[^/?]*/i, '');
