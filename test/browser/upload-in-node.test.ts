/** The example client of docs/examples in Node. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { after, beforeEach, test } from 'node:test';
import {
  createUploader,
  type UploadError,
  type UploaderOptions,
  type UploadStore,
} from '../../docs/examples/upload.ts';
import { until } from '../../scripts/lab/programs.ts';
import { makeScratchFolder } from '../../scripts/lab/scratch-folder.ts';
import { tokenFor } from '../../scripts/lab/tokens.ts';
import { api } from '../support/api.ts';
import type { TestSidecar } from '../support/start-sidecar.ts';
import { type StorageGate, startStorageGate } from '../support/storage-gate.ts';
import { type UploadScene, uploadScene } from '../support/upload-scene.ts';
import { fileAt, THREE_PARTS, writeVideo } from './video-file.ts';

let scene: UploadScene;
let gate: StorageGate;
let sidecar: TestSidecar;
let env: Record<string, string>;
uploadScene(async (made) => {
  scene = made;
  gate = await startStorageGate(scene.store.config.endpoint);
  env = { S3_ENDPOINT: gate.url, S3_PUBLIC_BASE_URL: `${gate.url}/media` };
  sidecar = await scene.sidecar({ ...env, UPLOAD_RATE_PER_MINUTE: '0' });
});
const folder = makeScratchFolder('upload-client');
const video = folder.at('three-parts.mp4');
const content = writeVideo(video, THREE_PARTS);
beforeEach(() => gate.reset());
after(() => {
  folder.remove();
  return gate.stop();
});

/** Of user 1, who is not patient. */
const uploader = (options: Partial<UploaderOptions> = {}) =>
  createUploader({ apiUrl: sidecar.url, token: tokenFor(1), firstDelayMs: 10, ...options });

const factsOf = async (work: Promise<unknown>) => {
  const error = await work.then(
    () => assert.fail('it went well'),
    (failure: UploadError) => failure,
  );
  assert.equal(error.name, 'UploadError', String(error));
  return { message: error.message, ...error.facts };
};

async function assertStored(url: string) {
  const read = await fetch(url);
  assert.ok(content.equals(Buffer.from(await read.arrayBuffer())), `${read.status}`);
}

function memory(): UploadStore & { readonly values: Map<string, string> } {
  const values = new Map<string, string>();
  return {
    values,
    getItem: async (key) => values.get(key) ?? null,
    setItem: (key, value) => values.set(key, value),
    removeItem: (key) => values.delete(key),
  };
}

test('a file in a single PUT is ready in the end, and its progress is told', async () => {
  const store = memory();
  const seen: number[] = [];
  const file = await fileAt(video);
  const onProgress = ({ sentBytes }: { sentBytes: number }) => seen.push(sentBytes);
  const { finished } = uploader({ store }).upload(file, { kind: 'reel_video', multipart: false, onProgress });
  const upload = await finished;
  assert.deepEqual([upload.status, upload.multipart, upload.size_bytes], ['ready', false, THREE_PARTS]);
  await assertStored(upload.file_url);
  assert.deepEqual([seen[0], seen.at(-1)], [0, THREE_PARTS]);
  assert.ok(seen.some((bytes) => bytes > 0 && bytes < THREE_PARTS));
  assert.deepEqual([gate.timesPut(), store.values.size], [[1], 0]);
});

test('a large video goes in parts; paused, and resumed by another process, it sends only what is missing', async () => {
  const store = memory();
  gate.judge(({ part }) => (part === 1 ? 'pass' : 'swallow'));
  const first = uploader({ store }).upload(await fileAt(video), { kind: 'reel_video' });
  await until('one part', () => gate.puts.length === 3 && gate.timesPut(200)[0] === 1);
  first.pause();
  await until('the end of the others', () => gate.puts.every(({ status }) => status !== null));
  assert.deepEqual(gate.puts.map(({ status }) => status).sort(), [0, 0, 200]);
  gate.judge(() => 'pass');

  const seen: number[] = [];
  const onProgress = ({ sentBytes }: { sentBytes: number }) => seen.push(sentBytes);
  const { finished } = uploader({ store }).upload(await fileAt(video), { kind: 'reel_video', onProgress });
  const upload = await finished;
  assert.deepEqual([upload.status, upload.multipart], ['ready', true]);
  await assertStored(upload.file_url);
  assert.deepEqual(
    [gate.timesPut(200), gate.timesPut()],
    [
      [1, 1, 1],
      [1, 2, 2],
    ],
  );
  assert.equal(seen[0], 8 * 2 ** 20);
  // It finds that all is done.
  first.resume();
  assert.deepEqual(await first.finished, upload);
});

test('what breaks off, is refused for a moment or is lost behind a 200 is sent again', async () => {
  const failures = ['cut', 503, 403, 200] as const;
  for (const multipart of [false, true]) {
    gate.reset();
    let failed = 0;
    gate.judge(({ part }) => (part === (multipart ? 2 : 1) ? (failures[failed++] ?? 'pass') : 'pass'));
    const retries: string[] = [];
    const onRetry = ({ facts }: UploadError) => retries.push(`${facts.code} ${facts.status}`);
    const { finished } = uploader({ onRetry }).upload(await fileAt(video), { kind: 'reel_video', multipart });
    await assertStored((await finished).file_url);
    assert.deepEqual(retries, ['network 0', 'storage 503', 'storage 403']);
    assert.deepEqual(gate.timesPut(), multipart ? [1, 5, 1] : [5]);
  }
});

