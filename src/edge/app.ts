/**
 * The way of a request, in order: check the head, give it an id, decide whose it is, log it, hand it over. A forwarded
 * request never enters Express: routing it there costs CPU and buys nothing (docs/decisions/0002-routes-as-data.md).
 */
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { NextFunction, Request, Response } from 'express';
import { BUSY, badRequest, notFound } from '../errors.ts';
import { requestHeaders } from '../forward/headers.ts';
import type { ForwardRequest, HttpForwarder } from '../forward/http.ts';
import { loadPackage } from '../load-package.ts';
import type { AccessLog } from './access-log.ts';
import type { BodyWatch } from './body-watch.ts';
import { answerPreflight, type CorsPolicy, corsHeaders, preflightMethod } from './cors.ts';
import type { ErrorResponder } from './error-response.ts';
import type { Health } from './health.ts';
import type { Owner, Ownership } from './ownership.ts';
import { type RequestHead, readRequestHead } from './request-head.ts';
import { newRequestId, requestIdOf, setRequestId } from './request-id.ts';
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
  readonly bodyWatch: BodyWatch;
  readonly isDraining: () => boolean;
  readonly isOverloaded: () => boolean;
}

/** Creates the request listener of the server. It never throws. */
export function createApp(options: AppOptions): RequestListener {
  const { ownership, accessLog, sendError } = options;
  let ours: OurRoutes | undefined;

  /** Sockets on which nothing more is believed: where one message ends is in doubt, and so is where the next begins. */
  const distrusted = new WeakSet<Socket>();
  const endWithThisAnswer = (req: IncomingMessage, res: ServerResponse) => {
    res.shouldKeepAlive = false;
    distrusted.add(req.socket);
  };

  return (req, res) => {
    if (res.socket !== null) handle(req, res);
    // Pipelined: an earlier request on the connection is not answered yet. One after the other, since only safe methods
    // may be worked on together (RFC 9112 §9.3.2), and so that a connection counts once in MAX_IN_FLIGHT.
    else res.once('socket', () => handle(req, res));
  };

  function handle(req: IncomingMessage, res: ServerResponse): void {
    if (distrusted.has(req.socket) || !req.socket.writable) {
      // Behind a last answer (RFC 9112 §9.6): this one's would never be sent, so it must not have an effect either.
      req.resume();
      return;
    }
    if (options.isDraining()) res.shouldKeepAlive = false;
    let head: RequestHead;
    try {
      head = readRequestHead(req);
    } catch (error) {
      refuse(req, res, error);
      return;
    }
    // One that we ignore: node:http drops what came in the same packet, so the next request may have lost its head.
    if (head.offersUpgrade) endWithThisAnswer(req, res);
    const requestId = head.requestId ?? newRequestId();
    setRequestId(req, requestId);
    const owner = ownership.whose(req.method ?? '', head.target, preflightMethod(req));
    const route = owner === 'ours' ? ownership.routeOf(head.target) : undefined;
    if (head.contentLength !== 0) options.bodyWatch.watch(req, res);
    accessLog.watch(req, res, { requestId, owner, route });
    if (options.isOverloaded() && owner !== 'health') {
      // Health checks are still answered: a busy process is alive, and a restart would make it worse.
      sendError(req, res, BUSY);
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
  }

  function answer(owner: Exclude<Owner, 'forward'>, req: IncomingMessage, res: ServerResponse): void {
    switch (owner) {
      case 'ours':
        answerOurs(req, res);
        break;
      case 'health':
        options.health.handle(req, res);
        break;
      case 'preflight':
        answerPreflight(options.cors, req, res);
        break;
      case 'ambiguous':
        sendError(
          req,
          res,
          badRequest('The path is ambiguous: write it without encoded or dot segments, and without #.'),
        );
        break;
      case 'escaping':
        sendError(req, res, badRequest('The path leaves its prefix.'));
        break;
      case 'nobody':
        sendError(req, res, notFound());
        break;
    }
  }

  function answerOurs(req: IncomingMessage, res: ServerResponse): void {
    try {
      ours ??= createOurs(options);
    } catch (error) {
      sendError(req, res, error);
      return;
    }
    ours(req, res);
  }

  function refuse(req: IncomingMessage, res: ServerResponse, error: unknown): void {
    accessLog.watch(req, res, { requestId: requestIdOf(req), owner: 'invalid', route: undefined });
    endWithThisAnswer(req, res);
    sendError(req, res, error);
  }
}

type OurRoutes = (req: IncomingMessage, res: ServerResponse) => void;

/** Express with our routes on the app itself: a nested Router would answer OPTIONS on its own. */
function createOurs({ routes, cors, sendError }: AppOptions): OurRoutes {
  const app = loadPackage('express')();
  // In any other environment an error that gets past ours is sent with its stack trace.
  app.set('env', 'production');
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
  const { target, contentLength, expectsContinue } = head;
  return { target, headers, contentLength, expectsContinue, requestId };
}
