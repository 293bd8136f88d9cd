/** The development object store is as strict as real storage. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { test } from 'node:test';
import {
  GetBucketPolicyCommand,
  ListObjectsCommand,
  PutObjectAclCommand,
  PutObjectTaggingCommand,
  S3Client,
  type S3ServiceException,
} from '@aws-sdk/client-s3';
import { startObjectStore } from '../../scripts/lab/object-store/server.ts';
import { startTestObjectStore } from '../../scripts/lab/throwaway-object-store.ts';
import { objectStoreContract, send, storageOf } from '../support/object-store-contract.ts';

objectStoreContract('development store', startTestObjectStore);

test('development store: hostile requests are answered, not obeyed', async () => {
  const store = await startTestObjectStore(null);
  const at = (path: string) => `${store.config.endpoint}${path}`;
  try {
    for (const path of [
      '/',
      '/media/..%2F..%2Fetc%2Fpasswd',
      '/media/%00',
      '/media/%zz',
      `/media/${'k'.repeat(2000)}`,
      '/other/x',
    ]) {
      const answer = await send('GET', at(path));
      assert.ok(answer.status >= 400 && answer.status < 500, `${path} → ${answer.status}`);
    }
    for (const query of ['X-Amz-Signature=x', 'X-Amz-Signature=x&X-Amz-Signature=y', 'X-Amz-Signature=%zz']) {
      assert.equal((await send('PUT', at(`/media/x?${query}`), {}, 'x')).status, 400, query);
    }
    assert.equal(
      (await send('PUT', at('/media/x'), { Authorization: 'AWS4-HMAC-SHA256 nonsense' }, 'x')).status,
      400,
    );
  } finally {
    await store.stop();
  }
});

test('development store: whoever reads while an object is replaced gets the old one or the new one, whole', async () => {
  const store = await startTestObjectStore(null);
  const storage = storageOf(store.config);
  const key = 'uploads/1/product_image/replaced.png';
  const replace = async (body: string) => {
    const { uploadUrl, headers } = await storage.presignPut({
      key,
      contentType: 'image/png',
      contentLength: body.length,
      expiresInSeconds: 60,
    });
    assert.equal((await send('PUT', uploadUrl, headers, body)).status, 200);
  };
  try {
    await replace('first');
    let replacing = true;
    const readers = [1, 2, 3].map(async () => {
      for (let reads = 0; replacing || reads === 0; reads += 1) {
        const { status, headers, body } = await send('GET', storage.publicUrl(key));
        const md5 = createHash('md5').update(body).digest('hex');
        assert.deepEqual(
          [status, headers.etag, headers['content-length']],
          [200, `"${md5}"`, `${body.length}`],
        );
      }
    });
    const writer = (async () => {
      for (let round = 1; round <= 100; round += 1) await replace('x'.repeat(round % 2 === 0 ? 5 : 50_000));
    })().finally(() => {
      replacing = false;
    });
    await Promise.all([writer, ...readers]);
    assert.equal((await readdir(store.dataDir)).length, 5, 'bytes, facts, and three folders');
  } finally {
    storage.close();
    await store.stop();
  }
});

test('development store: what it has not is 501, and stores nothing', async () => {
  const store = await startTestObjectStore(null);
  const storage = storageOf(store.config);
  const until = () => AbortSignal.timeout(30_000);
  const s3 = new S3Client({ ...store.config, credentials: store.config, maxAttempts: 1 });
  const object = { Bucket: store.config.bucket, Key: 'uploads/x' };
  try {
    for (const command of [
      new PutObjectTaggingCommand({ ...object, Tagging: { TagSet: [] } }),
      new PutObjectAclCommand({ ...object, ACL: 'private' }),
      new ListObjectsCommand(object),
      new GetBucketPolicyCommand(object),
    ]) {
      await assert.rejects(s3.send(command as never), (error: S3ServiceException) => {
        assert.equal(error.$metadata.httpStatusCode, 501, command.constructor.name);
        return true;
      });
    }
    assert.equal(await storage.head('uploads/x', until()), null);
  } finally {
    s3.destroy();
    storage.close();
    await store.stop();
  }
});

test('development store: rules, parts and objects are there again after a restart', async () => {
  const store = await startTestObjectStore(null);
  const storage = storageOf(store.config);
  const until = () => AbortSignal.timeout(30_000);
  const key = 'uploads/1/reel_video/resumed.mp4';
  const rule = { AllowedOrigins: ['https://shop.example.com'], AllowedMethods: ['PUT'] };
  const uploadId = await storage.createMultipart({ key, contentType: 'video/mp4' }, until());
  const url = await storage.presignPart({
    key,
    uploadId,
    partNumber: 1,
    contentLength: 3,
    expiresInSeconds: 60,
  });
  assert.equal((await send('PUT', url, {}, 'abc')).status, 200);
  await storage.putCorsRules([rule], until());
  storage.close();
  const again = await startObjectStore({
    ...store.config,
    port: 0,
    dataDir: store.dataDir,
    publicRead: true,
  });
  const resumed = storageOf({ ...store.config, endpoint: again.url });
  try {
    const parts = (await resumed.listParts(key, uploadId, until())) ?? [];
    assert.deepEqual(
      parts.map(({ size }) => size),
      [3],
    );
    assert.equal(await resumed.completeMultipart(key, uploadId, parts, until()), 'completed');
    assert.equal((await resumed.readStart(key, 9, until()))?.bytes.toString(), 'abc');
    assert.deepEqual(await resumed.corsRules(until()), [rule]);
  } finally {
    resumed.close();
    await again.stop();
    await store.stop();
  }
});
