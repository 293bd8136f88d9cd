/**
 * Starlette's CORSMiddleware as the backend sets it up: every origin, with credentials, all methods and headers.
 * Follows starlette/middleware/cors.py.
 */
import type { RequestHandler } from 'express';

const METHODS = ['DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT'];
const MAX_AGE_SECONDS = 600;

/** Answers preflights and marks every other response; requests without Origin pass unmarked. */
export const cors: RequestHandler = (req, res, next) => {
  const { origin } = req.headers;
  if (origin === undefined) return next();
  res.set('Access-Control-Allow-Credentials', 'true');
  const wantedMethod = req.headers['access-control-request-method'];
  if (req.method !== 'OPTIONS' || wantedMethod === undefined) {
    // `*` is what Starlette says to a request without a cookie, and browsers accept it for a bearer token.
    const hasCookie = req.headers.cookie !== undefined;
    res.set('Access-Control-Allow-Origin', hasCookie ? origin : '*');
    if (hasCookie) res.vary('Origin');
    return next();
  }
  const wantedHeaders = req.headers['access-control-request-headers'];
  res.set({
    'Access-Control-Allow-Origin': origin,
    'Access-Control-Allow-Methods': METHODS.join(', '),
    'Access-Control-Max-Age': String(MAX_AGE_SECONDS),
    Vary: 'Origin',
  });
  if (wantedHeaders !== undefined) res.set('Access-Control-Allow-Headers', wantedHeaders);
  const isKnown = METHODS.includes(wantedMethod);
  res
    .status(isKnown ? 200 : 400)
    .type('text')
    .send(isKnown ? 'OK' : 'Disallowed CORS method');
};
