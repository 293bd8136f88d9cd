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

/** Lengths of the names that the filters know; any other name passes without being lower-cased. */
const lengthsOf = (names: Iterable<string>) => new Set(Array.from(names, (name) => name.length));
const HOP_LENGTHS = lengthsOf(HOP_BY_HOP);

export interface Forwarded {
  /** Replaces the peer's own X-Forwarded-*; null for a trusted proxy, whose own pass. Never left out by mistake. */
  readonly untrustedPeer: {
    readonly address: string;
    readonly host: string;
    readonly port: number | undefined;
  } | null;
  /** Sent on in place of whatever the client sent when that was missing or unusable. */
  readonly addRequestId?: string;
  /** HTTP/1.0 needs no Host, but what we send is HTTP/1.1: an empty one says that it is unknown (RFC 9112 §3.2). */
  readonly addHost?: boolean;
}

/** What an untrusted peer could use to pass for another client, or for TLS. */
const FORWARDED_NAMES = new Set(['forwarded', 'x-real-ip']);
const isForwardedName = (name: string) => name.startsWith('x-forwarded-') || FORWARDED_NAMES.has(name);

/**
 * Request headers for the backend: hop-by-hop fields and those named by Connection removed, Expect removed (we answer
 * it ourselves), everything else exactly as sent.
 */
export function requestHeaders(raw: readonly string[], forwarded: Forwarded): string[] {
  const listed = connectionOptions(raw);
  const { untrustedPeer, addRequestId } = forwarded;
  const out: string[] = [];
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] as string;
    if (
      HOP_LENGTHS.has(name.length) ||
      name.length === 6 ||
      listed !== null ||
      addRequestId !== undefined ||
      untrustedPeer
    ) {
      const lower = name.toLowerCase();
      if (HOP_BY_HOP.has(lower) || lower === 'expect') continue;
      if (listed?.has(lower) && !NOT_REMOVABLE.has(lower) && !isForwardedName(lower)) continue;
      if (addRequestId !== undefined && lower === 'x-request-id') continue;
      if (untrustedPeer && isForwardedName(lower)) continue;
    }
    out.push(name, raw[i + 1] as string);
  }
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
  const listed = connectionOptions(raw);
  const headers: string[] = [];
  let contentLength: number | null = null;
  let hasRequestId = false;
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] as string;
    const value = raw[i + 1] as string;
    if (RESPONSE_LENGTHS.has(name.length) || listed !== null) {
      const lower = name.toLowerCase();
      // Expect means nothing in a response, and node:http would send the head at once, as UTF-8.
      if (HOP_BY_HOP.has(lower) || lower === 'expect') continue;
      if (listed?.has(lower) && lower !== 'content-length') continue;
      if (lower === 'content-length') contentLength = Number(value);
      else if (lower === 'x-request-id') hasRequestId = true;
    }
    headers.push(name, value);
  }
  return { headers, contentLength, hasRequestId };
}

const RESPONSE_LENGTHS = lengthsOf([...HOP_BY_HOP, 'expect', 'content-length', 'x-request-id']);

/**
 * Names listed in Connection (and Proxy-Connection) in lower case; null when there are none worth a look, which is the
 * usual case (`keep-alive`, `close`, `Upgrade`).
 */
function connectionOptions(raw: readonly string[]): Set<string> | null {
  let listed: Set<string> | null = null;
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] as string;
    if (name.length !== 10 && name.length !== 16) continue;
    const lower = name.toLowerCase();
    if (lower !== 'connection' && lower !== 'proxy-connection') continue;
    for (const option of (raw[i + 1] as string).toLowerCase().split(',')) {
      const token = option.trim();
      if (token === '' || token === 'keep-alive' || token === 'close' || token === 'upgrade') continue;
      listed ??= new Set();
      listed.add(token);
    }
  }
  return listed;
}

/** RFC 9110 §8.6: a 204 has no Content-Length. 205 has no content either, which `0` says best (§15.3.6). */
export function withoutForbiddenLength(status: number, headers: string[]): string[] {
  if (status !== 204 && status !== 205) return headers;
  return status === 204 ? withoutLength(headers) : [...withoutLength(headers), 'Content-Length', '0'];
}

/** Flat pairs without Content-Length. */
export function withoutLength(headers: readonly string[]): string[] {
  const kept: string[] = [];
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string;
    if (name.toLowerCase() !== 'content-length') kept.push(name, headers[i + 1] as string);
  }
  return kept;
}

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
