/**
 * The way of a request, in order: check the head, give it an id, decide what becomes of it, log it, hand it over. A
 * forwarded request never enters Express, which costs CPU and buys nothing (docs/decisions/0002-routes-as-data.md).
 */
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { AppError, BUSY } from '../errors.ts';
import { requestHeaders } from '../forward/headers.ts';
import type { ForwardRequest, HttpForwarder } from '../forward/http.ts';
import type { AccessLog } from './access-log.ts';
import { clientConnectionOf } from './client-connection.ts';
import { answerPreflight, type CorsPolicy, preflightMethod } from './cors.ts';
import type { ErrorResponder } from './error-response.ts';
import type { Health } from './health.ts';
import type { LocalRoutes } from './local-routes.ts';
import { type RequestHead, readRequestHead } from './request-head.ts';
import { newRequestId, requestIdOf, setRequestId } from './request-id.ts';
import type { Route } from './route.ts';
import type { Decide, Decision } from './routing.ts';
import { forwardedBy, type IsTrustedPeer } from './trusted-proxies.ts';

export interface AppOptions {
  readonly decide: Decide<Route>;
  readonly localRoutes: LocalRoutes;
  readonly forward: HttpForwarder;
  readonly health: Health;
  readonly accessLog: AccessLog;
  readonly sendError: ErrorResponder;
  readonly cors: CorsPolicy;
  readonly isTrustedPeer: IsTrustedPeer;
  readonly isDraining: () => boolean;
  readonly isOverloaded: (nowMs: number) => boolean;
}

/** Creates the request listener of the server. It never throws. */
export function createApp(options: AppOptions): RequestListener {
  const { decide, accessLog, sendError } = options;

  return (req, res) => {
    if (res.socket !== null) handle(req, res);
    // Pipelined: an earlier request on the connection is not answered yet. One after the other, since only safe methods
    // may be worked on together (RFC 9112 §9.3.2), and so that a connection counts once in MAX_IN_FLIGHT.
    else res.once('socket', () => handle(req, res));
  };

  function handle(req: IncomingMessage, res: ServerResponse): void {
    const arrivedAt = performance.now();
    const connection = clientConnectionOf(req.socket);
    if (!connection.takesRequests) {
      req.resume();
      return;
    }
    if (options.isDraining()) res.shouldKeepAlive = false;
    let head: RequestHead;
    try {
      head = readRequestHead(req);
    } catch (error) {
      rejectHead(req, res, arrivedAt, error);
      return;
    }
    // We ignore it. node:http then drops what came in the same packet, perhaps the beginning of the next request.
    if (head.offersUpgrade) connection.endWith(res);
    const requestId = head.requestId ?? newRequestId();
    setRequestId(req, requestId);
    const decision = decide(req.method ?? '', head.target, preflightMethod(req));
    if (head.contentLength !== 0) connection.waitForBody(res);
    accessLog.watch(req, res, { requestId, decision, arrivedAt, traceId: head.traceId });
    if (options.isOverloaded(arrivedAt) && decision.kind !== 'health') {
      // Health checks are still answered: a busy process is alive, and a restart would make it worse.
      sendError(req, res, BUSY);
      return;
    }
    if (decision.kind === 'proxy') {
      options.forward(req, res, () => forwardRequest(req, head, requestId, options.isTrustedPeer));
      return;
    }
    res.setHeader('X-Request-Id', requestId);
    // For the query; an absolute-form target is a path from here on.
    req.url = head.target;
    answer(decision, req, res);
  }

  function answer(decision: NotProxied, req: IncomingMessage, res: ServerResponse): void {
    switch (decision.kind) {
      case 'local':
        options.localRoutes(req, res, decision);
        break;
      case 'health':
        options.health.handle(req, res);
        break;
      case 'preflight':
        answerPreflight(options.cors, req, res, sendError);
        break;
      case 'rejected':
        sendError(req, res, new AppError(`${decision.reason}_path`));
        break;
      case 'not_found':
        sendError(req, res, new AppError('not_found'));
        break;
    }
  }

  function rejectHead(req: IncomingMessage, res: ServerResponse, arrivedAt: number, error: unknown): void {
    accessLog.watch(req, res, { requestId: requestIdOf(req), decision: INVALID, arrivedAt });
    clientConnectionOf(req.socket).endWith(res);
    sendError(req, res, error);
  }
}

type NotProxied = Exclude<Decision<Route>, { readonly kind: 'proxy' }>;

const INVALID = { kind: 'rejected', reason: 'invalid' } as const;

function forwardRequest(
  req: IncomingMessage,
  head: RequestHead,
  requestId: string,
  isTrustedPeer: IsTrustedPeer,
): ForwardRequest {
  const headers = requestHeaders(req.rawHeaders, forwardedBy(req, head, requestId, isTrustedPeer));
  const { target, contentLength, expectsContinue } = head;
  return { target, headers, contentLength, expectsContinue, requestId };
}
