/**
 * Express for our own routes: its request and response, and what a handler throws on its way to the one place that answers
 * errors. It finds no routes: which one answers has been decided (routing.ts), and two readers of a path could disagree.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { NextFunction, Request, Response } from 'express';
import { loadPackage } from '../load-package.ts';
import { type CorsPolicy, corsHeaders } from './cors.ts';
import type { ErrorResponder } from './error-response.ts';
import type { Route } from './route.ts';
import type { LocalDecision } from './routing.ts';

/** Answers by the route that was found; never throws. */
export type LocalRoutes = (req: IncomingMessage, res: ServerResponse, found: LocalDecision<Route>) => void;

export interface LocalRoutesOptions {
  readonly cors: CorsPolicy;
  readonly sendError: ErrorResponder;
}

const FOUND = Symbol('route that was found');
type Found = IncomingMessage & { [FOUND]?: LocalDecision<Route> };

/** Express is loaded for the first request that needs it: forwarding must not wait for it at the start. */
export function createLocalRoutes(options: LocalRoutesOptions): LocalRoutes {
  let app: ((req: IncomingMessage, res: ServerResponse) => void) | undefined;
  return (req: Found, res, found) => {
    req[FOUND] = found;
    try {
      app ??= createExpress(options);
    } catch (error) {
      options.sendError(req, res, error);
      return;
    }
    app(req, res);
  };
}

function createExpress({ cors, sendError }: LocalRoutesOptions) {
  const app = loadPackage('express')();
  // In any other environment Express answers an error that gets past our handler with its stack trace.
  app.set('env', 'production');
  app.disable('x-powered-by');
  app.disable('etag');
  app.use((req: Request & Found, res: Response, next: NextFunction) => {
    res.set(corsHeaders(cors, req.headers.origin));
    const found = req[FOUND];
    if (found === undefined) return next();
    req.params = found.params;
    // Returned, so that Express hears of a promise that is rejected.
    return found.route.handler(req, res, next);
  });
  // Express knows an error handler by its four parameters.
  app.use((error: unknown, req: Request, res: Response, _next: NextFunction) => sendError(req, res, error));
  return app;
}
