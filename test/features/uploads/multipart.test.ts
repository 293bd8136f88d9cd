/** Files in parts: arithmetic, resuming, putting together, and what becomes of what is never finished. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { until } from '../../../scripts/lab/programs.ts';
import {
  missingParts,
  partCount,
  partLength,
  partSizeFor,
  signParts,
} from '../../../src/features/uploads/multipart.ts';
import type { UploadRow } from '../../../src/features/uploads/upload.ts';
import { createObjectStorage } from '../../../src/infra/object-storage/object-storage.ts';
import { createStorageClock } from '../../../src/infra/object-storage/storage-clock.ts';
import { api } from '../../support/api.ts';
import type { TestSidecar } from '../../support/start-sidecar.ts';
import { issue, type UploadScene, uploadScene } from '../../support/upload-scene.ts';

let scene: UploadScene;
let sidecar: TestSidecar;
uploadScene(async (made) => {
  scene = made;
  sidecar = await scene.sidecar({
    UPLOAD_RATE_PER_MINUTE: '0',
    UPLOAD_MAX_MULTIPART_MB: '200',
    S3_UPLOAD_CACHE_CONTROL: 'public, max-age=60',
  });
});

const MIB = 2 ** 20;
const VIDEO = { kind: 'reel_video', filename: 'a.mp4', content_type: 'video/mp4', multipart: true };
/** An MP4 of three parts, the last one short. */
const CONTENT = Buffer.concat([
  readFileSync(join(import.meta.dirname, 'files/a.mp4')),
  Buffer.alloc(2 * 8 * MIB, 7),
]);

async function begin(content = CONTENT) {
  const { status, body } = await issue(sidecar, { ...VIDEO, size_bytes: content.length });
  assert.equal(status, 200, JSON.stringify(body));
  const call = (method: string, rest = '', json?: unknown) =>
    api(method, `${sidecar.url}/api/uploads/${body.upload_id}${rest}`, {
      user: 1,
      ...(json ? { json } : {}),
    });
  const put = async (number: number, url: string, bytes = content) => {
    const start = (number - 1) * body.multipart.part_size;
    const part = bytes.subarray(start, start + body.multipart.part_size);
    return (await fetch(url, { method: 'PUT', body: new Uint8Array(part) })).status;
  };
  const sendAll = async () => {
    for (const part of body.multipart.parts) assert.equal(await put(part.part_number, part.upload_url), 200);
  };
  const end = () =>
    scene.sql(`UPDATE sidecar_uploads SET due_at = now(), settles_at = now() WHERE id = $1`, [
      body.upload_id,
    ]);
  const become = (wanted: string) => until(wanted, async () => (await call('GET')).body.status === wanted);
  return { body, call, put, sendAll, end, become };
}

test('parts are 8 MiB, or as many whole MiB as make 10,000 of them enough', () => {
  const GIB = 2 ** 30;
  for (const [size, part, count, last] of [
    [1, 8 * MIB, 1, 1],
    [8 * MIB, 8 * MIB, 1, 8 * MIB],
    [8 * MIB + 1, 8 * MIB, 2, 1],
    [2 ** 31 + 1, 8 * MIB, 257, 1],
    [5 * GIB, 8 * MIB, 640, 8 * MIB],
    [80_000 * MIB, 8 * MIB, 10_000, 8 * MIB],
    [80_000 * MIB + 1, 9 * MIB, 8_889, 8 * MIB + 1],
    [5_242_880 * MIB, 525 * MIB, 9_987, 230 * MIB],
  ] as const) {
    const division = { size, partSize: partSizeFor(size) };
    assert.deepEqual(
      [division.partSize, partCount(division), partLength(division, count)],
      [part, count, last],
      String(size),
    );
    let sum = 0;
    for (let number = 1; number <= count; number += 1) sum += partLength(division, number);
    assert.equal(sum, size);
  }
  const division = { size: 20, partSize: 8 };
  const part = (partNumber: number, size: number) => ({ partNumber, size, etag: 'x' });
  assert.deepEqual(missingParts(division, [part(1, 8), part(2, 7), part(3, 4)]), [2]);
});

test('a video in parts is sent, resumed, put together and verified', async () => {
  const { body, call, put } = await begin();
  assert.deepEqual(Object.keys(body).sort(), [
    'expires_at',
    'expires_in',
    'file_url',
    'key',
    'multipart',
    'upload_id',
  ]);
  const { part_size, part_count, parts } = body.multipart;
  const last = CONTENT.length - 16 * MIB;
  assert.deepEqual([part_size, part_count, body.expires_in], [8 * MIB, 3, 86_400]);
  assert.deepEqual(
    parts.map(({ size }: { size: number }) => size),
    [8 * MIB, 8 * MIB, last],
  );
  assert.equal((await call('GET')).body.multipart, true);
  assert.equal(await put(1, parts[0].upload_url), 200);
  assert.equal(await put(2, parts[2].upload_url), 403);

  const early = await call('POST', '/complete');
  assert.deepEqual([early.status, early.body.code, early.body.missing], [409, 'not_uploaded', [2, 3]]);
  const { body: state } = await call('GET', '/parts');
  assert.deepEqual([state.part_size, state.part_count, state.missing], [8 * MIB, 3, [2, 3]]);
  assert.deepEqual(
    [state.uploaded.length, state.uploaded[0].part_number, state.uploaded[0].size],
    [1, 1, 8 * MIB],
  );

  const { body: fresh } = await call('POST', '/parts', { part_numbers: [3, 2] });
  assert.deepEqual(
    fresh.parts.map(({ part_number: number }: { part_number: number }) => number),
    [3, 2],
  );
  for (const part of fresh.parts) assert.equal(await put(part.part_number, part.upload_url), 200);
  const done = await call('POST', '/complete');
  assert.deepEqual([done.status, done.body.status], [200, 'ready']);
  assert.deepEqual((await call('POST', '/complete')).body, done.body);
  const read = await fetch(body.file_url);
  assert.deepEqual(
    [read.status, read.headers.get('content-type'), read.headers.get('cache-control')],
    [200, 'video/mp4', 'public, max-age=60'],
  );
  assert.ok(CONTENT.equals(Buffer.from(await read.arrayBuffer())));
  for (const [method, rest, json] of [
    ['GET', '/parts', undefined],
    ['POST', '/parts', { part_numbers: [1] }],
  ] as const) {
    const after = await call(method, rest, json);
    assert.deepEqual([after.status, after.body.code], [409, 'ready']);
  }
});