test('a URL that has expired is replaced by a fresh one', async () => {
  const path = folder.at('late.mp4');
  writeVideo(path, 3000);
  const brief = await scene.sidecar({ ...env, UPLOAD_URL_TTL_SECONDS: '4' });
  gate.judge(() => (gate.puts.length === 1 ? 'hold' : 'pass'));
  const sending = uploader({ apiUrl: brief.url, token: tokenFor(5) });
  const { finished } = sending.upload(await fileAt(path), { kind: 'reel_video' });
  const expired = 'SELECT FROM sidecar_uploads WHERE user_id = 5 AND expires_at < now()';
  await until('its URL to expire', async () => (await scene.sql(expired)).length === 1, { everyMs: 100 });
  gate.release();
  assert.equal((await finished).status, 'ready');
  assert.equal(gate.puts[0]?.status, 403);
});

test('an upload that stands still is sent again', async () => {
  const path = folder.at('still.mp4');
  writeVideo(path, 3000);
  gate.judge(() => (gate.puts.length === 1 ? 'swallow' : 'pass'));
  const retries: string[] = [];
  const onRetry = ({ message }: UploadError) => retries.push(message);
  const { finished } = uploader({ onRetry, stallMs: 500 }).upload(await fileAt(path), { kind: 'reel_video' });
  assert.equal((await finished).status, 'ready');
  assert.equal(retries[0], 'The upload stood still.');
});

test('a signal gives it up: what was sent is deleted, and nothing is remembered', async () => {
  const store = memory();
  gate.judge(({ part }) => (part === 1 ? 'pass' : 'swallow'));
  const giving = new AbortController();
  const { finished } = uploader({ store }).upload(await fileAt(video), {
    ...{ kind: 'reel_video', signal: giving.signal },
  });
  await until('a part', () => gate.puts.length === 3 && gate.timesPut(200)[0] === 1);
  giving.abort(new Error('enough'));
  await assert.rejects(finished, /enough/);
  const [{ status } = {}] = await scene.sql(
    'SELECT status FROM sidecar_uploads ORDER BY created_at DESC LIMIT 1',
  );
  assert.deepEqual([status, store.values.size], ['deleted', 0]);
});

test('an upload that is over by the time it is resumed begins anew', async () => {
  const store = memory();
  gate.judge(() => 'swallow');
  const upload = uploader({ store }).upload(await fileAt(video), { kind: 'reel_video' });
  await until('it to begin', () => gate.puts.length > 0);
  upload.pause();
  const { id } = JSON.parse([...store.values.values()][0] ?? '');
  assert.equal((await api('DELETE', `${sidecar.url}/api/uploads/${id}`, { user: 1 })).status, 200);
  gate.judge(() => 'pass');
  upload.resume();
  const { status, upload_id: other } = await upload.finished;
  assert.equal(status, 'ready');
  assert.notEqual(other, id);
});

test('a file that is not what its kind wants is refused, with the reason', async () => {
  const path = folder.at('words.mp4');
  writeFileSync(path, 'these are words\n'.repeat(100));
  const store = memory();
  const { finished } = uploader({ store }).upload(await fileAt(path), { kind: 'reel_video' });
  const { status, code, fields } = await factsOf(finished);
  assert.deepEqual([status, code, fields, store.values.size], [422, 'rejected', { reason: 'wrong_type' }, 0]);
});

test('a bad token is not tried again', async () => {
  const retries: unknown[] = [];
  const bad = uploader({ token: async () => tokenFor(1, 'another secret'), onRetry: (e) => retries.push(e) });
  const facts = await factsOf(bad.upload(await fileAt(video), { kind: 'reel_video' }).finished);
  assert.deepEqual([facts.status, facts.message, retries], [401, 'Invalid token', []]);
});

test('429 is waited out for as long as Retry-After says, unless that is too long', async () => {
  const path = folder.at('small.mp4');
  writeVideo(path, 3000);
  const limited = await scene.sidecar({ ...env, UPLOAD_RATE_PER_MINUTE: '1' });
  const waits: number[] = [];
  const options = {
    apiUrl: limited.url,
    token: tokenFor(2),
    onRetry: (_: unknown, ms: number) => waits.push(ms),
  };
  const send = async (patience = {}) =>
    uploader({ ...options, ...patience }).upload(await fileAt(path), { kind: 'reel_video' }).finished;
  await send();
  const { code, retryAfterMs } = await factsOf(send({ longestWaitMs: 1000 }));
  assert.deepEqual([code, waits], ['rate_limited', []]);
  assert.ok(Number(retryAfterMs) > 30_000 && Number(retryAfterMs) <= 60_000, `${retryAfterMs}`);
  await scene.letTimePass(2, '52 seconds');
  assert.equal((await send()).status, 'ready');
  assert.ok(waits.length > 0 && waits.every((ms) => ms <= 8000 && ms % 1000 === 0), `${waits}`);
});
