/** The signatures of our own requests are those of the AWS SDK, byte for byte. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { S3Client } from '@aws-sdk/client-s3';
import { createAuthorizer } from '../../../src/infra/object-storage/authorization.ts';
import { signingPlace } from '../../../src/infra/object-storage/presign.ts';

const PLACES = [
  { endpoint: 'http://[::1]:9000', forcePathStyle: true, region: 'us-east-1' },
  { endpoint: 'https://fra1.digitaloceanspaces.com', forcePathStyle: false, region: 'fra1' },
  { endpoint: 'http://storage.example.com:8080/below/this/', forcePathStyle: true, region: 'x' },
];
const CREDENTIALS = [
  { accessKeyId: 'plain', secretAccessKey: 'secret' },
  { accessKeyId: 'A/K+=%&', secretAccessKey: 's/e+c=r%e&t é' },
];
const KEYS = ['uploads/7/reel_video/a.mp4', "a b+c%20d&e=f?g#h!'()*~", 'ключ/画像/👍', 'x/../y//./z/'];
const TIMES = [
  Date.UTC(2026, 10, 26, 23, 59, 59, 999),
  Date.UTC(2026, 10, 27),
  Date.UTC(1999, 0, 1, 1, 2, 3),
];

test('a request of our own has the signature that the AWS SDK gives it, whatever the bucket, key, method and time', async () => {
  for (const credentials of CREDENTIALS)
    for (const place of PLACES) {
      const client = new S3Client({ ...place, credentials });
      const signer = await client.config.signer();
      const authorize = createAuthorizer(credentials, await signingPlace(client, 'media'));
      for (const key of KEYS)
        for (const signedAtMs of TIMES)
          for (const [method, range] of [['GET', 'bytes=0-4099'], ['HEAD'], ['DELETE']] as const) {
            const own = authorize({ method, key, signedAtMs, ...(range && { range }) });
            const { authorization, ...headers } = own.headers;
            const request = { method, headers, path: own.path, query: {}, protocol: '', hostname: '' };
            const signed = await signer.sign(request as never, { signingDate: new Date(signedAtMs) });
            assert.equal(
              authorization,
              (signed as unknown as typeof request).headers['authorization' as never],
            );
          }
      client.destroy();
    }
});
