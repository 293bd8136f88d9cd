/**
 * The checks that every request passes before anyone looks at its path. llhttp (strict, never `insecureHTTPParser`)
 * has already refused bare LF, obs-fold, bad names, control characters, CL+TE and repeated or signed Content-Length;
 * what it lets through and a proxy must not is refused here.
 */
import type { IncomingMessage } from 'node:http';
import { AppError } from '../errors.ts';
import { usableRequestId } from './request-id.ts';

export interface RequestHead {
  /** Origin-form target as the backend shall see it. */
  readonly target: string;
  /** Body length in bytes; null: chunked; 0: none. */
  readonly contentLength: number | null;
  /** The client's own X-Request-Id when usable, else undefined. */
  readonly requestId: string | undefined;
  /** Of the client's trace (https://www.w3.org/TR/trace-context/#traceparent-header), which is passed on as it is. */
  readonly traceId: string | undefined;
  /** There is an Upgrade header; the request itself is an ordinary one. */
  readonly offersUpgrade: boolean;
  /** The client waits for a 100 before it sends the body. */
  readonly expectsContinue: boolean;
  /** Undefined on HTTP/1.0 only. */
  readonly host: string | undefined;
}

/** RFC 3986 host with optional port; the reg-name alphabet without percent-encoding, or a bracketed address. */
const HOST = /^(?:[A-Za-z0-9._~!$&'()*+,;=-]+|\[[0-9A-Fa-f:.]+\])(?::\d{0,5})?$/;

const TRACEPARENT = /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}(?:-|$)/;

/**
 * Reads and checks request line and framing.
 * @throws AppError 400 for the first thing that is wrong; 405 TRACE; 417 an Expect other than 100-continue; 505 a version
 * other than 1.0 and 1.1
 */
export function readRequestHead(req: IncomingMessage): RequestHead {
  if (req.httpVersionMajor !== 1 || req.httpVersionMinor > 1) throw unknownVersion();
  // TRACE would reflect cookies and tokens (RFC 9110 §9.3.8).
  if (req.method === 'TRACE') throw new AppError('method_not_allowed', { params: { method: 'TRACE' } });
  const fields = readFramingFields(req.rawHeaders);
  checkHost(fields, req.httpVersionMinor);
  // RFC 9110 §10.1.1: HTTP/1.0 knows no Expect, and no interim response.
  const expects = fields.expect !== undefined && req.httpVersionMinor === 1;
  if (expects && fields.expect?.toLowerCase() !== '100-continue') throw new AppError('expectation_unknown');
  return {
    target: originForm(req.url ?? '', fields.host),
    contentLength: bodyLength(fields, req.httpVersionMinor),
    requestId: usableRequestId(fields.requestId),
    traceId: fields.traceparent === undefined ? undefined : TRACEPARENT.exec(fields.traceparent)?.[1],
    offersUpgrade: fields.offersUpgrade,
    expectsContinue: expects,
    host: fields.host,
  };
}

/** Whether a request whose head has passed waits for a 100 before it sends its body. */
export const expectsContinue = ({ headers, httpVersionMinor }: IncomingMessage) =>
  headers.expect !== undefined && httpVersionMinor === 1;

/** 505; llhttp lets some versions pass and not others. */
export const unknownVersion = () => new AppError('http_version_unknown');

interface FramingFields {
  host: string | undefined;
  hosts: number;
  contentLength: string | undefined;
  transferEncoding: string | undefined;
  requestId: string | undefined;
  traceparent: string | undefined;
  expect: string | undefined;
  offersUpgrade: boolean;
}

/** One pass over the raw pairs; the length of a name settles most of them without lower-casing. */
function readFramingFields(raw: readonly string[]): FramingFields {
  const fields: FramingFields = {
    host: undefined,
    hosts: 0,
    contentLength: undefined,
    transferEncoding: undefined,
    requestId: undefined,
    traceparent: undefined,
    expect: undefined,
    offersUpgrade: false,
  };
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] as string;
    const value = raw[i + 1] as string;
    switch (name.length) {
      case 4:
        if (name.toLowerCase() !== 'host') break;
        fields.host = value;
        fields.hosts += 1;
        break;
      case 6:
        if (name.toLowerCase() === 'expect') fields.expect = value;
        break;
      case 7:
        if (name.toLowerCase() === 'upgrade') fields.offersUpgrade = true;
        break;
      case 11:
        if (name.toLowerCase() === 'traceparent') fields.traceparent ??= value;
        break;
      case 12:
        if (name.toLowerCase() === 'x-request-id') fields.requestId ??= value;
        break;
      case 14:
        if (name.toLowerCase() === 'content-length') fields.contentLength = value;
        break;
      case 17:
        if (name.toLowerCase() !== 'transfer-encoding') break;
        fields.transferEncoding =
          fields.transferEncoding === undefined ? value : `${fields.transferEncoding}, ${value}`;
        break;
    }
  }
  return fields;
}

/** RFC 9112 §3.2: exactly one Host on HTTP/1.1, and one that is a host. */
function checkHost({ host, hosts }: FramingFields, minorVersion: number): void {
  if (hosts === 0 && minorVersion === 0) return;
  if (hosts !== 1) throw new AppError(hosts === 0 ? 'host_missing' : 'host_repeated');
  if (host === undefined || !HOST.test(host)) throw new AppError('host_invalid');
}

/**
 * RFC 9112 §3.2.2 obliges a server to take the absolute form; the backend never sees it. Its authority must be that
 * of the Host header: two different ones would let a client choose which of them each hop believes.
 */
function originForm(target: string, host: string | undefined): string {
  if (target.startsWith('/')) return target;
  const absolute = /^https?:\/\/([^/?#]*)(.*)$/i.exec(target);
  if (absolute?.[1] === undefined) throw new AppError('target_invalid');
  if (absolute[1].toLowerCase() !== host?.toLowerCase()) {
    throw new AppError('target_of_other_host');
  }
  const path = absolute[2] ?? '';
  return path.startsWith('/') ? path : `/${path}`;
}

/** RFC 9112 §6: no coding but chunked, and none on HTTP/1.0; anything else is how requests are smuggled. */
function bodyLength({ contentLength, transferEncoding }: FramingFields, minorVersion: number): number | null {
  if (transferEncoding !== undefined) {
    if (transferEncoding.toLowerCase() !== 'chunked') throw new AppError('transfer_encoding_unknown');
    if (minorVersion === 0) throw new AppError('transfer_encoding_in_http10');
    if (contentLength !== undefined) throw new AppError('two_lengths');
    return null;
  }
  if (contentLength === undefined) return 0;
  const bytes = Number(contentLength);
  if (!/^\d+$/.test(contentLength) || !Number.isSafeInteger(bytes))
    throw new AppError('content_length_invalid');
  return bytes;
}
