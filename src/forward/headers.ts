/**
 * Which headers pass to the next hop. Pure; works on flat raw pairs (name, value, name, value …) so that order,
 * spelling, duplicates and latin1 bytes survive.
 */

/** RFC 9110 §7.6.1, and Proxy-Connection, which old clients send in Connection's place (RFC 9112 appendix C.2.2). */
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/**
 * Names that a Connection header cannot remove: with them gone the backend would see another host, another user or
 * another body than we did (RFC 9110 §7.6.1 forbids listing end-to-end fields; attackers do not care). Nor can it remove
 * X-Forwarded-* and the like (CVE-2022-31813: the backend then takes the proxy for the client).
 */
const NOT_REMOVABLE = new Set([
  'host',
  'authorization',
  'cookie',
  'content-length',
  'content-type',
  'x-request-id',
]);

/** Length and first letter, in one number: names of a shape that no filter knows pass without being lower-cased. */
const shapeOf = (name: string) => name.length * 32 + (name.charCodeAt(0) & 31);
const shapesOf = (names: Iterable<string>) => new Set(Array.from(names, shapeOf));
const REQUEST_SHAPES = shapesOf([...HOP_BY_HOP, 'expect', 'x-request-id']);
const RESPONSE_SHAPES = shapesOf([...HOP_BY_HOP, 'expect', 'x-request-id', 'content-length']);

export interface Forwarded {
  /** Replaces the peer's own X-Forwarded-*; null for a trusted proxy, whose own pass. Never left out by mistake. */
  readonly untrustedPeer: {
    readonly address: string;
    readonly host: string;
    readonly port: number | undefined;
  } | null;
  /** Sent on in place of whatever the client sent when that was missing or unusable. */
  readonly addRequestId: string | undefined;
  /** HTTP/1.0 needs no Host, but what we send is HTTP/1.1: an empty one says that it is unknown (RFC 9112 §3.2). */
  readonly addHost: boolean;
}

/** What an untrusted peer could use to pass for another client, or for TLS. */
const FORWARDED_NAMES = new Set(['forwarded', 'x-real-ip']);
const isForwardedName = (name: string) => name.startsWith('x-forwarded-') || FORWARDED_NAMES.has(name);

/**
 * Request headers for the backend: hop-by-hop fields and those named by Connection removed, Expect removed (we answer
 * it ourselves), everything else exactly as sent.
 */
export function requestHeaders(raw: readonly string[], forwarded: Forwarded): string[] {
  const { untrustedPeer, addRequestId } = forwarded;
  const passed: string[] = [];
  let listed: Set<string> | null = null;
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] as string;
    const value = raw[i + 1] as string;
    if (REQUEST_SHAPES.has(shapeOf(name)) || untrustedPeer !== null) {
      const lower = name.toLowerCase();
      if (HOP_BY_HOP.has(lower)) {
        listed = withOptions(listed, lower, value);
        continue;
      }
      if (lower === 'expect' || (lower === 'x-request-id' && addRequestId !== undefined)) continue;
      if (untrustedPeer !== null && isForwardedName(lower)) continue;
    }
    passed.push(name, value);
  }
  // Behind the loop, since a list may stand behind what it lists.
  const out = listed === null ? passed : without(passed, listed, isRemovable);
  if (untrustedPeer) {
    out.push('X-Forwarded-For', untrustedPeer.address, 'X-Forwarded-Proto', 'http');
    out.push('X-Forwarded-Host', untrustedPeer.host);
    // A unix socket has none.
    if (untrustedPeer.port !== undefined) out.push('X-Forwarded-Port', String(untrustedPeer.port));
  }
  if (forwarded.addHost) out.push('Host', '');
  if (addRequestId !== undefined) out.push('X-Request-Id', addRequestId);
  return out;
}

export interface ResponseHeaders {
  readonly headers: string[];
  /** Content-Length in bytes, or null when the backend sent none. */
  readonly contentLength: number | null;
  readonly hasRequestId: boolean;
}

/**
 * Response headers for the client: hop-by-hop fields and those named by the backend's Connection removed. Framing is
 * reported, not copied: whoever writes the response adds Transfer-Encoding.
 */
export function responseHeaders(raw: readonly string[]): ResponseHeaders {
  const headers: string[] = [];
  let listed: Set<string> | null = null;
  let contentLength: number | null = null;
  let hasRequestId = false;
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] as string;
    const value = raw[i + 1] as string;
    if (RESPONSE_SHAPES.has(shapeOf(name))) {
      const lower = name.toLowerCase();
      if (HOP_BY_HOP.has(lower)) {
        listed = withOptions(listed, lower, value);
        continue;
      }
      // Expect means nothing in a response, and node:http would send the head at once, as UTF-8.
      if (lower === 'expect') continue;
      if (lower === 'content-length') contentLength = Number(value);
      else if (lower === 'x-request-id') hasRequestId = true;
    }
    headers.push(name, value);
  }
  if (listed === null) return { headers, contentLength, hasRequestId };
  hasRequestId &&= !listed.has('x-request-id');
  return { headers: without(headers, listed, isNotLength), contentLength, hasRequestId };
}

/**
 * What Connection and Proxy-Connection list, in lower case; null while that is nothing worth a look, which is the usual
 * case (`keep-alive`, `close`, `Upgrade`).
 * @param name of a hop-by-hop field, in lower case
 */
function withOptions(listed: Set<string> | null, name: string, value: string): Set<string> | null {
  if (name !== 'connection' && name !== 'proxy-connection') return listed;
  if (value === 'keep-alive' || value === 'close') return listed;
  let all = listed;
  for (const option of value.toLowerCase().split(',')) {
    const token = option.trim();
    if (token === '' || token === 'keep-alive' || token === 'close' || token === 'upgrade') continue;
    all ??= new Set();
    all.add(token);
  }
  return all;
}

/** Flat pairs without those of these names that may go. */
function without(
  headers: readonly string[],
  names: ReadonlySet<string>,
  mayGo: (name: string) => boolean = () => true,
): string[] {
  const kept: string[] = [];
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string;
    const lower = name.toLowerCase();
    if (!names.has(lower) || !mayGo(lower)) kept.push(name, headers[i + 1] as string);
  }
  return kept;
}

const isRemovable = (name: string) => !NOT_REMOVABLE.has(name) && !isForwardedName(name);
const isNotLength = (name: string) => name !== 'content-length';

/** RFC 9110 §8.6: a 204 has no Content-Length. 205 has no content either, which `0` says best (§15.3.6). */
export function withoutForbiddenLength(status: number, headers: string[]): string[] {
  if (status !== 204 && status !== 205) return headers;
  return status === 204 ? withoutLength(headers) : [...withoutLength(headers), 'Content-Length', '0'];
}

/** Flat pairs without Content-Length. */
export const withoutLength = (headers: readonly string[]) => without(headers, LENGTH);
const LENGTH = new Set(['content-length']);

/** Flat pairs with an X-Request-Id: their own, or else this one. */
export function withRequestId(headers: readonly string[], requestId: string): string[] {
  const hasOne = headers.some((name, i) => i % 2 === 0 && name.toLowerCase() === 'x-request-id');
  return hasOne ? [...headers] : [...headers, 'X-Request-Id', requestId];
}

/** Flat pairs as lines, each with its CRLF. */
export function headLines(headers: readonly string[]): string {
  let lines = '';
  for (let i = 0; i < headers.length; i += 2) lines += `${headers[i]}: ${headers[i + 1]}\r\n`;
  return lines;
}
