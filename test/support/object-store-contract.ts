/**
 * What presigned uploads must do on any S3: run against our own development store and against Ceph's radosgw, so that
 * ours cannot be laxer than a real one. Uploads go through the sidecar's own code.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { RunningStore } from '../../scripts/lab/throwaway-object-store.ts';
import type { StorageConfig } from '../../src/config/config.ts';
import { createLogger } from '../../src/infra/logger.ts';
import { createObjectStorage, type ObjectStorage } from '../../src/infra/object-storage/object-storage.ts';
import { createStorageClock } from '../../src/infra/object-storage/storage-clock.ts';
import { type ClientAnswer, send as request } from './https-client.ts';

/** @param start null when the store cannot run here (the caller has said why) */
export function objectStoreContract(name: string, start: () => Promise<RunningStore | null>): void {
  let store: RunningStore | null = null;
  let storage: ObjectStorage;
  before(async () => {
    store = await start();
    if (store !== null)
      storage = createObjectStorage(store.config, createStorageClock(createLogger('silent')));
  });
  after(async () => {
    if (store === null) return;
    storage.close();
    await store.stop();
  });

  const check = (sentence: string, work: (config: StorageConfig) => Promise<void>) =>
    test(`${name}: ${sentence}`, async (t) => {
      if (store === null) t.skip('not installed');
      else await work(store.config);
    });

  let count = 0;
  const presigned = async (expiresInSeconds = 60, length = 10) => {
    count += 1;
    const key = `uploads/1/product_image/object-${count}.png`;
    const put = await storage.presignPut({
      key,
      contentType: 'image/png',
      contentLength: length,
      expiresInSeconds,
    });
    return { key, ...put };
  };

  check('takes an upload and gives it back with its type, length and ranges', async () => {
    const { key, uploadUrl, headers } = await presigned();
    assert.equal((await send('PUT', uploadUrl, headers, '0123456789')).status, 200);
    const got = await send('GET', storage.publicUrl(key));
    assert.equal(got.status, 200);
    assert.equal(got.body, '0123456789');
    assert.equal(got.headers['content-type'], 'image/png');
    assert.equal(got.headers['content-length'], '10');
    assert.equal(got.headers['accept-ranges'], 'bytes');
    const part = await send('GET', storage.publicUrl(key), { Range: 'bytes=2-4' });
    assert.deepEqual([part.status, part.body, part.headers['content-range']], [206, '234', 'bytes 2-4/10']);
    assert.equal((await send('GET', storage.publicUrl(key), { Range: 'bytes=-3' })).body, '789');
    assert.equal((await send('GET', storage.publicUrl(key), { Range: 'bytes=10-' })).status, 416);
    const head = await send('HEAD', storage.publicUrl(key));
    assert.deepEqual([head.status, head.headers['content-length'], head.body], [200, '10', '']);
  });

  check('refuses another content type', async () => {
    const { uploadUrl, headers } = await presigned();
    assert.equal(
      (await send('PUT', uploadUrl, { ...headers, 'Content-Type': 'text/html' }, '0123456789')).status,
      403,
    );
  });

  check('refuses another length', async () => {
    const { uploadUrl, headers } = await presigned();
    for (const body of ['012345678', '0123456789a']) {
      assert.equal((await send('PUT', uploadUrl, headers, body)).status, 403);
    }
  });

  check('refuses a missing and a different ACL', async (config) => {
    if (config.uploadAcl === null) return;
    const { uploadUrl, headers } = await presigned();
    const { 'x-amz-acl': _, ...without } = headers;
    assert.equal((await send('PUT', uploadUrl, without, '0123456789')).status, 403);
    assert.equal(
      (await send('PUT', uploadUrl, { ...headers, 'x-amz-acl': 'private' }, '0123456789')).status,
      403,
    );
  });

  check('refuses another key, another method and a changed signature', async () => {
    const { uploadUrl, headers, key } = await presigned();
    const otherKey = uploadUrl.replace(key, `${key}x`);
    const otherSignature = uploadUrl.replace(
      /(X-Amz-Signature=)./,
      (_, name) => `${name}${uploadUrl.includes('Signature=0') ? '1' : '0'}`,
    );
    assert.equal((await send('PUT', otherKey, headers, '0123456789')).status, 403);
    assert.equal((await send('PUT', otherSignature, headers, '0123456789')).status, 403);
    assert.equal((await send('DELETE', uploadUrl, headers)).status, 403);
  });

  check('refuses a URL that has expired', async () => {
    const { uploadUrl, headers } = await presigned(1);
    await new Promise((wake) => setTimeout(wake, 2_500));
    assert.equal((await send('PUT', uploadUrl, headers, '0123456789')).status, 403);
  });

  check('refuses an upload without any signature', async () => {
    const { uploadUrl, headers } = await presigned();
    assert.equal((await send('PUT', uploadUrl.split('?')[0] ?? '', headers, '0123456789')).status, 403);
  });

  check('answers the ping with good credentials, and not with bad ones', async (config) => {
    assert.equal(await storage.ping(), true);
    const stranger = createObjectStorage(
      { ...config, secretAccessKey: 'wrong' },
      createStorageClock(createLogger('silent')),
    );
    assert.equal(await stranger.ping(), false);
    stranger.close();
  });

  check('lets browsers upload from another origin', async () => {
    const { uploadUrl } = await presigned();
    const preflight = await send('OPTIONS', uploadUrl, {
      Origin: 'https://shop.example.com',
      'Access-Control-Request-Method': 'PUT',
      'Access-Control-Request-Headers': 'content-type,x-amz-acl',
    });
    assert.equal(preflight.status, 200);
    assert.match(
      String(preflight.headers['access-control-allow-origin']),
      /^(\*|https:\/\/shop\.example\.com)$/,
    );
    assert.match(String(preflight.headers['access-control-allow-methods']), /PUT/);
  });
}

/** A body is sent with PUT only. */
export const send = (
  method: string,
  url: string,
  headers: Record<string, string> = {},
  body = '',
): Promise<ClientAnswer> => request(url, { method, headers, ...(method === 'PUT' ? { body } : {}) });
