/**
 * S3-compatible object storage: signs uploads (arithmetic only, no request) and tells whether storage is there.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { S3Client } from '@aws-sdk/client-s3';
import type { StorageConfig } from '../config/config.ts';
import { loadPackage } from '../load-package.ts';
import type { StorageClock } from './storage-clock.ts';

export interface UploadTarget {
  readonly key: string;
  /** Bound by the signature, as is the length: another type or size is refused by the storage. */
  readonly contentType: string;
  /** Bytes. */
  readonly contentLength: number;
  /** 1 to 604800 (SigV4's limit). */
  readonly expiresInSeconds: number;
}

export interface PresignedPut {
  readonly uploadUrl: string;
  /** What the client must send along, exactly. Never Content-Length or Host, which browsers set themselves. */
  readonly headers: Readonly<Record<string, string>>;
}

export interface ObjectStorage {
  presignPut(target: UploadTarget): Promise<PresignedPut>;
  /** Where the object can be read once it is there. */
  publicUrl(key: string): string;
  /** Does storage answer and accept our credentials, and by our idea of its clock, within 2 s? Never throws. */
  ping(): Promise<boolean>;
  close(): void;
}

const PING_TIMEOUT_MS = 2_000;
/** How long the first upload waits for the storage to tell its time. */
const FIRST_ANSWER_MS = 1_000;
/** How long after a question that was not answered the next one is asked. */
const ASK_AGAIN_AFTER_MS = 10_000;

/**
 * The SDK is loaded on first use: it is large, and forwarding must not wait for it.
 * @param clock learns from every answer
 */
export function createObjectStorage(config: StorageConfig, clock: StorageClock): ObjectStorage {
  let client: S3Client | undefined;
  const open = () => {
    client ??= createClient(config, clock);
    return client;
  };

  async function ping(): Promise<boolean> {
    const abortSignal = AbortSignal.timeout(PING_TIMEOUT_MS);
    const head = async () => {
      try {
        const { HeadBucketCommand } = loadPackage('@aws-sdk/client-s3');
        await open().send(new HeadBucketCommand({ Bucket: config.bucket }), { abortSignal });
        return true;
      } catch {
        return false;
      }
    };
    const isThere = await head();
    return clock.isContradicted() ? (await head()) && !clock.isContradicted() : isThere;
  }

  let answer: Promise<unknown> = Promise.resolve();
  let askedAtMs = Number.NEGATIVE_INFINITY;
  /** Once something is known, uploads do not wait for what is newer. */
  async function learnTime(): Promise<void> {
    if (!clock.isStale()) return;
    if (performance.now() - askedAtMs > ASK_AGAIN_AFTER_MS) {
      askedAtMs = performance.now();
      answer = Promise.race([ping(), sleep(FIRST_ANSWER_MS, undefined, { ref: false })]);
    }
    if (!clock.isKnown()) await answer;
  }

  return {
    async presignPut(target) {
      await learnTime();
      return presign(open(), config, target, new Date(clock.now()));
    },
    publicUrl: (key) => `${config.publicBaseUrl}/${key.split('/').map(encodeURIComponent).join('/')}`,
    ping,
    close: () => {
      client?.destroy();
    },
  };
}

function createClient(config: StorageConfig, clock: StorageClock): S3Client {
  const { S3Client } = loadPackage('@aws-sdk/client-s3');
  const client = new S3Client({
    endpoint: config.endpoint,
    region: config.region,
    credentials: { accessKeyId: config.accessKeyId, secretAccessKey: config.secretAccessKey },
    forcePathStyle: config.forcePathStyle,
    // Otherwise the URL carries the CRC32 of an empty body, and strict servers refuse the upload.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    maxAttempts: 2,
  });
  // Inside of what reads an answer, so that it sees refusals, too.
  client.middlewareStack.add(
    (next) => async (args) => {
      const result = await next(args);
      const { headers } = result.response as { readonly headers?: Record<string, string> };
      if (headers !== undefined) clock.observe(headers);
      return result;
    },
    { step: 'deserialize', priority: 'low', name: 'learnTime' },
  );
  return client;
}

/**
 * Without `signableHeaders` the type and length would not be bound; without `unhoistableHeaders` the ACL would move
 * into the query, where DigitalOcean Spaces ignores it. New Sets each time: the SDK changes them.
 */
async function presign(
  s3: S3Client,
  config: StorageConfig,
  target: UploadTarget,
  signingDate: Date,
): Promise<PresignedPut> {
  const { PutObjectCommand } = loadPackage('@aws-sdk/client-s3');
  const { getSignedUrl } = loadPackage('@aws-sdk/s3-request-presigner');
  const command = new PutObjectCommand({
    Bucket: config.bucket,
    Key: target.key,
    ContentType: target.contentType,
    ContentLength: target.contentLength,
    ...(config.uploadAcl === null ? {} : { ACL: config.uploadAcl as 'public-read' }),
  });
  const uploadUrl = await getSignedUrl(s3, command, {
    expiresIn: target.expiresInSeconds,
    signingDate,
    signableHeaders: new Set(['host', 'content-type', 'content-length', 'x-amz-acl']),
    unhoistableHeaders: new Set(['x-amz-acl']),
  });
  const acl = config.uploadAcl === null ? {} : { 'x-amz-acl': config.uploadAcl };
  return { uploadUrl, headers: { 'Content-Type': target.contentType, ...acl } };
}
