/**
 * The way of a request, in order: check the head, give it an id, decide whose it is, log it, hand it over. A forwarded
 * request never enters Express: routing it there costs CPU and buys nothing (docs/decisions/0002-routes-as-data.md).
 */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import express, { type NextFunction, type Request, type Response } from 'express';
import { badRequest, busy, notFound } from '../errors.ts';
import { requestHeaders } from '../forward/headers.ts';
import type { ForwardRequest, HttpForwarder } from '../forward/http.ts';
import type { AccessLog } from './access-log.ts';
import { answerPreflight, type CorsPolicy, corsHeaders, preflightMethod } from './cors.ts';
import type { ErrorResponder } from './error-response.ts';
import type { Health } from './health.ts';
import type { Owner, Ownership } from './ownership.ts';
import { type RequestHead, readRequestHead } from './request-head.ts';
import type { Route } from './route.ts';
import { forwardedBy, type IsTrustedPeer } from './trusted-proxies.ts';

export interface AppOptions {
  readonly routes: readonly Route[];
  readonly ownership: Ownership;
  readonly forward: HttpForwarder;
  readonly health: Health;
  readonly accessLog: AccessLog;
  readonly sendError: ErrorResponder;
  readonly cors: CorsPolicy;
  readonly isTrustedPeer: IsTrustedPeer;
  readonly isDraining: () => boolean;
  readonly isOverloaded: () => boolean;
}

/** Creates the request listener of the server. It never throws. */
export function createApp(options: AppOptions): RequestListener {
  const { ownership, accessLog, sendError } = options;
  const ours = createOurs(options);

  return (req, res) => {
    if (options.isDraining()) res.shouldKeepAlive = false;
    let head: RequestHead;
    try {
      head = readRequestHead(req);
    } catch (error) {
      refuse(req, res, error);
      return;
    }
    const requestId = head.requestId ?? randomUUID();
    const owner = ownership.whose(req.method ?? '', head.target, preflightMethod(req));
    const route = owner === 'ours' ? ownership.routeOf(head.target) : undefined;
    accessLog.watch(req, res, { requestId, owner, route });
    if (options.isOverloaded() && owner !== 'health') {
      shed(req, res, requestId);
      return;
    }
    if (owner === 'forward') {
      options.forward(req, res, forwardRequest(req, head, requestId, options.isTrustedPeer));
      return;
    }
    res.setHeader('X-Request-Id', requestId);
    // Express routes on req.url; an absolute-form target is a path from here on.
    req.url = head.target;
    answer(owner, req, res);
  };

  function answer(owner: Exclude<Owner, 'forward'>, req: IncomingMessage, res: ServerResponse): void {
    switch (owner) {
      case 'ours':
        ours(req, res);
        break;
      case 'health':
        options.health.handle(req, res);
        break;
      case 'preflight':
        answerPreflight(options.cors, req, res);
        break;
      case 'ambiguous':
        sendError(req, res, badRequest('The path is ambiguous: write it without encoded or dot segments.'));
        break;
      case 'escaping':
        sendError(req, res, badRequest('The path leaves its prefix.'));
        break;
      case 'nobody':
        // An upgrade that nobody takes must not leave the client waiting on an open socket.
        if (req.headers.upgrade !== undefined) res.shouldKeepAlive = false;
        sendError(req, res, notFound());
        break;
    }
  }

  /** Health checks are still answered: a busy process is alive, and a restart would make it worse. */
  function shed(req: IncomingMessage, res: ServerResponse, requestId: string): void {
    res.setHeader('X-Request-Id', requestId);
    sendError(req, res, busy());
  }

  /** Where the head cannot be trusted, neither can the place where the next request would begin: close. */
  function refuse(req: IncomingMessage, res: ServerResponse, error: unknown): void {
    const requestId = randomUUID();
    accessLog.watch(req, res, { requestId, owner: 'invalid', route: undefined });
    res.setHeader('X-Request-Id', requestId);
    res.shouldKeepAlive = false;
    sendError(req, res, error);
  }
}

/** Express with our routes on the app itself: a nested Router would answer OPTIONS on its own. */
function createOurs({
  routes,
  cors,
  sendError,
}: AppOptions): (req: IncomingMessage, res: ServerResponse) => void {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.enable('strict routing');
  app.enable('case sensitive routing');
  app.use((req: Request, res: Response, next: NextFunction) => {
    res.set(corsHeaders(cors, req.headers.origin));
    next();
  });
  // HEAD first: Express lets a GET route answer HEAD, too.
  for (const route of routes.toSorted((a, b) => Number(b.method === 'HEAD') - Number(a.method === 'HEAD'))) {
    app[route.method.toLowerCase() as Lowercase<Route['method']>](route.path, route.handler);
  }
  app.use((_req: Request, _res: Response, next: NextFunction) => next(notFound()));
  // Express knows an error handler by its four parameters.
  app.use((error: unknown, req: Request, res: Response, _next: NextFunction) => sendError(req, res, error));
  return app;
}

function forwardRequest(
  req: IncomingMessage,
  head: RequestHead,
  requestId: string,
  isTrustedPeer: IsTrustedPeer,
): ForwardRequest {
  const headers = requestHeaders(req.rawHeaders, forwardedBy(req, head, requestId, isTrustedPeer));
  return { target: head.target, headers, contentLength: head.contentLength, requestId };
}
