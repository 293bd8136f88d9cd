/** Nginx's configuration as one tree, with its includes in place, and what in it leads to the sidecar or the backend. Pure. */
import { matchesGlob } from 'node:path';
import { dirname, isAbsolute, join } from 'node:path/posix';
import type { NginxFacts } from '../lib/nginx-command.ts';
import { type Directive, parseNginx } from '../lib/nginx-syntax.ts';

export interface Node {
  readonly name: string;
  readonly args: readonly string[];
  /** Name and arguments as they are written. */
  readonly source: string;
  /** null: it ends with a semicolon. */
  readonly block: readonly Node[] | null;
}

/** @throws Error of a file that cannot be read as Nginx's language (Lua, say) */
export function treeOf({ files }: Pick<NginxFacts, 'files'>): Node[] {
  const [main = '', text = ''] = files.entries().next().value ?? [];
  const folder = dirname(main);
  const nodes = (directives: readonly Directive[], source: string): Node[] =>
    directives.flatMap(({ name, args, start, end, block }): Node[] => {
      if (name === 'include' && block === null) return included(args[0] ?? '');
      return [{ name, args, source: source.slice(start, end), block: block && nodes(block, source) }];
    });
  const included = (pattern: string): Node[] => {
    const wanted = isAbsolute(pattern) ? pattern : join(folder, pattern);
    const found = [...files].filter(([path]) => path === wanted || matchesGlob(path, wanted));
    return found.flatMap(([, content]) => nodes(parseNginx(content), content));
  };
  return nodes(parseNginx(text), text);
}

export const childrenNamed = ({ block }: Pick<Node, 'block'>, name: string): Node[] =>
  (block ?? []).filter((node) => node.name === name);

export function* descendants({ block }: Pick<Node, 'block'>): Generator<Node> {
  for (const node of block ?? []) {
    yield node;
    yield* descendants(node);
  }
}

export interface ApiServer {
  readonly folder: string;
  /** `load_module …`, which the rest may need. */
  readonly modules: readonly string[];
  readonly http: Node;
  readonly server: Node;
  /** Upstreams that lead there, by name, and addresses that stand in a proxy_pass themselves. */
  readonly upstreams: readonly string[];
  readonly addresses: readonly string[];
  readonly name: string | null;
  readonly port: number;
  readonly isTls: boolean;
}

/** The server that passes requests on to one of these ports of this machine; one with TLS before others. null: there is none */
export function findApiServer(facts: Pick<NginxFacts, 'files'>, ports: readonly number[]): ApiServer | null {
  const tree = treeOf(facts);
  const http = tree.find(({ name }) => name === 'http');
  if (http === undefined) return null;
  const addresses = ports.flatMap((port) => [`127.0.0.1:${port}`, `localhost:${port}`, `[::1]:${port}`]);
  const upstreams = childrenNamed(http, 'upstream')
    .filter((upstream) =>
      childrenNamed(upstream, 'server').some(({ args }) => addresses.includes(args[0] ?? '')),
    )
    .map(({ args }) => args[0] ?? '');
  const targets = [...upstreams, ...addresses];
  const leads = (server: Node) =>
    [...descendants(server)].some(
      ({ name, args }) => name === 'proxy_pass' && targets.includes(hostIn(args[0] ?? '')),
    );
  const servers = childrenNamed(http, 'server').filter(leads);
  const server = servers.find(isTlsServer) ?? servers[0];
  if (server === undefined) return null;
  const listens = childrenNamed(server, 'listen').find((listen) => isTlsServer(server) === isTls(listen));
  const name = childrenNamed(server, 'server_name')
    .flatMap(({ args }) => args)
    .find((one) => /^[\w.-]+\.[\w-]+$/.test(one));
  return {
    modules: tree.filter(({ name: one }) => one === 'load_module').map(({ source }) => `${source};`),
    ...{ folder: dirname([...facts.files.keys()][0] ?? '/'), http, server, upstreams, addresses },
    ...{
      name: name ?? null,
      port: Number(/(\d+)$/.exec(listens?.args[0] ?? '')?.[1] ?? 80),
      isTls: isTlsServer(server),
    },
  };
}

const hostIn = (url: string) => /^https?:\/\/([^/]+)/.exec(url)?.[1] ?? '';
const isTls = ({ args }: Node) => args.includes('ssl');
const isTlsServer = (server: Node) => childrenNamed(server, 'listen').some(isTls);

/** The location that takes a path, as Nginx chooses it: `=`, then `^~`, then the first expression, then the longest prefix. */
export function locationFor({ server }: Pick<ApiServer, 'server'>, path: string): Node | null {
  const locations = childrenNamed(server, 'location').map((node) => {
    const [first = '', second] = node.args;
    return second === undefined ? { node, kind: '', pattern: first } : { node, kind: first, pattern: second };
  });
  const prefixes = locations
    .filter(({ kind, pattern }) => (kind === '' || kind === '^~') && path.startsWith(pattern))
    .sort((one, other) => other.pattern.length - one.pattern.length);
  const exact = locations.find(({ kind, pattern }) => kind === '=' && pattern === path);
  const expression = locations.find(
    ({ kind, pattern }) => kind.startsWith('~') && matches(pattern, path, kind),
  );
  if (exact) return exact.node;
  if (prefixes[0]?.kind === '^~') return prefixes[0].node;
  return (expression ?? prefixes[0])?.node ?? null;
}

function matches(pattern: string, path: string, kind: string): boolean {
  try {
    return new RegExp(pattern, kind === '~*' ? 'i' : '').test(path);
  } catch {
    return false;
  }
}

/** What holds for a location: its own, else its server's, else that of http. null: Nginx's default */
export const valueFor = ({ http, server }: ApiServer, location: Node | null, name: string): string | null =>
  [location, server, http].flatMap((node) => (node === null ? [] : childrenNamed(node, name).slice(-1)))[0]
    ?.args[0] ?? null;

/** Nginx's way to write a time, in seconds (`310s`, `1h 30m`, `500ms`). */
export function secondsOf(text: string): number {
  const units: Readonly<Record<string, number>> = {
    ms: 0.001,
    s: 1,
    m: 60,
    h: 3600,
    d: 86_400,
    w: 604_800,
    '': 1,
  };
  return [...text.matchAll(/(\d+)(ms|[smhdw]?)/g)].reduce(
    (sum, [, n, unit = '']) => sum + Number(n) * (units[unit] ?? 1),
    0,
  );
}
