/** Signature Version 4: what URLs for others and requests of our own have in common. */
import { createHmac, createSecretKey, hash, type KeyObject } from 'node:crypto';

export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** Where the bucket is, by the SDK's own rules. */
export interface SigningPlace {
  /** `https://host:port` */
  readonly origin: string;
  /** What the Host header is. */
  readonly host: string;
  /** What stands before the key in the path, slashes included. */
  readonly pathBefore: string;
  readonly region: string;
}

/** Signs what belongs to one moment. */
export interface Signer {
  /** `20261126T120000Z` */
  readonly time: string;
  /** The access key and what the signature is good for, not escaped. */
  readonly credential: string;
  /** @param request the canonical one @returns 64 hex digits */
  sign(request: string): string;
}

/** @returns the signer of a moment, ms since 1970 by the storage's clock; a day's key is computed once */
export function createSigning(
  { accessKeyId, secretAccessKey }: Credentials,
  region: string,
): (atMs: number) => Signer {
  let day = '';
  let scope = '';
  let credential = '';
  // As a Buffer it would be made a key for each signature, which costs more than all the rest.
  let signingKey: KeyObject;
  const changeDay = (today: string) => {
    scope = `${today}/${region}/s3/aws4_request`;
    credential = `${accessKeyId}/${scope}`;
    signingKey = createSecretKey(scope.split('/').reduce(hmac, Buffer.from(`AWS4${secretAccessKey}`)));
    day = today;
  };

  return (atMs) => {
    const time = new Date(atMs).toISOString().replace(/[-:]|\.\d{3}/g, '');
    if (!time.startsWith(day) || day === '') changeDay(time.slice(0, 8));
    const sign = (request: string) => {
      const text = `AWS4-HMAC-SHA256\n${time}\n${scope}\n${hash('sha256', request)}`;
      return createHmac('sha256', signingKey).update(text).digest('hex');
    };
    return { time, credential, sign };
  };
}

const hmac = (key: Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();

/** The path of a request for a key. */
export const pathOf = ({ pathBefore }: SigningPlace, key: string) =>
  pathBefore + key.split('/').map(escaped).join('/');

/** Everything but RFC 3986's unreserved characters; encodeURIComponent leaves five more. */
export const escaped = (text: string) =>
  UNRESERVED.test(text)
    ? text
    : encodeURIComponent(text).replace(
        /[!'()*]/g,
        (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
      );

const UNRESERVED = /^[\w.~-]*$/;
