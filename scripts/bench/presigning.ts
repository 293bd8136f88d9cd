/**
 * What signing one upload costs, in CPU: the SDK's getSignedUrl, its S3RequestPresigner used as cheaply as it can be, and
 * our own arithmetic. All in one process, in turns, so that what else the machine does meets them alike. Run by itself:
 * `node scripts/bench/presigning.ts`.
 */
import { randomUUID } from 'node:crypto';
import { pathToFileURL } from 'node:url';
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { getSignedUrl, S3RequestPresigner } from '@aws-sdk/s3-request-presigner';
import { createPresigner, signingPlace } from '../../src/infra/object-storage/presign.ts';

const ROUNDS = 9;
const SIGNATURES = 2_000;
const REGION = 'us-east-1';
const credentials = { accessKeyId: 'test-key', secretAccessKey: 'test-secret' };

const nextKey = () => `uploads/7/reel_video/${randomUUID()}.mp4`;
const sets = () => ({
  expiresIn: 900,
  signableHeaders: new Set(['host', 'content-type', 'content-length', 'x-amz-acl']),
  unhoistableHeaders: new Set(['x-amz-acl']),
});

/** The ways to sign, by name. */
async function waysToSign(): Promise<Record<string, () => unknown>> {
  const client = new S3Client({
    endpoint: 'http://127.0.0.1:9000',
    region: REGION,
    credentials,
    forcePathStyle: true,
  });
  const put = {
    Bucket: 'media',
    ContentType: 'video/mp4',
    ContentLength: 1_000_000,
    ACL: 'public-read',
  } as const;
  const presigner = new S3RequestPresigner({ credentials, region: REGION, sha256: client.config.sha256 });
  const own = createPresigner(credentials, await signingPlace(client, 'media'));
  const headers = { 'content-type': 'video/mp4', 'content-length': '1000000', 'x-amz-acl': 'public-read' };
  return {
    getSignedUrl: () => getSignedUrl(client, new PutObjectCommand({ ...put, Key: nextKey() }), sets()),
    S3RequestPresigner: () =>
      presigner.presign(
        {
          method: 'PUT',
          protocol: 'http:',
          hostname: '127.0.0.1',
          port: 9000,
          path: `/media/${nextKey()}`,
          query: { 'x-id': 'PutObject' },
          headers: { ...headers },
        },
        sets(),
      ),
    'own arithmetic': () =>
      own({
        key: nextKey(),
        headers,
        query: [['x-id', 'PutObject']],
        expiresInSeconds: 900,
        signedAtMs: Date.now(),
      }),
  };
}

/** Median CPU of one signature by each way, µs. */
async function measure(): Promise<Record<string, number>> {
  const ways = Object.entries(await waysToSign());
  const measured = new Map(ways.map(([name]) => [name, [] as number[]]));
  for (let round = -1; round < ROUNDS; round += 1) {
    for (const [name, sign] of ways) {
      const before = process.cpuUsage();
      for (let i = 0; i < SIGNATURES; i += 1) await sign();
      const { user, system } = process.cpuUsage(before);
      // The first round warms up.
      if (round >= 0) measured.get(name)?.push((user + system) / SIGNATURES);
    }
  }
  const median = (values: number[]) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
  return Object.fromEntries([...measured].map(([name, values]) => [name, median(values)]));
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  for (const [name, us] of Object.entries(await measure()))
    console.log(`${us.toFixed(1).padStart(7)} µs  ${name}`);
}
