/**
 * The backend's CORS policy for our own routes: every origin (or the configured ones), with credentials, all methods
 * and headers, preflights good for 600 s. With credentials a browser refuses `*`, so the origin is echoed, with Vary.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { AppError } from '../errors.ts';
import type { ErrorResponder } from './error-response.ts';

export type CorsPolicy = '*' | readonly string[];

const MAX_AGE_SECONDS = 600;
const METHODS = 'DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT';
/** RFC 9110 tokens, comma-separated: what may be echoed as allowed headers. */
const HEADER_LIST = /^[A-Za-z0-9!#$%&'*+.^_`|~, -]{0,2000}$/;

/** Headers for an actual response; none without an Origin or for one that is not allowed. */
export function corsHeaders(policy: CorsPolicy, origin: string | undefined): Record<string, string> {
  if (origin === undefined) return policy === '*' ? {} : { Vary: 'Origin' };
  if (policy !== '*' && !policy.includes(origin)) return { Vary: 'Origin' };
  return {
    'Access-Control-Allow-Origin': origin,
    'Access-Control-Allow-Credentials': 'true',
    Vary: 'Origin',
  };
}

/** Lets web pages read Retry-After, which they cannot by themselves (https://fetch.spec.whatwg.org/#cors-safelisted-response-header-name). */
export function exposing(names: readonly string[], headers: Record<string, string>): Record<string, string> {
  if (!names.includes('Retry-After') || headers['Access-Control-Allow-Origin'] === undefined) return headers;
  return { ...headers, 'Access-Control-Expose-Headers': 'Retry-After' };
}

/** The method that a CORS preflight asks about, or undefined when the request is none. */
export function preflightMethod(req: IncomingMessage): string | undefined {
  if (req.method !== 'OPTIONS' || req.headers.origin === undefined) return undefined;
  return req.headers['access-control-request-method'];
}

/** Answers a preflight for a local route as Starlette's CORSMiddleware does, a forbidden one with an error of our form. */
export function answerPreflight(
  policy: CorsPolicy,
  req: IncomingMessage,
  res: ServerResponse,
  sendError: ErrorResponder,
): void {
  const allowed = corsHeaders(policy, req.headers.origin);
  if (allowed['Access-Control-Allow-Origin'] === undefined) {
    sendError(req, res, new AppError('disallowed_origin'));
    return;
  }
  const wanted = req.headers['access-control-request-headers'];
  res.writeHead(200, {
    ...allowed,
    'Access-Control-Allow-Methods': METHODS,
    'Access-Control-Max-Age': MAX_AGE_SECONDS,
    ...(wanted !== undefined && HEADER_LIST.test(wanted) ? { 'Access-Control-Allow-Headers': wanted } : {}),
    Vary: 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers',
    'Content-Length': 0,
  });
  res.end();
}
