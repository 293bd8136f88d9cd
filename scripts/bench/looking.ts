/**
 * What one look at an uploaded file costs, in CPU: the GET by the SDK, by our own request, and the judgement. All in one thread, in
 * turns, so that what else the machine does meets them alike; the store is in another. Run by itself:
 * `node scripts/bench/looking.ts`.
 */
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { GetObjectCommand, S3Client } from '@aws-sdk/client-s3';
import type { StorageConfig } from '../../src/config/config.ts';
import { judge } from '../../src/features/uploads/judge.ts';
import { createObjectStorage } from '../../src/infra/object-storage/object-storage.ts';
import { createStorageClock } from '../../src/infra/object-storage/storage-clock.ts';
import { startTestObjectStore } from '../lab/throwaway-object-store.ts';
import { median } from './statistics.ts';

const ROUNDS = 9;
const LOOKS = 300;
const AT_ONCE = 4;
const RANGE_BYTES = 4100;
/** The smallest picture there is: one pixel. */
const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);
const key = 'uploads/1/product_image/a.png';

/** The ways to look, by name, and an end to them. */
async function waysToLook(config: StorageConfig) {
  const storage = createObjectStorage(config, createStorageClock({ warn() {}, info() {} }));
  const type = { contentType: 'image/png', contentLength: PNG.length };
  const { uploadUrl, headers } = await storage.presignPut({ key, ...type, expiresInSeconds: 60 });
  const { status } = await fetch(uploadUrl, { method: 'PUT', headers, body: PNG });
  if (status !== 200) throw new Error(`The file could not be stored: ${status}.`);
  const { endpoint, region, forcePathStyle, bucket } = config;
  const client = new S3Client({ endpoint, region, forcePathStyle, credentials: config, maxAttempts: 1 });
  const signal = () => AbortSignal.timeout(10_000);
  const announced = { key, content_type: 'image/png', size_bytes: String(PNG.length) };
  const ways: Record<string, () => Promise<unknown>> = {
    'a GET by the SDK': async () => {
      const command = new GetObjectCommand({ Bucket: bucket, Key: key, Range: `bytes=0-${RANGE_BYTES - 1}` });
      const { Body } = await client.send(command, { abortSignal: signal() });
      return (Body as Readable).toArray();
    },
    'a GET of our own': () => storage.readStart(key, RANGE_BYTES, signal()),
    'and its judgement': () => judge(storage, { ...announced, kind: 'product_image' }, signal()),
  };
  const end = () => {
    client.destroy();
    storage.close();
  };
  return { ways, end };
}

/** CPU of this thread for one, µs. */
async function cpuOf(look: () => Promise<unknown>): Promise<number> {
  let left = LOOKS;
  const inTurn = async () => {
    while (left > 0) {
      left -= 1;
      await look();
    }
  };
  const before = process.threadCpuUsage();
  await Promise.all(Array.from({ length: AT_ONCE }, inTurn));
  const { user, system } = process.threadCpuUsage(before);
  return (user + system) / LOOKS;
}

async function main(): Promise<void> {
  const worker = new Worker(new URL(import.meta.url));
  const [config] = (await once(worker, 'message')) as [StorageConfig];
  const { ways, end } = await waysToLook(config);
  const measured = new Map(Object.keys(ways).map((name) => [name, [] as number[]]));
  for (let round = -2; round < ROUNDS; round += 1)
    for (const [name, look] of Object.entries(ways)) {
      const us = await cpuOf(look);
      // The first two rounds warm up.
      if (round >= 0) measured.get(name)?.push(us);
    }
  for (const [name, values] of measured) {
    const best = Math.min(...values).toFixed(0);
    console.log(`${median(values).toFixed(0).padStart(6)} µs (${best} at best)  ${name}`);
  }
  end();
  worker.postMessage('end');
}

if (isMainThread) await main();
else {
  const store = await startTestObjectStore();
  parentPort?.postMessage(store.config);
  parentPort?.once('message', store.stop);
}
