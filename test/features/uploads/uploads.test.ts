/** POST /api/uploads, and what storage makes of the URL (docs/contract.md, 3). */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startTestDatabase, type TestDatabaseServer } from '../../../scripts/lab/database.ts';
import {
  type RunningStore,
  startTestObjectStore,
  storageEnv,
} from '../../../scripts/lab/throwaway-object-store.ts';
import { api, untilReady } from '../../support/api.ts';
import { send } from '../../support/object-store-contract.ts';
import { allTables } from '../../support/sidecar-with-database.ts';
import { startSidecar, type TestSidecar } from '../../support/start-sidecar.ts';

let server: TestDatabaseServer;
let store: RunningStore;
let sidecar: TestSidecar;

before(async () => {
  server = await startTestDatabase({ fill: allTables });
  store = await startTestObjectStore();
  const limits = { UPLOAD_RATE_PER_MINUTE: '0' };
  const env = { DATABASE_URL: server.url, MIGRATE_ON_START: 'false', ...limits, ...storageEnv(store.config) };
  sidecar = await startSidecar(env);
  await untilReady(sidecar);
});

after(async () => {
  await sidecar.stop();
  await store.stop();
  await server.stop();
});

const IMAGE = { kind: 'product_image', filename: 'a.png', content_type: 'image/png', size_bytes: 10 };
const MIB = 1024 * 1024;
const post = (json: unknown, user = 1) => api('POST', `${sidecar.url}/api/uploads`, { user, json });

const ALLOWED: Record<string, Record<string, string>> = {
  reel_video: { 'video/mp4': 'mp4', 'video/webm': 'webm', 'video/quicktime': 'mov' },
  story_video: { 'video/mp4': 'mp4', 'video/webm': 'webm', 'video/quicktime': 'mov' },
  story_image: {
    'image/jpeg': 'jpg',
    'image/png': 'png',
    'image/webp': 'webp',
    'image/gif': 'gif',
    'image/avif': 'avif',
    'image/heic': 'heic',
    'image/heif': 'heif',
  },
  review_video: { 'video/mp4': 'mp4', 'video/webm': 'webm', 'video/quicktime': 'mov' },
  review_image: { 'image/jpeg': 'jpg', 'image/png': 'png' },
  product_image: {
    'image/jpeg': 'jpg',
    'image/png': 'png',
    'image/webp': 'webp',
    'image/gif': 'gif',
    'image/avif': 'avif',
    'image/heic': 'heic',
    'image/heif': 'heif',
  },
};

test('every kind and type gets a URL that takes the file and a place where it can be read', async () => {
  for (const [kind, types] of Object.entries(ALLOWED)) {
    for (const [type, extension] of Object.entries(types)) {
      const { status, body, headers } = await post({ ...IMAGE, kind, content_type: type });
      assert.equal(status, 200, `${kind} ${type}`);
      for (const field of ['expires_in', 'file_url', 'headers', 'upload_url'])
        assert.ok(field in body, field);
      assert.equal(body.expires_in, 900);
      assert.equal(headers.get('cache-control'), 'no-store');
      assert.deepEqual(body.headers, { 'Content-Type': type, 'x-amz-acl': 'public-read' });
      assert.match(body.file_url, new RegExp(`/media/uploads/1/${kind}/[0-9a-f-]{36}\\.${extension}$`));
      assert.equal((await send('PUT', body.upload_url, body.headers, '0123456789')).status, 200);
      const read = await send('GET', body.file_url);
      assert.deepEqual([read.status, read.body, read.headers['content-type']], [200, '0123456789', type]);
    }
  }
});

test('storage refuses another type, another size and a missing ACL', async () => {
  const { body } = await post(IMAGE);
  const put = (headers: Record<string, string>, content: string) =>
    send('PUT', body.upload_url, headers, content);
  assert.equal((await put({ ...body.headers, 'Content-Type': 'text/html' }, '0123456789')).status, 403);
  assert.equal((await put(body.headers, '01234567890')).status, 403);
  assert.equal((await put({ 'Content-Type': 'image/png' }, '0123456789')).status, 403);
});

test('types that could run script, and those of other kinds, are 415', async () => {
  for (const type of [
    'image/svg+xml',
    'text/html',
    'application/octet-stream',
    'video/mp4',
    'image/pngx',
    'image',
  ]) {
    const answer = await post({ ...IMAGE, content_type: type });
    assert.equal(answer.status, 415, type);
    assert.match(answer.body.detail, /image\/png/);
  }
  assert.equal((await post({ ...IMAGE, kind: 'reel_video' })).status, 415);
});

test('case and parameters of the type do not matter; the signed type is what the client is told to send', async () => {
  const { body } = await post({ ...IMAGE, content_type: 'Image/PNG; charset=binary' });
  assert.equal(body.headers['Content-Type'], 'image/png');
});