test('at its end a multipart is put together when all parts are there, else aborted and expired', async () => {
  const [whole, part] = [await begin(), await begin()];
  await whole.sendAll();
  await part.put(1, part.body.multipart.parts[0].upload_url);
  await whole.end();
  await part.end();
  await whole.become('ready');
  await part.become('expired');
  assert.equal(await part.put(1, part.body.multipart.parts[0].upload_url), 404);
});

test('parts that make no video are rejected and go; a deleted multipart is aborted', async () => {
  const wrong = await begin(Buffer.alloc(9 * MIB, 'x'));
  await wrong.sendAll();
  const { status, body } = await wrong.call('POST', '/complete');
  assert.deepEqual([status, body.reason], [422, 'wrong_type']);
  assert.equal((await fetch(wrong.body.file_url)).status, 403);
  const deleted = await begin();
  assert.equal((await deleted.call('DELETE')).body.status, 'deleted');
  assert.equal(await deleted.put(1, deleted.body.multipart.parts[0].upload_url), 404);
});

test('a multipart that the bucket has aborted has all its parts missing, and can be deleted', async () => {
  const { body, call, put } = await begin();
  await put(1, body.multipart.parts[0].upload_url);
  const storage = createObjectStorage(scene.store.config, createStorageClock({ warn() {}, info() {} }));
  const [row] = await scene.sql<{ multipart_id: string }>(
    'SELECT multipart_id FROM sidecar_uploads WHERE id = $1',
    [body.upload_id],
  );
  await storage.abortMultipart(body.key, row?.multipart_id ?? '', AbortSignal.timeout(5_000));
  storage.close();
  const answer = await call('POST', '/complete');
  assert.deepEqual([answer.status, answer.body.code, answer.body.missing], [409, 'not_uploaded', [1, 2, 3]]);
  assert.equal((await call('DELETE')).body.status, 'deleted');
});

test('the URL of a part lives as long as its upload by the database’s clock, whatever ours shows', async () => {
  const lifetimes: number[] = [];
  const storage = {
    presignPart: async ({ expiresInSeconds }: { expiresInSeconds: number }) =>
      String(lifetimes.push(expiresInSeconds)),
  };
  const row = (secondsLeft: number, expiresAt: number) =>
    ({
      ...{ status: 'issued', size_bytes: '10', part_size: '10', multipart_id: 'x', key: 'x' },
      ...{ seconds_left: secondsLeft, expires_at: new Date(expiresAt) },
    }) as UploadRow;
  await signParts(storage, row(600, Date.now() - 3_600_000), [1]);
  assert.deepEqual(lifetimes, [600]);
  await assert.rejects(signParts(storage, row(0, Date.now() + 3_600_000), [1]), { status: 409 });
});

test('a fresh URL for a part does not outlive its upload', async () => {
  const { body, call } = await begin();
  await scene.sql(`UPDATE sidecar_uploads SET expires_at = now() + interval '100 seconds' WHERE id = $1`, [
    body.upload_id,
  ]);
  const { body: fresh } = await call('POST', '/parts', { part_numbers: [1] });
  const seconds = Number(new URL(fresh.parts[0].upload_url).searchParams.get('X-Amz-Expires'));
  assert.ok(seconds > 60 && seconds < 100, String(seconds));
});

test('what a multipart may not be', async () => {
  const post = (json: object) => issue(sidecar, { ...VIDEO, size_bytes: MIB, ...json });
  assert.equal((await post({ size_bytes: 200 * MIB })).status, 200);
  assert.deepEqual((await post({ size_bytes: 200 * MIB + 1 })).body.code, 'too_large');
  assert.equal((await post({ kind: 'story_image', content_type: 'image/png' })).status, 422);
  assert.equal((await post({ sha256: 'a'.repeat(64) })).status, 422);
  assert.equal((await post({ multipart: 'yes' })).status, 422);
  assert.equal((await post({ multipart: false, size_bytes: 51 * MIB })).status, 413);
  const { call } = await begin();
  for (const numbers of [
    [],
    [0],
    [4],
    [1.5],
    [1, 1],
    ['1'],
    Array.from({ length: 101 }, (_, i) => i + 1),
    null,
  ]) {
    const { status, body } = await call('POST', '/parts', { part_numbers: numbers });
    assert.deepEqual([status, body.code], [422, 'invalid'], JSON.stringify(numbers));
  }
  const renewed = await call('POST', '/url');
  assert.deepEqual([renewed.status, renewed.body.code], [409, 'multipart']);
  const single = (await issue(sidecar, { ...VIDEO, multipart: false, size_bytes: 10 })).body;
  const parts = await api('GET', `${sidecar.url}/api/uploads/${single.upload_id}/parts`, { user: 1 });
  assert.deepEqual([parts.status, parts.body.code], [409, 'not_multipart']);
});
