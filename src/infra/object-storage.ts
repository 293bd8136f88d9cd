/**
 * S3-compatible object storage: signs uploads (arithmetic only, no request) and tells whether storage is there.
 */
import type { S3Client } from '@aws-sdk/client-s3';
import type { StorageConfig } from '../config.ts';
import { loadPackage } from '../load-package.ts';

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
  /** Does storage answer and accept our credentials, within 2 s? Never throws. */
  ping(): Promise<boolean>;
  close(): void;
}

const PING_TIMEOUT_MS = 2_000;

/** The SDK is loaded on first use: it is large, and forwarding must not wait for it. */
export function createObjectStorage(config: StorageConfig): ObjectStorage {
  let client: S3Client | undefined;
  const open = () => {
    client ??= createClient(config);
    return client;
  };

  return {
    presignPut: async (target) => presign(open(), config, target),
    publicUrl: (key) => `${config.publicBaseUrl}/${key.split('/').map(encodeURIComponent).join('/')}`,
    ping: async () => {
      const abortSignal = AbortSignal.timeout(PING_TIMEOUT_MS);
      try {
        const { HeadBucketCommand } = loadPackage('@aws-sdk/client-s3');
        await open().send(new HeadBucketCommand({ Bucket: config.bucket }), { abortSignal });
        return true;
      } catch {
        return false;
      }
    },
    close: () => {
      client?.destroy();
    },
  };
}

function createClient(config: StorageConfig): S3Client {
  const { S3Client } = loadPackage('@aws-sdk/client-s3');
  return new S3Client({
    endpoint: config.endpoint,
    region: config.region,
    credentials: { accessKeyId: config.accessKeyId, secretAccessKey: config.secretAccessKey },
    forcePathStyle: config.forcePathStyle,
    // Otherwise the URL carries the CRC32 of an empty body, and strict servers refuse the upload.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    maxAttempts: 2,
  });
}

/**
 * Without `signableHeaders` the type and length would not be bound; without `unhoistableHeaders` the ACL would move
 * into the query, where DigitalOcean Spaces ignores it. New Sets each time: the SDK changes them.
 */
async function presign(s3: S3Client, config: StorageConfig, target: UploadTarget): Promise<PresignedPut> {
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
    signableHeaders: new Set(['host', 'content-type', 'content-length', 'x-amz-acl']),
    unhoistableHeaders: new Set(['x-amz-acl']),
  });
  const acl = config.uploadAcl === null ? {} : { 'x-amz-acl': config.uploadAcl };
  return { uploadUrl, headers: { 'Content-Type': target.contentType, ...acl } };
}
