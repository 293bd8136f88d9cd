/**
 * Signature Version 4 in a query, for PUTs of others. The SDK's own way costs ten times as much, for it makes a whole request
 * of it (docs/decisions/0018); a test compares each URL with the SDK's, byte for byte.
 */
import { createHmac, createSecretKey, hash, type KeyObject } from 'node:crypto';
import type { S3Client } from '@aws-sdk/client-s3';
import { loadPackage } from '../../load-package.ts';

export interface SigningPlace {
  /** `https://host:port` */
  readonly origin: string;
  /** What the client's Host header will be. */
  readonly host: string;
  /** What stands before the key in the path, slashes included. */
  readonly pathBefore: string;
  readonly region: string;
}

export interface UnsignedPut {
  readonly key: string;
  /** Lower-case names; all are signed, beside the host. */
  readonly headers: Readonly<Record<string, string>>;
  /** Behind `X-Amz-…`, in order of their names: `[name, value]`. */
  readonly query: readonly (readonly [string, string])[];
  readonly expiresInSeconds: number;
  /** ms since 1970, by the storage's clock. */
  readonly signedAtMs: number;
}

/** Where the bucket is, by the SDK's own rules: path or host, port, prefix, region. Makes no request. */
export async function signingPlace(client: S3Client, bucket: string): Promise<SigningPlace> {
  const { PutObjectCommand } = loadPackage('@aws-sdk/client-s3');
  const { getSignedUrl } = loadPackage('@aws-sdk/s3-request-presigner');
  const url = await getSignedUrl(client, new PutObjectCommand({ Bucket: bucket, Key: 'k' }));
  const [, origin, host, pathBefore] = /^(https?:\/\/([^/]+))(\/.*)k\?/.exec(url) ?? [];
  const region = new URL(url).searchParams.get('X-Amz-Credential')?.split('/').at(-3);
  if (!origin || !host || !pathBefore || !region)
    throw new Error('The SDK signs in a way that is not known.');
  return { origin, host, pathBefore, region };
}

/** Signs PUTs; a day's key is computed once. */
export function createPresigner(
  { accessKeyId, secretAccessKey }: { readonly accessKeyId: string; readonly secretAccessKey: string },
  { origin, host, pathBefore, region }: SigningPlace,
): (put: UnsignedPut) => string {
  let day = '';
  let scope = '';
  let credential = '';
  // As a Buffer it would be made a key for each signature, which costs more than all the rest.
  let signingKey: KeyObject;
  const changeDay = (today: string) => {
    scope = `${today}/${region}/s3/aws4_request`;
    credential = escaped(`${accessKeyId}/${scope}`);
    signingKey = createSecretKey(scope.split('/').reduce(hmac, Buffer.from(`AWS4${secretAccessKey}`)));
    day = today;
  };

  return ({ key, headers, query, expiresInSeconds, signedAtMs }) => {
    const time = new Date(signedAtMs).toISOString().replace(/[-:]|\.\d{3}/g, '');
    if (!time.startsWith(day) || day === '') changeDay(time.slice(0, 8));
    const path = pathBefore + key.split('/').map(escaped).join('/');
    const signed: Record<string, string> = { ...headers, host };
    const names = Object.keys(signed).sort();
    const before =
      'X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Content-Sha256=UNSIGNED-PAYLOAD' +
      `&X-Amz-Credential=${credential}&X-Amz-Date=${time}&X-Amz-Expires=${expiresInSeconds}`;
    const rest = query.map(([name, value]) => `&${name}=${escaped(value)}`).join('');
    const behind = `&X-Amz-SignedHeaders=${names.join('%3B')}${rest}`;
    const fields = names.map((name) => `${name}:${canonical(signed[name] ?? '')}\n`).join('');
    const request = `PUT\n${path}\n${before}${behind}\n${fields}\n${names.join(';')}\nUNSIGNED-PAYLOAD`;
    const text = `AWS4-HMAC-SHA256\n${time}\n${scope}\n${hash('sha256', request)}`;
    const signature = createHmac('sha256', signingKey).update(text).digest('hex');
    return `${origin}${path}?${before}&X-Amz-Signature=${signature}${behind}`;
  };
}

const hmac = (key: Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();

/** Everything but RFC 3986's unreserved characters; encodeURIComponent leaves five more. */
const escaped = (text: string) =>
  UNRESERVED.test(text)
    ? text
    : encodeURIComponent(text).replace(
        /[!'()*]/g,
        (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
      );

const UNRESERVED = /^[\w.~-]*$/;

const canonical = (value: string) => value.replace(/\s+/g, ' ').trim();
