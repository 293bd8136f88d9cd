/**
 * Signature Version 4 in a query, for PUTs of others. The SDK's own way costs ten times as much, for it makes a whole request
 * of it (docs/decisions/0018); a test compares each URL with the SDK's, byte for byte.
 */
import type { S3Client } from '@aws-sdk/client-s3';
import { loadPackage } from '../../load-package.ts';
import { type Credentials, createSigning, escaped, pathOf, type SigningPlace } from './signature.ts';

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

/** Signs PUTs. */
export function createPresigner(credentials: Credentials, place: SigningPlace): (put: UnsignedPut) => string {
  const signerAt = createSigning(credentials, place.region);
  return ({ key, headers, query, expiresInSeconds, signedAtMs }) => {
    const { time, credential, sign } = signerAt(signedAtMs);
    const path = pathOf(place, key);
    const signed: Record<string, string> = { ...headers, host: place.host };
    const names = Object.keys(signed).sort();
    const before =
      'X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Content-Sha256=UNSIGNED-PAYLOAD' +
      `&X-Amz-Credential=${escaped(credential)}&X-Amz-Date=${time}&X-Amz-Expires=${expiresInSeconds}`;
    const rest = query.map(([name, value]) => `&${name}=${escaped(value)}`).join('');
    const behind = `&X-Amz-SignedHeaders=${names.join('%3B')}${rest}`;
    const fields = names.map((name) => `${name}:${canonical(signed[name] ?? '')}\n`).join('');
    const request = `PUT\n${path}\n${before}${behind}\n${fields}\n${names.join(';')}\nUNSIGNED-PAYLOAD`;
    return `${place.origin}${path}?${before}&X-Amz-Signature=${sign(request)}${behind}`;
  };
}

const canonical = (value: string) => value.replace(/\s+/g, ' ').trim();
