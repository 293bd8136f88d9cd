/**
 * Signature Version 4 in headers, for requests of our own that have no body. A test compares them with the SDK's, byte for byte
 * (docs/decisions/0033).
 */
import { type Credentials, createSigning, pathOf, type SigningPlace } from './signature.ts';

export interface UnsignedRequest {
  readonly method: 'GET' | 'HEAD' | 'DELETE';
  readonly key: string;
  /** e.g. `bytes=0-4099` */
  readonly range?: string;
  /** ms since 1970, by the storage's clock. */
  readonly signedAtMs: number;
}

export interface SignedRequest {
  readonly method: string;
  readonly path: string;
  /** All that the request needs. */
  readonly headers: Readonly<Record<string, string>>;
}

/** SHA-256 of nothing, which is what these requests carry. */
const NO_PAYLOAD = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

/** Signs requests. */
export function createAuthorizer(
  credentials: Credentials,
  place: SigningPlace,
): (request: UnsignedRequest) => SignedRequest {
  const signerAt = createSigning(credentials, place.region);
  return ({ method, key, range, signedAtMs }) => {
    const { time, credential, sign } = signerAt(signedAtMs);
    const path = pathOf(place, key);
    // In order of their names.
    const headers = {
      host: place.host,
      ...(range === undefined ? {} : { range }),
      'x-amz-content-sha256': NO_PAYLOAD,
      'x-amz-date': time,
    };
    const names = Object.keys(headers).join(';');
    const fields = Object.entries(headers)
      .map(([name, value]) => `${name}:${value}\n`)
      .join('');
    const signature = sign(`${method}\n${path}\n\n${fields}\n${names}\n${NO_PAYLOAD}`);
    const authorization = `AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=${names}, Signature=${signature}`;
    return { method, path, headers: { ...headers, authorization } };
  };
}
