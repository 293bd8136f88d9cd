/** Our own signatures are those of the AWS SDK, byte for byte. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ObjectCannedACL, PutObjectCommand, S3Client, UploadPartCommand } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { createPresigner, signingPlace } from '../../../src/infra/object-storage/presign.ts';

const BUCKETS = [
  { endpoint: 'http://127.0.0.1:9000', forcePathStyle: true, bucket: 'media', region: 'us-east-1' },
  { endpoint: 'http://[::1]:9000', forcePathStyle: true, bucket: 'media', region: 'us-east-1' },
  {
    endpoint: 'https://fra1.digitaloceanspaces.com',
    forcePathStyle: false,
    bucket: 'gogomarket',
    region: 'fra1',
  },
  {
    endpoint: 'https://s3.eu-west-1.amazonaws.com/',
    forcePathStyle: false,
    bucket: 'with.dots',
    region: 'eu-west-1',
  },
  {
    endpoint: 'https://storage.example.com:443',
    forcePathStyle: false,
    bucket: 'Upper_Case',
    region: 'auto',
  },
  {
    endpoint: 'http://storage.example.com:8080/below/this/',
    forcePathStyle: true,
    bucket: 'media',
    region: 'x',
  },
  { endpoint: 'http://storage.example.com/below', forcePathStyle: false, bucket: 'media', region: 'x' },
];
const CREDENTIALS = [
  { accessKeyId: 'plain', secretAccessKey: 'secret' },
  { accessKeyId: 'A/K+=%&é', secretAccessKey: 's/e+c=r%e&t é' },
];
const KEYS = [
  'uploads/7/reel_video/0b2f5d1e-5a3c-4f5e-9f7d-1c2b3a4d5e6f.mp4',
  'k',
  'a b+c%20d&e=f?g#h',
  "!'()*~-_.",
  'ключ/画像/é/👍',
  'x/../y//./z/',
  `${'long/'.repeat(200)}x`,
  Array.from({ length: 128 }, (_, code) => String.fromCharCode(code)).join(''),
];
const DAY_MS = 24 * 3600_000;
const TIMES = [
  Date.UTC(2026, 10, 26, 23, 59, 59, 999),
  Date.UTC(2026, 10, 27),
  Date.UTC(1999, 0, 1, 1, 2, 3),
];
const FIELDS: readonly {
  ContentType: string;
  ACL?: ObjectCannedACL;
  CacheControl?: string;
  IfNoneMatch?: string;
  ChecksumSHA256?: string;
}[] = [
  { ContentType: 'video/mp4' },
  { ContentType: 'image/svg+xml; charset="a  b"', ACL: 'public-read' },
  {
    ContentType: 'image/png',
    ACL: 'bucket-owner-full-control',
    CacheControl: ' public,  max-age=31536000, immutable ',
    IfNoneMatch: '*',
    ChecksumSHA256: '47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=',
  },
];
const SIGNED = [
  'host',
  'content-type',
  'content-length',
  'cache-control',
  'if-none-match',
  'x-amz-acl',
  'x-amz-checksum-sha256',
];

const headersOf = ({
  ContentType,
  ACL,
  CacheControl,
  IfNoneMatch,
  ChecksumSHA256,
}: (typeof FIELDS)[number]) => ({
  'content-type': ContentType,
  ...(CacheControl && { 'cache-control': CacheControl }),
  ...(IfNoneMatch && { 'if-none-match': IfNoneMatch }),
  ...(ACL && { 'x-amz-acl': ACL }),
  ...(ChecksumSHA256 && { 'x-amz-checksum-sha256': ChecksumSHA256 }),
});

/** New Sets each time: the SDK changes them. */
const options = (expiresIn: number, signedAtMs: number, signed = SIGNED) => ({
  expiresIn,
  signingDate: new Date(signedAtMs),
  signableHeaders: new Set(signed),
  unhoistableHeaders: new Set(['x-amz-acl', 'x-amz-checksum-sha256']),
});

test('a URL for a file or a part is the one that the AWS SDK makes, whatever the bucket, key, fields, time and lifetime', async () => {
  for (const { bucket: Bucket, ...where } of BUCKETS) {
    for (const credentials of CREDENTIALS) {
      const client = new S3Client({
        ...where,
        credentials,
        requestChecksumCalculation: 'WHEN_REQUIRED',
        responseChecksumValidation: 'WHEN_REQUIRED',
      });
      const presign = createPresigner(credentials, await signingPlace(client, Bucket));
      let n = 0;
      for (const Key of KEYS) {
        n += 1;
        const fields = FIELDS[n % FIELDS.length] ?? { ContentType: '' };
        const signedAtMs = (TIMES[n % TIMES.length] ?? 0) + (n % 2) * DAY_MS;
        const expiresInSeconds = [1, 900, 604_800][n % 3] ?? 1;
        const ContentLength = [1, 10, 5 * 1024 ** 3][n % 3] ?? 1;
        const put = new PutObjectCommand({ Bucket, Key, ContentLength, ...fields });
        const own = presign({
          key: Key,
          headers: { ...headersOf(fields), 'content-length': String(ContentLength) },
          query: [['x-id', 'PutObject']],
          expiresInSeconds,
          signedAtMs,
        });
        assert.equal(own, await getSignedUrl(client, put, options(expiresInSeconds, signedAtMs)));
        const UploadId = `2~a+b/c=d&e~${Key.slice(0, 3)}`;
        const part = new UploadPartCommand({ Bucket, Key, UploadId, PartNumber: n, ContentLength });
        const ownPart = presign({
          key: Key,
          headers: { 'content-length': String(ContentLength) },
          query: [
            ['partNumber', String(n)],
            ['uploadId', UploadId],
            ['x-id', 'UploadPart'],
          ],
          expiresInSeconds,
          signedAtMs,
        });
        const forPart = options(expiresInSeconds, signedAtMs, ['host', 'content-length']);
        assert.equal(ownPart, await getSignedUrl(client, part, forPart));
      }
      client.destroy();
    }
  }
});
