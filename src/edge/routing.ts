/**
 * What becomes of a request: decided once, from the method and the raw request target alone, out of one table (the routes).
 *
 * The raw path decides, because the backend sees the raw path: whatever we decoded or tidied first could name one thing
 * here and another there. A path that is a local one only after decoding or removal of dot segments is therefore
 * neither local nor forwarded but rejected.
 */
import { createRouteTable, type LocalRoute, type Params } from './route-table.ts';

/** Why a path is answered 400 instead of by anybody. */
export type RejectedPath =
  /** A local path only once decoded or normalised, or with a fragment, which some readers drop. */
  | 'ambiguous'
  /** Dot segments lead out of the prefixes that are forwarded. */
  | 'escaping'
  /** A parameter of a local route that is no percent-encoded UTF-8. */
  | 'undecodable';

/** One of our features answers, by this route. */
export interface LocalDecision<R extends LocalRoute = LocalRoute> {
  readonly kind: 'local';
  readonly route: R;
  readonly params: Params;
}

export type Decision<R extends LocalRoute = LocalRoute> =
  | LocalDecision<R>
  /** Liveness, readiness: answered at the edge. */
  | { readonly kind: 'health' }
  /** A CORS preflight for a local route. */
  | { readonly kind: 'preflight' }
  /** The backend answers. */
  | { readonly kind: 'proxy' }
  | { readonly kind: 'rejected'; readonly reason: RejectedPath }
  /** Nobody's path: 404. */
  | { readonly kind: 'not_found' };

/**
 * @param target origin-form request target as received, query included
 * @param preflightMethod Access-Control-Request-Method of an OPTIONS request that has an Origin, else undefined
 */
export type Decide<R extends LocalRoute = LocalRoute> = (
  method: string,
  target: string,
  preflightMethod?: string,
) => Decision<R>;

export const HEALTH_PATHS = new Set(['/livez', '/readyz']);

const HEALTH: Decision<never> = { kind: 'health' };
const PREFLIGHT: Decision<never> = { kind: 'preflight' };
const PROXY: Decision<never> = { kind: 'proxy' };
const AMBIGUOUS: Decision<never> = { kind: 'rejected', reason: 'ambiguous' };
const ESCAPING: Decision<never> = { kind: 'rejected', reason: 'escaping' };
const UNDECODABLE: Decision<never> = { kind: 'rejected', reason: 'undecodable' };
const NOT_FOUND: Decision<never> = { kind: 'not_found' };

/**
 * Builds the decision from the routes: the only reader of their methods and paths.
 * @throws Error for a path that is no pattern, or two routes of one method and path
 */
export function createRouting<R extends LocalRoute>(routes: readonly R[]): Decide<R> {
  const table = createRouteTable(routes);

  function decide(method: string, target: string, preflightMethod?: string): Decision<R> {
    const fragment = target.indexOf('#');
    if (fragment !== -1)
      return decide(method, target.slice(0, fragment)).kind === 'not_found' ? NOT_FOUND : AMBIGUOUS;
    const path = pathOf(target);
    if (HEALTH_PATHS.has(path)) return method === 'GET' || method === 'HEAD' ? HEALTH : NOT_FOUND;
    const matches = table.find(path);
    if (matches !== undefined) {
      if (hidesSegments(path)) return AMBIGUOUS;
      const route = matches.route(method);
      if (route !== undefined) return local(route, path);
      const isPreflight = method === 'OPTIONS' && preflightMethod !== undefined;
      return isPreflight && matches.route(preflightMethod) !== undefined ? PREFLIGHT : PROXY;
    }
    const isForwarded = isForwardedPath(path);
    if (!mayNeedNormalising(path)) return isForwarded ? PROXY : NOT_FOUND;
    const readings = readingsOf(path);
    if (readings.some((reading) => table.find(reading) !== undefined)) return AMBIGUOUS;
    if (!isForwarded) return NOT_FOUND;
    return readings.every(isForwardedPath) ? PROXY : ESCAPING;
  }

  function local(route: R, path: string): Decision<R> {
    const params = table.paramsOf(route, path);
    return params === undefined ? UNDECODABLE : { kind: 'local', route, params };
  }

  return decide;
}

/** `/api`, `/ws` and what lies below them, and `/healthz`: what Nginx sends to this upstream. Case-sensitive. */
function isForwardedPath(path: string): boolean {
  return (
    path.startsWith('/api/') ||
    path.startsWith('/ws/') ||
    path === '/api' ||
    path === '/ws' ||
    path === '/healthz'
  );
}

/** The target without its query. */
export function pathOf(target: string): string {
  const query = target.indexOf('?');
  return query === -1 ? target : target.slice(0, query);
}

/** An encoded slash or an encoded dot segment in a parameter: other readers of the path would count its segments differently. */
function hidesSegments(path: string): boolean {
  if (!mayNeedNormalising(path)) return false;
  const decoded = decode(path);
  return decoded.split('/').length !== path.split('/').length || /\/\.{1,2}(\/|$)/.test(decoded);
}

const mayNeedNormalising = (path: string) => path.includes('%') || path.includes('/.');

/** What a reader may take the path for: decoded once, dot segments removed (RFC 3986 §5.2.4), with and without the slash that removal leaves. */
function readingsOf(path: string): string[] {
  const readings = new Set<string>();
  for (const form of [decode(path), path]) {
    const plain = removeDotSegments(form);
    readings.add(plain);
    if (plain !== form && plain.endsWith('/') && plain.length > 1) readings.add(plain.slice(0, -1));
  }
  return [...readings];
}

/** Percent-decodes what is decodable and leaves a broken `%` as it is, as uvicorn does. */
const decode = (path: string) =>
  path.replace(/%([0-9a-fA-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));

function removeDotSegments(path: string): string {
  const kept: string[] = [];
  const segments = path.split('/').slice(1);
  segments.forEach((segment, i) => {
    const last = i === segments.length - 1;
    if (segment === '..') kept.pop();
    if (segment !== '.' && segment !== '..') kept.push(segment);
    else if (last) kept.push('');
  });
  return `/${kept.join('/')}`;
}
