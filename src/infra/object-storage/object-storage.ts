/**
 * S3-compatible object storage, as uploads need it. Every call that makes a request takes a signal that ends it, and fails
 * with a StorageFailure (503) when the storage is away, slow, broken or refuses us: nothing of that ever looks like
 * "not there". No call lasts longer than its signal; connecting takes 3 s at most.
 */
import type { CORSRule, LifecycleRule } from '@aws-sdk/client-s3';
import type { StorageConfig } from '../../config/config.ts';
import type { Log } from '../logger.ts';
import { createBucketRules } from './bucket-rules.ts';
import {
  createMultiparts,
  type MultipartTarget,
  type OpenMultipart,
  type UploadedPart,
} from './multipart.ts';
import { createObjectRequests } from './object-requests.ts';
import { createObjects, type ListedObject, type ObjectFacts, type ObjectStart } from './objects.ts';
import { createPresigner, signingPlace, type UnsignedPut } from './presign.ts';
import { createS3Calls } from './s3-calls.ts';
import type { SigningPlace } from './signature.ts';
import type { StorageClock } from './storage-clock.ts';
import { createPing, createTimeLearner } from './storage-time.ts';
import { createTries } from './tries.ts';

export interface UploadTarget {
  readonly key: string;
  /** Bound by the signature, as is the length: another type or size is refused by the storage. */
  readonly contentType: string;
  /** Bytes. */
  readonly contentLength: number;
  /** 1 to 604800 (SigV4's limit). */
  readonly expiresInSeconds: number;
  /** Canned ACL; not given: as configured; null: none. */
  readonly acl?: string | null;
  readonly cacheControl?: string | null;
  /** `If-None-Match: *`: the key can be written once, where the storage honours it. */
  readonly once?: boolean;
  /** 64 hex digits; the storage compares the bytes with it. */
  readonly sha256?: string | null;
}

export interface PresignedPut {
  readonly uploadUrl: string;
  /** What the client must send along, exactly. Never Content-Length or Host, which browsers set themselves. */
  readonly headers: Readonly<Record<string, string>>;
}

export interface PartTarget {
  readonly key: string;
  readonly uploadId: string;
  /** 1 to 10,000. */
  readonly partNumber: number;
  /** Bytes; bound by the signature. */
  readonly contentLength: number;
  /** 1 to 604800. */
  readonly expiresInSeconds: number;
}

export interface ObjectStorage {
  /** Its name, wherever its endpoint is. */
  readonly bucket: string;
  presignPut(target: UploadTarget): Promise<PresignedPut>;
  /** The URL that takes the part; no headers have to be sent. */
  presignPart(target: PartTarget): Promise<string>;
  /** Where the object can be read once it is there. */
  publicUrl(key: string): string;

  /** null: there is no such object, while the bucket is there. @throws StorageFailure 503 */
  head(key: string, signal: AbortSignal): Promise<ObjectFacts | null>;
  /**
   * Its first bytes, with its facts, in one request; null: as with `head`. @param maxBytes below 8 MiB
   * @throws StorageFailure 503
   */
  readStart(key: string, maxBytes: number, signal: AbortSignal): Promise<ObjectStart | null>;
  /** Also when it is gone already. @throws StorageFailure 503 */
  delete(key: string, signal: AbortSignal): Promise<void>;
  /** In order of their keys; `signal` ends the whole, each page has 10 s. @throws StorageFailure 503 */
  list(prefix: string, signal: AbortSignal): AsyncIterable<ListedObject>;

  /** @returns its upload id @throws StorageFailure 503 */
  createMultipart(target: MultipartTarget, signal: AbortSignal): Promise<string>;
  /** All of them, in order. null: no such upload (any more). @throws StorageFailure 503 */
  listParts(key: string, uploadId: string, signal: AbortSignal): Promise<UploadedPart[] | null>;
  /**
   * `completed`: also, on some storages, when it had been before. `unknown`: no such upload: aborted, or completed before,
   * which `head` tells. `bad_parts`: one is not there, is another one by now, or is too small. @param parts in order
   * @throws StorageFailure 503, after which it may still be completed
   */
  completeMultipart(
    key: string,
    uploadId: string,
    parts: readonly Pick<UploadedPart, 'partNumber' | 'etag'>[],
    signal: AbortSignal,
  ): Promise<'completed' | 'unknown' | 'bad_parts'>;
  /** `unknown`: no such upload (any more). A part under way may be stored after it: then once more. @throws StorageFailure 503 */
  abortMultipart(key: string, uploadId: string, signal: AbortSignal): Promise<'aborted' | 'unknown'>;
  /** Those that were begun and neither completed nor aborted. @throws StorageFailure 503 */
  listMultiparts(prefix: string, signal: AbortSignal): AsyncIterable<OpenMultipart>;

