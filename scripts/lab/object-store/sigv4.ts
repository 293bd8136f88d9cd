/**
 * Verifies AWS Signature Version 4 on a raw request, both in the query (presigned URLs) and in the Authorization
 * header (https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-authenticating-requests.html). Our own, since the packages
 * sign, and npm's S3 fakes do not check a presigned PUT (decision 0008).
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { S3Error } from './s3-error.ts';

export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

export interface Verified {
  /** What `x-amz-content-sha256` (or the presigned default) says of the body: a hex digest or UNSIGNED-PAYLOAD. */
  readonly payloadHash: string;
}

const ALGORITHM = 'AWS4-HMAC-SHA256';
const UNSIGNED = 'UNSIGNED-PAYLOAD';
const MAX_EXPIRES_S = 604_800;
const MAX_SKEW_MS = 15 * 60 * 1000;

interface Signature {
  readonly accessKeyId: string;
  /** date/region/service/aws4_request */
  readonly scope: string;
  readonly signedHeaders: readonly string[];
  readonly signature: string;
  /** YYYYMMDDTHHMMSSZ */
  readonly timestamp: string;
  readonly payloadHash: string;
}

/** @throws S3Error 403/400 as S3 words it. @returns null when the request carries no signature at all */
export function verifySignature(
  req: IncomingMessage,
  credentials: Credentials,
  nowMs: number,
): Verified | null {
  const [path = '/', query = ''] = (req.url ?? '/').split('?', 2);
  const parameters = parseQuery(query);
  const presigned = parameters.some(([name]) => name === 'X-Amz-Signature');
  const authorization = req.headers.authorization;
  if (!presigned && authorization === undefined) return null;
  const signature = presigned ? fromQuery(parameters, nowMs) : fromHeader(req, authorization ?? '', nowMs);
  if (signature.accessKeyId !== credentials.accessKeyId) {
    throw new S3Error(403, 'InvalidAccessKeyId', 'The access key does not exist.');
  }
  checkSignedHeaders(req, signature.signedHeaders);
  const expected = sign(req.method ?? '', path, parameters, req, signature, credentials.secretAccessKey);
  if (!equal(expected, signature.signature)) {
    throw new S3Error(403, 'SignatureDoesNotMatch', 'The request signature does not match what was signed.');
  }
  return { payloadHash: signature.payloadHash };
}

function fromQuery(parameters: readonly (readonly [string, string])[], nowMs: number): Signature {
  const one = (name: string): string => {
    const values = parameters.filter(([known]) => known === name);
    if (values.length !== 1 || values[0] === undefined) throw malformed(`${name} must be given once.`);
    return values[0][1];
  };
  if (one('X-Amz-Algorithm') !== ALGORITHM) throw malformed('Unknown signing algorithm.');
  const timestamp = one('X-Amz-Date');
  const expires = one('X-Amz-Expires');
  if (!/^\d{1,7}$/.test(expires) || Number(expires) < 1 || Number(expires) > MAX_EXPIRES_S) {
    throw malformed('X-Amz-Expires must be from 1 to 604800.');
  }
  const signedAtMs = parseTimestamp(timestamp);
  if (signedAtMs > nowMs + MAX_SKEW_MS)
    throw new S3Error(403, 'AccessDenied', 'The request is not valid yet.');
  if (nowMs > signedAtMs + Number(expires) * 1000)
    throw new S3Error(403, 'AccessDenied', 'Request has expired');
  return {
    ...credential(one('X-Amz-Credential'), timestamp),
    signedHeaders: one('X-Amz-SignedHeaders').split(';'),
    signature: one('X-Amz-Signature'),
    timestamp,
    payloadHash: UNSIGNED,
  };
}

