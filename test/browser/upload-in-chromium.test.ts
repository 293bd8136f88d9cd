/** Uploads from a web page: the example client, and what the old clients do. Page, API and storage have an origin each. */
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import type { Page } from 'playwright-core';
import { type RunningChromium, startChromium } from '../../scripts/lab/chromium.ts';
import { until } from '../../scripts/lab/programs.ts';
import { makeScratchFolder } from '../../scripts/lab/scratch-folder.ts';
import { tokenFor } from '../../scripts/lab/tokens.ts';
import { api } from '../support/api.ts';
import { skipWithout } from '../support/requirements.ts';
import { type StorageGate, startStorageGate } from '../support/storage-gate.ts';
import { type UploadScene, uploadScene } from '../support/upload-scene.ts';
import { servePage } from './chromium.ts';
import { PART_BYTES, THREE_PARTS, writeVideo } from './video-file.ts';

const skip = skipWithout(['chromium']);

/** What it has seen is asked for from here. */
const SCRIPT = `
  import { createUploader } from '/upload.ts';
  window.begin = (api, how) => {
    window.seen = { progress: [], retries: [] };
    const onRetry = ({ facts }, waitMs) => seen.retries.push({ ...facts, waitMs });
    const uploader = createUploader({ ...api, store: localStorage, firstDelayMs: 50, onRetry });
    const onProgress = ({ sentBytes }) => seen.progress.push(sentBytes);
    window.upload = uploader.upload(document.querySelector('input').files[0], { ...how, onProgress });
    upload.finished.then(
      (upload) => { seen.upload = upload; },
      (error) => { seen.error = error.message; },
    );
  };
`;

let scene: UploadScene;
let gate: StorageGate;
let browser: RunningChromium;
let url: string;
let page: Page;
let complaints: string[];
const folder = makeScratchFolder('browser-files');
const video = folder.at('three-parts.mp4');
const content = writeVideo(video, THREE_PARTS);
const parts = new AsyncDisposableStack();
parts.defer(folder.remove);
let apiUrl: string;
let storage: Record<string, string>;

if (!skip)
  uploadScene(async (made) => {
    scene = made;
    gate = await startStorageGate(scene.store.config.endpoint);
    parts.defer(gate.stop);
    storage = { S3_ENDPOINT: gate.url, S3_PUBLIC_BASE_URL: `${gate.url}/media` };
    apiUrl = (await scene.sidecar({ ...storage, UPLOAD_RATE_PER_MINUTE: '0' })).url;
    const site = await servePage('<input type="file">', SCRIPT);
    parts.defer(site.stop);
    url = site.url;
  });
before(async () => {
  if (skip) return;
  browser = await startChromium();
  parts.defer(browser.stop);
});
beforeEach(async () => {
  if (skip) return;
  gate.reset();
  complaints = [];
  page = await browser.context.newPage();
  page.on('pageerror', (error) => complaints.push(error.message));
  await page.goto(url);
});
afterEach(() => page?.close());
after(() => parts.disposeAsync());

interface Seen {
  readonly progress: readonly number[];
  readonly retries: readonly { readonly code: string; readonly status: number; readonly waitMs: number }[];
  readonly upload?: { readonly status: string; readonly multipart: boolean; readonly file_url: string };
  readonly error?: string;
}

const seen = () => page.evaluate<Seen>('window.seen');

/** The user chooses a file, and the page begins. */
async function begin(how: Record<string, unknown>, path = video, to = { apiUrl, token: tokenFor(1) }) {
  await page.setInputFiles('input', path);
  await page.evaluate(`begin(${JSON.stringify(to)}, ${JSON.stringify({ kind: 'reel_video', ...how })})`);
}

async function untilReady() {
  await page.waitForFunction('seen.upload ?? seen.error');
  const { upload, error, ...rest } = await seen();
  assert.ok(upload !== undefined, error);
  const read = await fetch(upload.file_url);
  assert.deepEqual([upload.status, read.status, complaints], ['ready', 200, []]);
  return { upload, bytes: Buffer.from(await read.arrayBuffer()), ...rest };
}

