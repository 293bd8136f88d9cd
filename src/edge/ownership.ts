/**
 * Who answers a request: decided from the method and the raw request target alone, from one table (the routes).
 *
 * The raw path decides, because the backend sees the raw path: whatever we decoded or tidied first could name one thing
 * here and another there. A path that is one of ours only after decoding or removal of dot segments is therefore
 * neither ours nor the backend's but `ambiguous`.
 */
import type { Route, RouteMethod } from './route.ts';

export type Owner =
  /** A feature of ours answers. */
  | 'ours'
  /** Liveness, readiness: answered at the edge. */
  | 'health'
  /** The backend answers. */
  | 'forward'
  /** A CORS preflight for a route of ours. */
  | 'preflight'
  /** Ours only once decoded or normalised, or with a fragment, which some readers cut off: 400. */
  | 'ambiguous'
  /** Dot segments lead out of the prefixes that are forwarded: 400. */
  | 'escaping'
  /** Nobody's: 404. */
  | 'nobody';

export interface Ownership {
  /**
   * @param target origin-form request target as received, query included
   * @param preflightMethod Access-Control-Request-Method of an OPTIONS request that has an Origin, else undefined
   */
  whose(method: string, target: string, preflightMethod?: string): Owner;
  /** The pattern of ours that a raw target matches, for logs and metrics (never the raw path: it is unbounded). */
  routeOf(target: string): string | undefined;
}

type OwnedPath = Pick<Route, 'method' | 'path'>;

interface Pattern {
  readonly path: string;
  readonly segments: readonly string[];
  readonly methods: ReadonlySet<string>;
}

const HEALTH_PATHS = new Set(['/livez', '/readyz']);

/** Builds the decision from the routes; the only reader of their methods and paths besides the router. */
export function createOwnership(routes: readonly OwnedPath[]): Ownership {
  const patterns = toPatterns(routes);
  // Most forwarded paths end in a segment that no pattern of ours ends in: one Set look-up settles them.
  const lastSegments = new Set(patterns.map((pattern) => pattern.segments.at(-1) ?? ''));

  const match = (path: string): Pattern | undefined => {
    if (!lastSegments.has(path.slice(path.lastIndexOf('/') + 1))) return undefined;
    const segments = path.split('/');
    return patterns.find((pattern) => matches(pattern.segments, segments));
  };

  function whose(method: string, target: string, preflightMethod?: string): Owner {
    const fragment = target.indexOf('#');
    if (fragment !== -1)
      return whose(method, target.slice(0, fragment)) === 'nobody' ? 'nobody' : 'ambiguous';
    const path = pathOf(target);
    if (HEALTH_PATHS.has(path)) return method === 'GET' || method === 'HEAD' ? 'health' : 'nobody';
    const forwarded = isForwardedPath(path);
    const pattern = match(path);
    if (pattern !== undefined) {
      const owned = pattern.methods.has(method);
      const preflight = method === 'OPTIONS' && pattern.methods.has(preflightMethod as RouteMethod);
      if (hidesSegments(path)) return 'ambiguous';
      if (!owned && !preflight) return 'forward';
      return owned ? 'ours' : 'preflight';
    }
    if (!mayNeedNormalising(path)) return forwarded ? 'forward' : 'nobody';
    const plain = normalise(path);
    if (plain.some((candidate) => match(candidate) !== undefined)) return 'ambiguous';
    if (!forwarded) return 'nobody';
    return plain.every(isForwardedPath) ? 'forward' : 'escaping';
  }

  return { whose, routeOf: (target) => match(pathOf(target))?.path };
}

/** `/api`, `/ws` and what lies below them, and `/healthz`: what Nginx sends to this upstream. Case-sensitive. */
export function isForwardedPath(path: string): boolean {
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

function toPatterns(routes: readonly OwnedPath[]): Pattern[] {
  const methodsByPath = Map.groupBy(routes, (route) => route.path);
  return [...methodsByPath].map(([path, group]) => ({
    path,
    segments: path.split('/'),
    methods: new Set(group.map((route) => route.method)),
  }));
}

const matches = (pattern: readonly string[], segments: readonly string[]) =>
  pattern.length === segments.length &&
  pattern.every((part, i) => (part.startsWith(':') ? segments[i] !== '' : part === segments[i]));

/** An encoded slash or an encoded dot segment in a parameter: other readers of the path would count its segments differently. */
function hidesSegments(path: string): boolean {
  if (!mayNeedNormalising(path)) return false;
  const decoded = decode(path);
  return decoded.split('/').length !== path.split('/').length || /\/\.{1,2}(\/|$)/.test(decoded);
}

const mayNeedNormalising = (path: string) => path.includes('%') || path.includes('/.');

/** What a reader may take the path for: decoded once, dot segments removed (RFC 3986 §5.2.4), with and without the slash that removal leaves. */
function normalise(path: string): string[] {
  const decoded = decode(path);
  const candidates = new Set<string>();
  for (const form of [decoded, path]) {
    const plain = removeDotSegments(form);
    candidates.add(plain);
    if (plain !== form && plain.endsWith('/') && plain.length > 1) candidates.add(plain.slice(0, -1));
  }
  return [...candidates];
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
