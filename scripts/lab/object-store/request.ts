/** A request to the store: whose it is, what it asks for, and what it is answered from. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { BucketRules } from './bucket-rules.ts';
import type { Multiparts } from './multiparts.ts';
import { S3Error } from './s3-error.ts';
import type { ObjectFolder } from './store.ts';

export interface StoreParts {
  readonly bucket: string;
  /** Folder of the objects. */
  readonly dataDir: string;
  readonly objects: ObjectFolder;
  readonly multiparts: Multiparts;
  readonly rules: BucketRules;
}

export interface S3Request extends StoreParts {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  /** Empty: the bucket itself. */
  readonly key: string;
  readonly query: URLSearchParams;
  /** What its signature says of the body. */
  readonly payloadHash: string;
  sendXml(xml: string): void;
}

const MAX_KEY_BYTES = 1024;

/** @throws S3Error 400 */
export function addressOf(url: string): { bucket: string; key: string; query: URLSearchParams } {
  const [path = '/', query = ''] = url.split('?', 2);
  const slash = path.indexOf('/', 1);
  let key: string;
  try {
    key = slash === -1 ? '' : decodeURIComponent(path.slice(slash + 1));
  } catch {
    throw new S3Error(400, 'InvalidURI', 'The path is not validly percent-encoded.');
  }
  if (Buffer.byteLength(key) > MAX_KEY_BYTES)
    throw new S3Error(400, 'KeyTooLongError', 'The key is too long.');
  // A plus is a plus here, unlike in forms.
  const parameters = new URLSearchParams(query.replaceAll('+', '%2B'));
  return { bucket: slash === -1 ? path.slice(1) : path.slice(1, slash), key, query: parameters };
}

/** A field of which there can be only one; null: not sent. */
export const headerOf = (req: IncomingMessage, name: string) => {
  const value = req.headers[name];
  return typeof value === 'string' ? value : null;
};
