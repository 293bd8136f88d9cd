/**
 * Upgrade requests: the same checks and the same ownership as any other request, then the WebSocket forwarder.
 */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { AppError, badRequest, busy } from '../errors.ts';
import { requestHeaders } from '../forward/headers.ts';
import type { WebSocketForwarder } from '../forward/websocket.ts';
import { endSocketWithError } from './error-response.ts';
import type { Ownership } from './ownership.ts';
import { readRequestHead } from './request-head.ts';
import { forwardedBy, type IsTrustedPeer } from './trusted-proxies.ts';

export interface UpgradeOptions {
  readonly ownership: Ownership;
  readonly isTrustedPeer: IsTrustedPeer;
  readonly webSockets: WebSocketForwarder;
  readonly isOverloaded: () => boolean;
}

export interface UpgradeHandler {
  /**
   * Only a WebSocket handshake for the backend leaves HTTP. Any other Upgrade may be ignored (RFC 9110 §7.8), and has
   * to be: Java's HttpClient offers h2c with every first request.
   */
  isUpgrade(req: IncomingMessage): boolean;
  handle(req: IncomingMessage, socket: Duplex, head: Buffer): void;
}

export function createUpgradeHandler({
  ownership,
  isTrustedPeer,
  webSockets,
  isOverloaded,
}: UpgradeOptions): UpgradeHandler {
  return {
    isUpgrade(req) {
      if (req.method !== 'GET' || req.headers.upgrade?.toLowerCase() !== 'websocket') return false;
      return ownership.whose('GET', req.url ?? '') === 'forward';
    },
    handle(req, socket, head) {
      try {
        if (isOverloaded()) throw busy();
        const checked = readRequestHead(req);
        if (checked.contentLength !== 0) throw badRequest('A WebSocket handshake has no body.');
        const requestId = checked.requestId ?? randomUUID();
        req.url = checked.target;
        const headers = requestHeaders(req.rawHeaders, forwardedBy(req, checked, requestId, isTrustedPeer));
        webSockets.upgrade(req, socket, head, { headers, requestId });
      } catch (error) {
        socket.on('error', () => socket.destroy());
        endSocketWithError(
          socket,
          error instanceof AppError ? error : badRequest('The handshake is not valid.'),
        );
      }
    },
  };
}