function fromHeader(req: IncomingMessage, authorization: string, nowMs: number): Signature {
  const parts =
    /^AWS4-HMAC-SHA256 +Credential=([^,]+), *SignedHeaders=([^,]+), *Signature=([0-9a-f]{64})$/.exec(
      authorization,
    );
  const timestamp = String(req.headers['x-amz-date'] ?? '');
  const payloadHash = String(req.headers['x-amz-content-sha256'] ?? '');
  if (parts === null) throw malformed('The Authorization header is malformed.');
  if (payloadHash === '') throw malformed('x-amz-content-sha256 is missing.');
  if (Math.abs(nowMs - parseTimestamp(timestamp)) > MAX_SKEW_MS) {
    throw new S3Error(403, 'RequestTimeTooSkewed', 'The request time is too far from the server’s.');
  }
  const [, given = '', signedHeaders = '', signature = ''] = parts;
  return {
    ...credential(given, timestamp),
    signedHeaders: signedHeaders.split(';'),
    signature,
    timestamp,
    payloadHash,
  };
}

function credential(text: string, timestamp: string): Pick<Signature, 'accessKeyId' | 'scope'> {
  const parts = /^(.+)\/(\d{8}\/[a-z0-9-]+\/s3\/aws4_request)$/.exec(text);
  if (parts === null || !parts[2]?.startsWith(timestamp.slice(0, 8)))
    throw malformed('The credential is malformed.');
  return { accessKeyId: parts[1] ?? '', scope: parts[2] };
}

/** Host must be signed, and every x-amz-* header that is sent: an unsigned one could change what was meant. */
function checkSignedHeaders(req: IncomingMessage, signed: readonly string[]): void {
  if (!signed.includes('host')) throw new S3Error(403, 'AccessDenied', 'The Host header must be signed.');
  for (const name of Object.keys(req.headers)) {
    if (name.startsWith('x-amz-') && !signed.includes(name)) {
      throw new S3Error(
        403,
        'AccessDenied',
        `There were headers present in the request which were not signed: ${name}`,
      );
    }
  }
  for (const name of signed) {
    if (req.headers[name] === undefined) {
      throw new S3Error(403, 'SignatureDoesNotMatch', `The signed header ${name} is missing.`);
    }
  }
}

function sign(
  method: string,
  path: string,
  parameters: readonly (readonly [string, string])[],
  req: IncomingMessage,
  { scope, signedHeaders, timestamp, payloadHash }: Signature,
  secret: string,
): string {
  const query = parameters
    .filter(([name]) => name !== 'X-Amz-Signature')
    .map(([name, value]) => `${encode(name)}=${encode(value)}`)
    .sort()
    .join('&');
  const headers = signedHeaders
    .map((name) => `${name}:${String(req.headers[name]).trim().replace(/ +/g, ' ')}\n`)
    .join('');
  const canonical = [method, path, query, headers, signedHeaders.join(';'), payloadHash].join('\n');
  const toSign = [ALGORITHM, timestamp, scope, createHash('sha256').update(canonical).digest('hex')].join(
    '\n',
  );
  const key = scope.split('/').reduce<string | Buffer>((parent, part) => hmac(parent, part), `AWS4${secret}`);
  return hmac(key, toSign).toString('hex');
}

const hmac = (key: string | Buffer, data: string) => createHmac('sha256', key).update(data).digest();

function equal(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}

/** Pairs as sent, decoded; `+` is a plus sign here, unlike in forms. */
function parseQuery(query: string): (readonly [string, string])[] {
  if (query === '') return [];
  return query.split('&').map((pair) => {
    const [name = '', value = ''] = pair.split('=', 2);
    return [decode(name), decode(value)] as const;
  });
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw malformed('The query is not validly percent-encoded.');
  }
}

/** RFC 3986 unreserved characters stay; encodeURIComponent leaves five more than that. */
const encode = (text: string) =>
  encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);

function parseTimestamp(text: string): number {
  const parts = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(text);
  if (parts === null) throw malformed('The date is malformed.');
  const [, year, month, day, hour, minute, second] = parts.map(Number);
  return Date.UTC(year ?? 0, (month ?? 1) - 1, day, hour, minute, second);
}

const malformed = (message: string) => new S3Error(400, 'AuthorizationQueryParametersError', message);
