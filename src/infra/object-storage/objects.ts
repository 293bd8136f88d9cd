/** What is in the bucket: looked at, read at its start, deleted, listed. */
import type { IncomingHttpHeaders } from 'node:http';
import { loadPackage } from '../../load-package.ts';
import type { ObjectRequests } from './object-requests.ts';
import type { S3Calls } from './s3-calls.ts';
import { StorageFailure, unintelligible } from './storage-failure.ts';

export interface ObjectFacts {
  /** Bytes. */
  readonly size: number;
  /** As stored; empty when the storage names none. */
  readonly contentType: string;
  /** Without quotes. Another one means other bytes. */
  readonly etag: string;
}

export interface ObjectStart extends ObjectFacts {
  /** The first ones, or all when there are fewer. Of the same object as the facts. */
  readonly bytes: Buffer;
}

export interface ListedObject {
  readonly key: string;
  /** Bytes. */
  readonly size: number;
  /** Without quotes. */
  readonly etag: string;
  /** ms since 1970, by the storage's clock. */
  readonly lastModifiedMs: number;
}

/** A page of a long list; the whole may take as long as it likes. */
const PAGE_TIMEOUT_MS = 10_000;
/** An answer without content; what has some all the same is read for the connection's sake. */
const MAX_EMPTY_BYTES = 4096;

/** Operations on objects of one bucket. */
export function createObjects(requests: Pick<ObjectRequests, 'send'>, calls: S3Calls, bucket: string) {
  /**
   * null: it takes a GET. After a refusal, of which a HEAD does not tell why, or whether the object or the bucket is missing; where HEAD itself is
   * not wanted; and where something in front of the storage has left out the length of what a HEAD does not send.
   */
  async function headOnce(key: string, signal: AbortSignal): Promise<ObjectFacts | null> {
    try {
      const { headers } = await requests.send({ method: 'HEAD', key, maxBytes: 0 }, signal);
      if (headers['content-length'] === undefined) return null;
      return factsIn('HeadObject', headers, lengthIn(headers));
    } catch (error) {
      if (error instanceof StorageFailure && error.isRefusal()) return null;
      throw error;
    }
  }

  async function readStart(key: string, maxBytes: number, signal: AbortSignal): Promise<ObjectStart | null> {
    const get = { method: 'GET', key, range: `bytes=0-${maxBytes - 1}`, maxBytes } as const;
    const answer = await requests.send(get, signal).catch((error) => {
      if (!(error instanceof StorageFailure)) throw error;
      if (error.code === 'NoSuchKey') return null;
      if (error.httpStatus === 416) return 'empty';
      throw error;
    });
    if (answer === null) return null;
    if (answer === 'empty') {
      // No range of it can be satisfied.
      const facts = await headOnce(key, signal);
      if (facts?.size !== 0) throw unintelligible('GetObject');
      return { ...facts, bytes: Buffer.alloc(0) };
    }
    const { headers, bytes } = answer;
    const range = headers['content-range'];
    const facts = factsIn('GetObject', headers, range === undefined ? lengthIn(headers) : sizeInRange(range));
    if (bytes.length !== Math.min(maxBytes, facts.size)) throw unintelligible('GetObject');
    return { ...facts, bytes };
  }

  async function head(key: string, signal: AbortSignal): Promise<ObjectFacts | null> {
    const facts = await headOnce(key, signal);
    if (facts !== null) return facts;
    // The body of its refusal says what is missing: a missing bucket must not look like files that nobody sent.
    const start = await readStart(key, 1, signal);
    return start && { size: start.size, contentType: start.contentType, etag: start.etag };
  }

  async function remove(key: string, signal: AbortSignal): Promise<void> {
    try {
      const { headers } = await requests.send({ method: 'DELETE', key, maxBytes: MAX_EMPTY_BYTES }, signal);
      // A page for people ("we will be back soon") is nobody's success.
      if (headers['content-type']?.startsWith('text/html')) throw unintelligible('DeleteObject');
    } catch (error) {
      if (!(error instanceof StorageFailure && error.code === 'NoSuchKey')) throw error;
    }
  }

  async function* list(prefix: string, signal: AbortSignal): AsyncGenerator<ListedObject, void> {
    const { ListObjectsV2Command } = loadPackage('@aws-sdk/client-s3');
    for (let after: string | undefined; ; ) {
      // XML has no way to write every key, so they come percent-encoded.
      const page = new ListObjectsV2Command({
        Bucket: bucket,
        Prefix: prefix,
        EncodingType: 'url',
        ContinuationToken: after,
      });
      const answer = await calls.send(page, AbortSignal.any([signal, AbortSignal.timeout(PAGE_TIMEOUT_MS)]));
      for (const { Key, Size, ETag, LastModified } of answer.Contents ?? []) {
        const key = Key === undefined ? undefined : decoded(Key, answer.EncodingType);
        const lastModifiedMs = LastModified?.getTime() ?? Number.NaN;
        if (key === undefined || Number.isNaN(lastModifiedMs)) throw unintelligible('ListObjectsV2');
        yield { key, lastModifiedMs, ...factsOf('ListObjectsV2', { ETag }, Size) };
      }
      if (answer.IsTruncated !== true) return;
      const next = answer.NextContinuationToken;
      if (next === undefined || next === after) throw unintelligible('ListObjectsV2');
      after = next;
    }
  }

  return { head, readStart, delete: remove, list };
}

const factsIn = (operation: string, headers: IncomingHttpHeaders, size: number | undefined) =>
  factsOf(operation, { ContentType: headers['content-type'], ETag: headers.etag }, size);

const lengthIn = ({ 'content-length': length = '' }: IncomingHttpHeaders) =>
  /^\d{1,16}$/.test(length) ? Number(length) : undefined;

function factsOf(
  operation: string,
  {
    ContentType: contentType = '',
    ETag: quoted = '',
  }: { ContentType?: string | undefined; ETag?: string | undefined },
  size: number | undefined,
): ObjectFacts {
  const etag = unquoted(quoted);
  const isSize = size !== undefined && Number.isSafeInteger(size) && size >= 0;
  if (!isSize || etag === null || contentType.length > 255) throw unintelligible(operation);
  return { size, contentType, etag };
}

/** An ETag without its quotes; null when it is none. */
export const unquoted = (etag: string) => /^(?:W\/)?"?([\x21\x23-\x7e]{1,256}?)"?$/.exec(etag)?.[1] ?? null;

/** `bytes 0-9/1234` → 1234 */
const sizeInRange = (contentRange: string) => Number(/^bytes 0-\d+\/(\d{1,16})$/.exec(contentRange)?.[1]);

function decoded(key: string, encoding: string | undefined): string {
  if (encoding !== 'url') return key;
  try {
    return decodeURIComponent(key.replaceAll('+', ' '));
  } catch {
    throw unintelligible('ListObjectsV2');
  }
}