  /** @throws StorageFailure 503 */
  corsRules(signal: AbortSignal): Promise<readonly CORSRule[]>;
  /** Replaces them all; none: removes them. @throws StorageFailure 503 */
  putCorsRules(rules: readonly CORSRule[], signal: AbortSignal): Promise<void>;
  /** @throws StorageFailure 503 */
  lifecycleRules(signal: AbortSignal): Promise<readonly LifecycleRule[]>;
  /** Replaces them all; none: removes them. @throws StorageFailure 503 */
  putLifecycleRules(rules: readonly LifecycleRule[], signal: AbortSignal): Promise<void>;

  /** Does storage answer and accept our credentials, and by our idea of its clock, within 2 s? Never throws. */
  ping(): Promise<boolean>;
  /** Cuts what is under way. */
  close(): void;
}

/** @param clock learns from every answer @param log is told why the storage is not ready, and when it is again */
export function createObjectStorage(
  config: StorageConfig,
  clock: StorageClock,
  log: Pick<Log, 'warn' | 'info'> = { warn() {}, info() {} },
): ObjectStorage {
  const { bucket, publicBaseUrl } = config;
  const tries = createTries(clock);
  const calls = createS3Calls(config, clock, tries);
  const place = () => signingPlace(calls.client(), bucket);
  const requests = createObjectRequests({ config, clock, tries, place });
  const objects = createObjects(requests, calls, bucket);
  const ping = createPing({ calls, objects, bucket, clock, log });
  const learnTime = createTimeLearner(clock, ping);
  const sign = createSigner(config, place);
  const multiparts = createMultiparts(calls, bucket, config.uploadAcl);

  return {
    bucket,
    async presignPut(target) {
      await learnTime();
      const headers = headersOf(target, config.uploadAcl);
      const lower = Object.fromEntries(
        Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]),
      );
      const uploadUrl = await sign({
        ...target,
        headers: { ...lower, 'content-length': String(target.contentLength) },
        query: [['x-id', 'PutObject']],
        signedAtMs: clock.now(),
      });
      return { uploadUrl, headers };
    },
    async presignPart({ key, uploadId, partNumber, contentLength, expiresInSeconds }) {
      await learnTime();
      return sign({
        key,
        expiresInSeconds,
        headers: { 'content-length': String(contentLength) },
        query: [
          ['partNumber', String(partNumber)],
          ['uploadId', uploadId],
          ['x-id', 'UploadPart'],
        ],
        signedAtMs: clock.now(),
      });
    },
    publicUrl: (key) => `${publicBaseUrl}/${key.split('/').map(encodeURIComponent).join('/')}`,
    ...objects,
    createMultipart: multiparts.create,
    listParts: multiparts.listParts,
    completeMultipart: multiparts.complete,
    abortMultipart: multiparts.abort,
    listMultiparts: multiparts.list,
    ...createBucketRules(calls, bucket),
    ping,
    close() {
      tries.close();
      requests.close();
      calls.close();
    },
  };
}

/**
 * An ACL in the query instead of a header is ignored by DigitalOcean Spaces; the checksum goes the same way, since it is
 * the client that has to send it.
 */
function headersOf(target: UploadTarget, configuredAcl: string | null): Record<string, string> {
  const { contentType, acl = configuredAcl, cacheControl, once, sha256 } = target;
  return {
    'Content-Type': contentType,
    ...(cacheControl ? { 'Cache-Control': cacheControl } : {}),
    ...(once ? { 'If-None-Match': '*' } : {}),
    ...(acl === null ? {} : { 'x-amz-acl': acl }),
    ...(sha256 ? { 'x-amz-checksum-sha256': Buffer.from(sha256, 'hex').toString('base64') } : {}),
  };
}

function createSigner(
  config: StorageConfig,
  place: () => Promise<SigningPlace>,
): (put: UnsignedPut) => Promise<string> {
  let presign: ((put: UnsignedPut) => string) | undefined;
  return async (put) => {
    presign ??= createPresigner(config, await place());
    return presign(put);
  };
}
