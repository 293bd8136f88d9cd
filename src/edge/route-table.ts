/**
 * The paths of the local routes as a tree of segments: finding one costs the same with four routes and with forty, and the
 * search for a path of the backend's ends at the first segment that no local route has. Not path-to-regexp: it tries one
 * expression after the other, and a forwarded request would pay for each route that it is not.
 */
import type { RouteMethod } from './route.ts';

/** What the table needs to know of a route. */
export interface LocalRoute {
  readonly method: RouteMethod;
  readonly path: string;
}

/** Percent-decoded, by the names in the pattern. */
export type Params = Record<string, string>;

export interface PathMatch<R> {
  /** The route for a method; the one whose path has a literal where another has a parameter, if both would do. */
  route(method: string): R | undefined;
}

export interface RouteTable<R> {
  /** What a raw path is, whatever the method; undefined when no local route has it. */
  find(path: string): PathMatch<R> | undefined;
  /** Undefined when a parameter is not valid percent-encoding of UTF-8. @param path one that the route was found by */
  paramsOf(route: R, path: string): Params | undefined;
}

interface Node<R> {
  /** A list, not a map: comparing with a few texts in place costs less than cutting the segment out to look it up. */
  readonly literals: { readonly text: string; readonly child: Node<R> }[];
  /** Any segment but an empty one. */
  parameter: Node<R> | undefined;
  readonly routes: Map<string, R>;
}

const PATTERN = /^(?:\/(?::[A-Za-z]\w*|[A-Za-z0-9._~-]+))+$/;

/** @throws Error for a path that is no pattern, or two routes of one method and path */
export function createRouteTable<R extends LocalRoute>(routes: readonly R[]): RouteTable<R> {
  const root = createNode<R>();
  for (const route of routes) {
    if (!PATTERN.test(route.path))
      throw new Error(`${route.path} is not a path of literals and :parameters.`);
    const node = segmentsOf(route.path).reduce(childFor, root);
    if (node.routes.has(route.method)) throw new Error(`There are two routes ${route.method} ${route.path}.`);
    node.routes.set(route.method, route);
  }
  return { find: (path) => findFrom(root, path, 1), paramsOf };
}

function createNode<R>(): Node<R> {
  return { literals: [], parameter: undefined, routes: new Map() };
}

function childFor<R>(node: Node<R>, segment: string): Node<R> {
  if (segment.startsWith(':')) {
    node.parameter ??= createNode();
    return node.parameter;
  }
  const known = node.literals.find(({ text }) => text === segment);
  if (known !== undefined) return known.child;
  const child = createNode<R>();
  node.literals.push({ text: segment, child });
  return child;
}

/** @param start of the next segment in `path` */
function findFrom<R>(node: Node<R>, path: string, start: number): PathMatch<R> | undefined {
  let found: PathMatch<R> | undefined;
  for (const { text, child } of node.literals) {
    const end = start + text.length;
    if (path.startsWith(text, start) && endsSegment(path, end)) found = matchFrom(child, path, end);
  }
  if (node.parameter === undefined || endsSegment(path, start)) return found;
  const slash = path.indexOf('/', start);
  return eitherOf(found, matchFrom(node.parameter, path, slash === -1 ? path.length : slash));
}

const endsSegment = (path: string, at: number) => at === path.length || path.charCodeAt(at) === SLASH;
const SLASH = 0x2f;

/** @param end of the segment that led to `node` */
function matchFrom<R>(node: Node<R>, path: string, end: number): PathMatch<R> | undefined {
  if (end < path.length) return findFrom(node, path, end + 1);
  return node.routes.size === 0 ? undefined : { route: (method) => node.routes.get(method) };
}

function eitherOf<R>(
  first: PathMatch<R> | undefined,
  second: PathMatch<R> | undefined,
): PathMatch<R> | undefined {
  if (first === undefined || second === undefined) return first ?? second;
  return { route: (method) => first.route(method) ?? second.route(method) };
}

function paramsOf(route: LocalRoute, path: string): Params | undefined {
  const values = segmentsOf(path);
  const params: Record<string, string> = {};
  try {
    segmentsOf(route.path).forEach((part, i) => {
      if (part.startsWith(':')) params[part.slice(1)] = decodeURIComponent(values[i] ?? '');
    });
    return params;
  } catch {
    return undefined;
  }
}

const segmentsOf = (path: string) => path.slice(1).split('/');