test('a page sees the progress of its upload while it lasts, and the upload ready in the end', {
  skip,
}, async () => {
  gate.judge(() => 'hold');
  await begin({ multipart: false });
  await page.waitForFunction(`seen.progress.some((bytes) => bytes > 0 && bytes < ${THREE_PARTS})`);
  assert.equal((await seen()).upload, undefined);
  gate.release();
  const { upload, bytes, progress } = await untilReady();
  assert.ok(content.equals(bytes));
  assert.deepEqual([upload.multipart, progress.at(-1), gate.timesPut()], [false, THREE_PARTS, [1]]);
  assert.deepEqual(
    progress,
    progress.toSorted((a, b) => a - b),
  );
});

test('paused and reloaded, a page sends no part again that has arrived', { skip }, async () => {
  gate.judge(({ part }) => (part === 2 ? 'swallow' : 'pass'));
  await begin({});
  await until('two parts', () => gate.puts.length === 3 && gate.timesPut(200).join() === '1,0,1');
  await page.evaluate('upload.pause()');
  await until('the end of the other', () => gate.puts.every(({ status }) => status !== null));
  assert.deepEqual(gate.timesPut(200), [1, 0, 1]);
  gate.judge(() => 'pass');
  await page.reload();
  await begin({});
  const { upload, bytes, progress } = await untilReady();
  assert.ok(content.equals(bytes));
  assert.deepEqual([upload.multipart, progress[0]], [true, THREE_PARTS - PART_BYTES]);
  assert.deepEqual(
    [gate.timesPut(200), gate.timesPut()],
    [
      [1, 1, 1],
      [1, 2, 1],
    ],
  );
  assert.equal(await page.evaluate('localStorage.length'), 0);
});

test('a connection that breaks in the middle of a part costs that part only', { skip }, async () => {
  let hasRetried = false;
  // A browser itself tries again on a connection that it has used before: it is cut until the client says so.
  await page.exposeFunction('noteRetry', () => {
    hasRetried = true;
  });
  gate.judge(({ part }) => (part === 2 && !hasRetried ? 'cut' : 'pass'));
  await begin({});
  await page.waitForFunction('seen.retries.length > 0');
  await page.evaluate('noteRetry()');
  const { bytes, retries } = await untilReady();
  assert.ok(content.equals(bytes));
  assert.ok(retries.every(({ code }) => code === 'network'));
  const [first, second = 0, third] = gate.timesPut();
  assert.deepEqual([first, second > 1, third], [1, true, 1]);
});

test('the old client, which knows POST and PUT only, works from a page', { skip }, async () => {
  const path = folder.at('small.mp4');
  const small = writeVideo(path, 3000);
  await page.setInputFiles('input', path);
  const issued = await page.evaluate<{ upload_id: string; file_url: string; put: number }>(`(async () => {
    const file = document.querySelector('input').files[0];
    const about = { kind: 'reel_video', filename: file.name, content_type: 'video/mp4', size_bytes: file.size };
    const headers = { Authorization: 'Bearer ${tokenFor(1)}', 'Content-Type': 'application/json' };
    const asked = await fetch('${apiUrl}/api/uploads', { method: 'POST', headers, body: JSON.stringify(about) });
    const issued = await asked.json();
    const sent = await fetch(issued.upload_url, { method: 'PUT', headers: issued.headers, body: file });
    return { ...issued, put: sent.status };
  })()`);
  assert.deepEqual([issued.put, gate.puts.map(({ contentType }) => contentType)], [200, ['video/mp4']]);
  assert.ok(small.equals(Buffer.from(await (await fetch(issued.file_url)).arrayBuffer())));
  await scene.sql('UPDATE sidecar_uploads SET due_at = now() WHERE id = $1', [issued.upload_id]);
  const one = `${apiUrl}/api/uploads/${issued.upload_id}`;
  await until('it to be ready', async () => (await api('GET', one, { user: 1 })).body.status === 'ready');
});

test('a page that is told to wait waits for as long as it is told', { skip }, async () => {
  const { url: limited } = await scene.sidecar({ ...storage, UPLOAD_RATE_PER_MINUTE: '1' });
  const path = folder.at('another.mp4');
  writeVideo(path, 3000);
  const to = { apiUrl: limited, token: tokenFor(2) };
  await begin({}, path, to);
  await untilReady();
  await scene.letTimePass(2, '52 seconds');
  await begin({}, path, to);
  const { retries } = await untilReady();
  assert.equal(retries[0]?.status, 429);
  assert.ok(
    retries.every(({ waitMs }) => waitMs <= 8000 && waitMs % 1000 === 0),
    JSON.stringify(retries),
  );
});