test('other names of a type are taken for the registered one, which is signed', async () => {
  for (const [kind, names, type] of [
    ['product_image', ['image/jpg', 'IMAGE/JPG', 'image/pjpeg', 'image/jfif'], 'image/jpeg'],
    ['story_image', ['image/x-png'], 'image/png'],
    ['reel_video', ['video/x-m4v', 'video/m4v'], 'video/mp4'],
    ['story_video', ['video/mov'], 'video/quicktime'],
  ] as const) {
    for (const name of names) {
      const { status, body } = await post({ ...IMAGE, kind, content_type: name });
      assert.equal(status, 200, name);
      assert.equal(body.headers['Content-Type'], type);
      assert.equal((await send('PUT', body.upload_url, body.headers, '0123456789')).status, 200);
    }
  }
});

test('files over the limit of their kind are 413, files at the limit are not', async () => {
  assert.equal((await post({ ...IMAGE, size_bytes: 10 * MIB })).status, 200);
  const image = await post({ ...IMAGE, size_bytes: 10 * MIB + 1 });
  const detail = 'The file is too large: at most 10 MB.';
  assert.deepEqual([image.status, image.body], [413, { detail, code: 'too_large', params: { max_mb: 10 } }]);
  const video = { ...IMAGE, kind: 'reel_video', content_type: 'video/mp4' };
  assert.equal((await post({ ...video, size_bytes: 50 * MIB })).status, 200);
  assert.equal((await post({ ...video, size_bytes: 50 * MIB + 1 })).status, 413);
  for (const bytes of [2 ** 53, 1e18, 1e300])
    assert.equal((await post({ ...video, size_bytes: bytes })).status, 413, String(bytes));
});

test('bad bodies are 422 with a sentence', async () => {
  const bad: unknown[] = [
    {},
    [],
    { ...IMAGE, kind: 'avatar' },
    { ...IMAGE, kind: undefined },
    { ...IMAGE, filename: '' },
    { ...IMAGE, filename: 'x'.repeat(256) },
    { ...IMAGE, filename: 'a\0' },
    { ...IMAGE, filename: '\udfff' },
    { ...IMAGE, content_type: 'x' },
    { ...IMAGE, content_type: 'x'.repeat(256) },
    { ...IMAGE, size_bytes: 0 },
    { ...IMAGE, size_bytes: -1 },
    { ...IMAGE, size_bytes: 1.5 },
    { ...IMAGE, size_bytes: '10' },
    { ...IMAGE, size_bytes: null },
    { files: [] },
    { files: null },
    { files: {} },
    { files: [null] },
    { files: Array(11).fill(IMAGE) },
    { files: [IMAGE, { ...IMAGE, kind: 'avatar' }] },
    { files: [{ ...IMAGE, multipart: true }] },
    { files: [{ ...IMAGE, multipart: false }] },
    { files: [IMAGE], kind: 'product_image' },
    { files: [IMAGE], extra: 1 },
  ];
  for (const json of bad) {
    const answer = await post(json);
    assert.equal(answer.status, 422, JSON.stringify(json));
    assert.equal(typeof answer.body.detail, 'string');
    assert.equal(answer.body.code, 'invalid');
  }
  assert.equal((await post({ ...IMAGE, filename: '😀'.repeat(255), extra: 1 })).status, 200);
});

test('null stands for a field that is left out, as the encoders of Dart write it', async () => {
  const file = { ...IMAGE, sha256: null, multipart: null };
  const none = { kind: null, filename: null, content_type: null, size_bytes: null };
  for (const json of [
    file,
    { ...file, files: null },
    { ...none, files: [file], multipart: null, more: null },
  ]) {
    const { status, body } = await post(json);
    assert.equal(status, 200, JSON.stringify(body));
    const issued = 'uploads' in body ? body.uploads[0] : body;
    assert.deepEqual(Object.keys(issued.headers), ['Content-Type', 'x-amz-acl']);
  }
});

test('without storage settings uploads are 501, whoever asks', async () => {
  const without = await startSidecar({ DATABASE_URL: server.url, MIGRATE_ON_START: 'false' });
  try {
    for (const user of [1, undefined]) {
      const answer = await api('POST', `${without.url}/api/uploads`, {
        json: IMAGE,
        ...(user ? { user } : {}),
      });
      assert.equal(answer.status, 501);
      assert.equal(typeof answer.body.detail, 'string');
    }
  } finally {
    await without.stop();
  }
});

test('a URL is signed even while storage is down', async () => {
  const lonely = await startSidecar({
    ...{ DATABASE_URL: server.url, MIGRATE_ON_START: 'false', UPLOAD_RATE_PER_MINUTE: '0' },
    ...storageEnv({ ...store.config, endpoint: 'http://127.0.0.1:9' }),
  });
  try {
    assert.equal((await api('POST', `${lonely.url}/api/uploads`, { user: 1, json: IMAGE })).status, 200);
    const ready = await api('GET', `${lonely.url}/readyz`);
    assert.deepEqual([ready.status, ready.body.checks.storage], [503, 'down']);
  } finally {
    await lonely.stop();
  }
});
