/**
 * A local route, as data. The same list feeds the routing decision, the CORS preflight and the tests, so that
 * they can never disagree.
 */
import type { RequestHandler } from 'express';

export type RouteMethod = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

export interface Route {
  readonly method: RouteMethod;
  /** Absolute path; a segment that starts with `:` is a parameter, e.g. `/api/products/:productId/reviews`. */
  readonly path: string;
  /** Express handler; may be async, may throw an AppError. Path parameters arrive decoded in `req.params`. */
  readonly handler: RequestHandler;
}
