/** The one line in Nginx's configuration that says who gets the requests. Pure. */

import { type Directive, findDirectives, lineAt, NginxSyntaxError, parseNginx } from '../lib/nginx-syntax.ts';
import type { Side } from '../lib/who-answers.ts';

export const UPSTREAM = 'gogomarket_api';
const ADDRESS = /^127\.0\.0\.1:([1-9]\d*)$/;

export type Ports = Readonly<Record<Side, number>>;

export interface UpstreamLine {
  readonly side: Side;
  /** Counted from 1. */
  readonly line: number;
  /** As it stands there. */
  readonly text: string;
  /** Where the digits of its port are: offsets in the text. */
  readonly start: number;
  readonly end: number;
}

/** Why a text is not one that may be changed; `found` is what stands there, a line each. */
export interface Unknown {
  readonly why: 'unreadable' | 'no-upstream' | 'several-upstreams' | 'not-one-server' | 'include' | 'address';
  readonly found: readonly string[];
}

/** The line, or why it is not certain which one it is: whatever is not exactly as shipped is left to a person. */
export function findUpstreamLine(text: string, ports: Ports): UpstreamLine | Unknown {
  let directives: Directive[];
  try {
    directives = parseNginx(text);
  } catch (error) {
    if (!(error instanceof NginxSyntaxError)) throw error;
    return { why: 'unreadable', found: [String(error.line)] };
  }
  const show = ({ start, end }: Directive) => `${lineAt(text, start)}: ${text.slice(start, end)}`;
  const upstreams = findDirectives(directives, 'upstream').filter(({ args }) => args[0] === UPSTREAM);
  const [upstream] = upstreams;
  if (upstream === undefined) return { why: 'no-upstream', found: [] };
  if (upstreams.length > 1) return { why: 'several-upstreams', found: upstreams.map(show) };
  const includes = findDirectives(upstream.block ?? [], 'include');
  if (includes.length > 0) return { why: 'include', found: includes.map(show) };
  const servers = findDirectives(upstream.block ?? [], 'server');
  const [server] = servers;
  if (server === undefined || servers.length > 1) return { why: 'not-one-server', found: servers.map(show) };
  const [address = '', ...parameters] = server.args;
  const port = Number(ADDRESS.exec(address)?.[1]);
  const side = (['sidecar', 'backend'] as const).find((candidate) => ports[candidate] === port);
  const isBare = text.slice(server.start, server.end).endsWith(address);
  if (side === undefined || parameters.length > 0 || !isBare)
    return { why: 'address', found: [show(server)] };
  return {
    side,
    line: lineAt(text, server.start),
    text: `${text.slice(server.start, server.end)};`,
    start: server.end - String(port).length,
    end: server.end,
  };
}

/** The same text, with another port in that line. */
export const withPort = (text: string, { start, end }: UpstreamLine, port: number): string =>
  text.slice(0, start) + port + text.slice(end);
