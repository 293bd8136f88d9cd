/** The development object store is as strict as real storage. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { test } from 'node:test';
import { startTestObjectStore } from '../../scripts/lab/throwaway-object-store.ts';
import { createLogger } from '../../src/infra/logger.ts';
import { createObjectStorage } from '../../src/infra/object-storage/object-storage.ts';
import { createStorageClock } from '../../src/infra/object-storage/storage-clock.ts';
import { objectStoreContract, send } from '../support/object-store-contract.ts';

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
  const storage = createObjectStorage(store.config, createStorageClock(createLogger('silent')));
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
