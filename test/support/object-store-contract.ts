/**
 * What presigned uploads must do on any S3: run against our own development store and against Ceph's radosgw, so that
 * ours cannot be laxer than a real one. Uploads go through the sidecar's own code.
 */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import { inspect } from 'node:util';
import type { RunningStore } from '../../scripts/lab/throwaway-object-store.ts';
import type { StorageConfig } from '../../src/config/config.ts';
import { createLogger } from '../../src/infra/logger.ts';
import {
  createObjectStorage,
  type ObjectStorage,
  type PresignedPut,
  type UploadTarget,
} from '../../src/infra/object-storage/object-storage.ts';
import { createStorageClock } from '../../src/infra/object-storage/storage-clock.ts';
import { type ClientAnswer, send as request } from './https-client.ts';

const TARGET = { contentType: 'image/png', expiresInSeconds: 60 };
/** The sidecar's side of a store. */
export const storageOf = (config: StorageConfig) =>
  createObjectStorage(config, createStorageClock(createLogger('silent')));

/**
 * @param start null when the store cannot run here (the caller has said why)
 * @param differences what it does otherwise than AWS (docs/decisions/0008)
 */
export function objectStoreContract(
  name: string,
  start: () => Promise<RunningStore | null>,
  differences: { readonly ignoresChecksums?: boolean } = {},
): void {
  let store: RunningStore | null = null;
  let storage: ObjectStorage;
  before(async () => {
    store = await start();
    if (store !== null) storage = storageOf(store.config);
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
  const presigned = async (
    expiresInSeconds = 60,
    contentLength = 10,
    more: Partial<UploadTarget> = {},
  ): Promise<PresignedPut & { key: string }> => {
    count += 1;
    const key = `uploads/1/product_image/object-${count}.png`;
    const put = await storage.presignPut({ ...TARGET, key, contentLength, expiresInSeconds, ...more });
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
    const stranger = storageOf({ ...config, secretAccessKey: 'wrong' });
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

  const signal = () => AbortSignal.timeout(30_000);
  const uploaded = async (body: string, more: Partial<UploadTarget> = {}) => {
    const { key, uploadUrl, headers } = await presigned(60, body.length, more);
    assert.equal((await send('PUT', uploadUrl, headers, body)).status, 200);
    return key;
  };
  const md5 = (bytes: string | Buffer) => createHash('md5').update(bytes).digest('hex');

  check('tells size, type and ETag of an object, reads its start, and deletes it, twice', async () => {
    const key = await uploaded('0123456789');
    const facts = { size: 10, contentType: 'image/png', etag: md5('0123456789') };
    assert.deepEqual(await storage.head(key, signal()), facts);
    for (const [maxBytes, text] of [
      [4, '0123'],
      [10, '0123456789'],
      [4096, '0123456789'],
    ] as const) {
      assert.deepEqual(await storage.readStart(key, maxBytes, signal()), {
        ...facts,
        bytes: Buffer.from(text),
      });
    }
    await storage.delete(key, signal());
    assert.equal(await storage.head(key, signal()), null);
    assert.equal(await storage.readStart(key, 4, signal()), null);
    await storage.delete(key, signal());
  });

  check('has an empty object, which has no range', async () => {
    const key = await uploaded('');
    const facts = { size: 0, contentType: 'image/png', etag: md5('') };
    assert.deepEqual(await storage.head(key, signal()), facts);
    assert.deepEqual(await storage.readStart(key, 4096, signal()), { ...facts, bytes: Buffer.alloc(0) });
  });

  check('a bucket that is not there is a failure and no missing object', async (config) => {
    const elsewhere = storageOf({ ...config, bucket: 'nowhere' });
    const asked = [
      () => elsewhere.head('k', signal()),
      () => elsewhere.readStart('k', 1, signal()),
      () => elsewhere.delete('k', signal()),
      () => elsewhere.createMultipart({ key: 'k', contentType: 'video/mp4' }, signal()),
      () => elsewhere.corsRules(signal()),
    ];
    for (const ask of asked) await assert.rejects(ask(), { status: 503, code: 'NoSuchBucket' });
    await assert.rejects(all(elsewhere.list('', signal())), {
      status: 503,
      code: 'NoSuchBucket',
    });
    elsewhere.close();
  });

  check('credentials that are refused are a failure, and no secret is in it', async (config) => {
    const secretAccessKey = 'not-the-secret';
    const stranger = storageOf({ ...config, secretAccessKey });
    for (const ask of [
      () => stranger.head('private-key', signal()),
      () => stranger.readStart('private-key', 1, signal()),
      () => stranger.delete('private-key', signal()),
      () => stranger.listParts('private-key', 'id', signal()),
    ]) {
      const error = await ask().catch((thrown) => thrown);
      assert.deepEqual([error.status, error.httpStatus], [503, 403]);
      assert.doesNotMatch(inspect(error, { depth: 9 }), /not-the-secret|private-key|Signature=|AWS4/);
    }
    stranger.close();
  });

  check('binds Cache-Control to the upload and gives it back', async () => {
    const cacheControl = 'public, max-age=31536000, immutable';
    const { key, uploadUrl, headers } = await presigned(60, 1, { cacheControl });
    assert.equal(headers['Cache-Control'], cacheControl);
    assert.equal(
      (await send('PUT', uploadUrl, { ...headers, 'Cache-Control': 'no-store' }, 'x')).status,
      403,
    );
    assert.equal((await send('PUT', uploadUrl, headers, 'x')).status, 200);
    assert.equal((await send('GET', storage.publicUrl(key))).headers['cache-control'], cacheControl);
  });

  check('a key that may be written once is written once', async () => {
    const { uploadUrl, headers, key } = await presigned(60, 5, { once: true });
    assert.equal(headers['If-None-Match'], '*');
    const { 'If-None-Match': _, ...without } = headers;
    assert.equal((await send('PUT', uploadUrl, without, 'first')).status, 403);
    assert.equal((await send('PUT', uploadUrl, headers, 'first')).status, 200);
    const again = await send('PUT', uploadUrl, headers, 'other');
    assert.deepEqual([again.status, codeIn(again)], [412, 'PreconditionFailed']);
    assert.equal((await storage.readStart(key, 5, signal()))?.bytes.toString(), 'first');
  });

  check('bytes without the signed SHA-256 are refused', async () => {
    const sha256 = createHash('sha256').update('right').digest('hex');
    const { uploadUrl, headers, key } = await presigned(60, 5, { sha256 });
    const wrong = await send('PUT', uploadUrl, headers, 'wrong');
    if (differences.ignoresChecksums) assert.equal(wrong.status, 200);
    else {
      assert.deepEqual([wrong.status, codeIn(wrong)], [400, 'BadDigest']);
      assert.equal(await storage.head(key, signal()), null);
    }
    assert.equal((await send('PUT', uploadUrl, headers, 'right')).status, 200);
  });

  check('lists every object under a prefix, over pages, whatever its name', async () => {
    const prefix = `uploads/list-${Date.now()}/`;
    const names = ['a b+c%20&é', 'x\u0001y', ...Array.from({ length: 1003 }, (_, n) => `n${1000 + n}`)];
    await inTurns(names, async (name) => {
      const put = await storage.presignPut({ ...TARGET, key: prefix + name, contentLength: 1 });
      assert.equal((await send('PUT', put.uploadUrl, put.headers, 'x')).status, 200, name);
    });
    const listed = await all(storage.list(prefix, signal()));
    assert.deepEqual(
      listed.map(({ key }) => key.slice(prefix.length)),
      names.sort(),
    );
    for (const { size, etag, lastModifiedMs } of listed) {
      assert.deepEqual([size, etag], [1, md5('x')]);
      assert.ok(Math.abs(Date.now() - lastModifiedMs) < 600_000);
    }
  });

  check('an upload in parts: begun, listed, put together, in one piece afterwards', async () => {
    const key = `uploads/1/reel_video/parts-${Date.now()}.mp4`;
    const target = { key, contentType: 'video/mp4', cacheControl: 'max-age=60' };
    const uploadId = await storage.createMultipart(target, signal());
    assert.deepEqual(await storage.listParts(key, uploadId, signal()), []);
    const [first, second] = [randomBytes(5 * MIB), randomBytes(10)];
    await putPart(key, uploadId, 2, second);
    const etag = await putPart(key, uploadId, 1, first);
    const parts = await storage.listParts(key, uploadId, signal());
    assert.deepEqual(parts, [
      { partNumber: 1, size: 5 * MIB, etag: md5(first) },
      { partNumber: 2, size: 10, etag: md5(second) },
    ]);
    assert.equal(etag, `"${md5(first)}"`);
    assert.equal(await storage.head(key, signal()), null);
    const open = (await all(storage.listMultiparts(key, signal()))).map(({ uploadId: id }) => id);
    assert.deepEqual(open, [uploadId]);
    assert.equal(await storage.completeMultipart(key, uploadId, parts ?? [], signal()), 'completed');
    const together = createHash('md5').update(md5(first), 'hex').update(md5(second), 'hex').digest('hex');
    assert.deepEqual(await storage.head(key, signal()), {
      size: 5 * MIB + 10,
      contentType: 'video/mp4',
      etag: `${together}-2`,
    });
    const tail = await send('GET', storage.publicUrl(key), { Range: 'bytes=-10' });
    assert.deepEqual([tail.status, tail.headers['cache-control']], [206, 'max-age=60']);
    assert.equal(tail.headers['content-range'], `bytes ${5 * MIB}-${5 * MIB + 9}/${5 * MIB + 10}`);
    assert.equal(await storage.listParts(key, uploadId, signal()), null);
    const again = await storage.completeMultipart(key, uploadId, parts ?? [], signal());
    assert.match(again, /^(completed|unknown)$/, 'AWS and Ceph say completed once more');
    assert.equal(await storage.abortMultipart(key, uploadId, signal()), 'unknown');
    assert.ok(await storage.head(key, signal()), 'an abort that comes late takes nothing away');
  });

  check('a part has the length that was signed, and a part sent again replaces the first', async () => {
    const key = `uploads/1/reel_video/replaced-${Date.now()}.mp4`;
    const uploadId = await storage.createMultipart({ key, contentType: 'video/mp4' }, signal());
    const url = await storage.presignPart({
      key,
      uploadId,
      partNumber: 7,
      contentLength: 3,
      expiresInSeconds: 60,
    });
    for (const body of ['ab', 'abcd']) assert.equal((await send('PUT', url, {}, body)).status, 403);
    const otherPart = url.replace('partNumber=7', 'partNumber=8');
    assert.equal((await send('PUT', otherPart, {}, 'abc')).status, 403);
    for (const body of ['abc', 'xyz']) assert.equal((await send('PUT', url, {}, body)).status, 200);
    assert.deepEqual(await storage.listParts(key, uploadId, signal()), [
      { partNumber: 7, size: 3, etag: md5('xyz') },
    ]);
    const wrong = [{ partNumber: 7, etag: md5('abc') }];
    assert.equal(await storage.completeMultipart(key, uploadId, wrong, signal()), 'bad_parts');
    const missing = [{ partNumber: 6, etag: md5('xyz') }];
    assert.equal(await storage.completeMultipart(key, uploadId, missing, signal()), 'bad_parts');
    assert.equal(await storage.abortMultipart(key, uploadId, signal()), 'aborted');
  });

  check('parts that are not the last one have 5 MiB at least', async () => {
    const key = `uploads/1/reel_video/small-${Date.now()}.mp4`;
    const uploadId = await storage.createMultipart({ key, contentType: 'video/mp4' }, signal());
    for (const n of [1, 2]) await putPart(key, uploadId, n, Buffer.from('small'));
    const parts = (await storage.listParts(key, uploadId, signal())) ?? [];
    assert.equal(await storage.completeMultipart(key, uploadId, parts, signal()), 'bad_parts');
    assert.equal(await storage.abortMultipart(key, uploadId, signal()), 'aborted');
  });

  check('an aborted upload in parts is gone: its parts, its URLs, its id', async () => {
    const key = `uploads/1/reel_video/aborted-${Date.now()}.mp4`;
    const uploadId = await storage.createMultipart({ key, contentType: 'video/mp4' }, signal());
    await putPart(key, uploadId, 1, Buffer.from('abc'));
    assert.equal(await storage.abortMultipart(key, uploadId, signal()), 'aborted');
    assert.equal(await storage.listParts(key, uploadId, signal()), null);
    const part = { key, uploadId, partNumber: 1, contentLength: 3, expiresInSeconds: 60 };
    const late = await send('PUT', await storage.presignPart(part), {}, 'abc');
    assert.deepEqual([late.status, codeIn(late)], [404, 'NoSuchUpload']);
    assert.equal(
      await storage.completeMultipart(key, uploadId, [{ partNumber: 1, etag: md5('abc') }], signal()),
      'unknown',
    );
    assert.equal(await storage.abortMultipart(key, uploadId, signal()), 'unknown');
    assert.equal(await storage.head(key, signal()), null);
    assert.deepEqual(await all(storage.listMultiparts(key, signal())), []);
  });

  check('lists all parts, over pages', async () => {
    const key = `uploads/1/reel_video/many-${Date.now()}.mp4`;
    const uploadId = await storage.createMultipart({ key, contentType: 'video/mp4' }, signal());
    const numbers = Array.from({ length: 1005 }, (_, n) => n + 1);
    await inTurns(numbers, (n) => putPart(key, uploadId, n, Buffer.from('x')));
    const parts = (await storage.listParts(key, uploadId, signal())) ?? [];
    assert.deepEqual(
      parts.map(({ partNumber }) => partNumber),
      numbers,
    );
    assert.equal(await storage.abortMultipart(key, uploadId, signal()), 'aborted');
  });

  check('browsers may do what a CORS rule of the bucket allows, and nothing without one', async () => {
    const before = await storage.corsRules(signal());
    const { uploadUrl, headers } = await presigned(60, 1);
    const preflight = (origin: string, method: string, fields = 'content-type,x-amz-acl') =>
      send('OPTIONS', uploadUrl, {
        Origin: origin,
        'Access-Control-Request-Method': method,
        'Access-Control-Request-Headers': fields,
      });
    const shop = 'https://shop.example.com';
    try {
      await storage.putCorsRules([], signal());
      assert.deepEqual(await storage.corsRules(signal()), []);
      assert.equal((await preflight(shop, 'PUT')).status, 403);
      const rule = {
        AllowedOrigins: [shop, 'https://*.example.net'],
        AllowedMethods: ['PUT', 'GET'],
        AllowedHeaders: ['content-type', 'x-amz-*'],
        ExposeHeaders: ['ETag'],
        MaxAgeSeconds: 600,
      };
      await storage.putCorsRules([rule], signal());
      const [stored] = await storage.corsRules(signal());
      assert.deepEqual(
        [stored?.AllowedOrigins?.toSorted(), stored?.AllowedMethods?.toSorted(), stored?.MaxAgeSeconds],
        [rule.AllowedOrigins.toSorted(), rule.AllowedMethods.toSorted(), 600],
      );
      for (const origin of [shop, 'https://a.example.net']) {
        const allowed = await preflight(origin, 'PUT');
        assert.equal(allowed.status, 200);
        assert.equal(allowed.headers['access-control-allow-origin'], origin);
        assert.match(String(allowed.headers['access-control-allow-methods']), /PUT/);
      }
      assert.equal((await preflight('https://other.example.com', 'PUT')).status, 403);
      assert.equal((await preflight(shop, 'DELETE')).status, 403);
      assert.equal((await preflight(shop, 'PUT', 'content-type,x-other')).status, 403);
      const put = await send('PUT', uploadUrl, { ...headers, Origin: shop }, 'x');
      assert.deepEqual(
        [
          put.status,
          put.headers['access-control-allow-origin'],
          put.headers['access-control-expose-headers'],
        ],
        [200, shop, 'ETag'],
      );
      const stranger = await send('PUT', uploadUrl, { ...headers, Origin: 'https://other.example.com' }, 'x');
      assert.deepEqual([stranger.status, stranger.headers['access-control-allow-origin']], [200, undefined]);
    } finally {
      await storage.putCorsRules(before, signal());
    }
  });

  check('keeps lifecycle rules', async () => {
    assert.deepEqual(await storage.lifecycleRules(signal()), []);
    const rule = {
      ID: 'stale-multiparts',
      Status: 'Enabled' as const,
      Filter: { Prefix: 'uploads/' },
      AbortIncompleteMultipartUpload: { DaysAfterInitiation: 2 },
    };
    await storage.putLifecycleRules([rule], signal());
    assert.deepEqual(await storage.lifecycleRules(signal()), [rule]);
    await storage.putLifecycleRules([], signal());
    assert.deepEqual(await storage.lifecycleRules(signal()), []);
  });

  async function putPart(key: string, uploadId: string, partNumber: number, bytes: Buffer) {
    const part = { key, uploadId, partNumber, contentLength: bytes.length, expiresInSeconds: 60 };
    const { status, headers } = await send('PUT', await storage.presignPart(part), {}, bytes);
    assert.equal(status, 200);
    return headers.etag;
  }
}

const MIB = 1024 * 1024;

/** A few at a time: one after the other takes long, and all at once is not what is tried here. */
async function inTurns<Item>(items: readonly Item[], work: (item: Item) => Promise<unknown>): Promise<void> {
  const left = items.values();
  await Promise.all(
    Array.from({ length: 8 }, async () => {
      for (const item of left) await work(item);
    }),
  );
}

async function all<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const list: Item[] = [];
  for await (const item of items) list.push(item);
  return list;
}

const codeIn = ({ body }: ClientAnswer) => /<Code>(\w+)<\/Code>/.exec(body)?.[1];

/** A body is sent with PUT only. */
export const send = (
  method: string,
  url: string,
  headers: Record<string, string> = {},
  body: string | Buffer = '',
): Promise<ClientAnswer> => request(url, { method, headers, ...(method === 'PUT' ? { body } : {}) });
