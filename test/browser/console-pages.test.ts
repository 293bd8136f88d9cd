/** The console's pages beside Requests in a browser, each thing by doing it: with the demo backend, a database and a storage. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { promisify } from 'node:util';
import type { Page } from 'playwright-core';
import { writeSampleFile } from '../../scripts/dev/sample-file.ts';
import { startTestDatabase } from '../../scripts/lab/database.ts';
import { startDemoBackend } from '../../scripts/lab/demo-backend/server.ts';
import { until } from '../../scripts/lab/programs.ts';
import { makeScratchFolder } from '../../scripts/lab/scratch-folder.ts';
import { startTestObjectStore, storageEnv } from '../../scripts/lab/throwaway-object-store.ts';
import { JWT_SECRET } from '../../scripts/lab/tokens.ts';
import { type ConsoleScene, startConsoleScene } from '../dev/console/console-scene.ts';
import { api, untilReady } from '../support/api.ts';
import { skipWithout } from '../support/requirements.ts';
import { type StorageGate, startStorageGate } from '../support/storage-gate.ts';
import { seriousFindings, startChromium, type TestBrowser, watchedPage } from './chromium.ts';
import { THREE_PARTS, writeVideo } from './video-file.ts';

const skip = skipWithout(['chromium']);

let scene: ConsoleScene;
let gate: StorageGate;
let browser: TestBrowser;
let page: Page;
let complaints: string[] = [];
/** Statuses of refusals that are expected; the browser complains of each. */
let refusals: number[] = [];
const folder = makeScratchFolder('console-pages');
const { path: picture } = writeSampleFile(folder.at('dot.png'));
const video = folder.at('three-parts.mp4');
const parts = new AsyncDisposableStack();
parts.defer(folder.remove);

before(async () => {
  if (skip) return;
  writeVideo(video, THREE_PARTS);
  const server = parts.use(await startTestDatabase());
  const store = await startTestObjectStore();
  parts.defer(store.stop);
  gate = await startStorageGate(store.config.endpoint);
  parts.defer(gate.stop);
  const databaseUrl = await server.createDatabase();
  const demo = { port: 0, databaseUrl, jwtSecret: JWT_SECRET, mediaDir: folder.at('media') };
  const backend = await startDemoBackend(demo);
  parts.defer(backend.stop);
  scene = parts.use(
    await startConsoleScene({
      ...storageEnv(store.config),
      ...{ S3_ENDPOINT: gate.url, S3_PUBLIC_BASE_URL: `${gate.url}/media` },
      ...{ DATABASE_URL: databaseUrl, MIGRATE_ON_START: 'true', BACKEND_URL: backend.url },
      ...{ UPLOAD_RATE_PER_MINUTE: '0', REVIEWS_WRITES_PER_MINUTE: '0' },
    }),
  );
  await untilReady(scene);
  browser = await startChromium();
  parts.defer(browser.stop);
  await browser.context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: scene.url });
});
beforeEach(async () => {
  if (skip) return;
  gate.reset();
  refusals = [];
  ({ page, complaints } = await watchedPage(browser.context));
});
afterEach(async () => {
  await page?.close();
  const isExpected = (text: string) => refusals.some((status) => text.includes(`status of ${status}`));
  assert.deepEqual(
    complaints.filter((text) => !isExpected(text)),
    [],
  );
});
after(() => parts.disposeAsync());

const PAGES = [['uploads', 'Uploads']] as const;

const open = (path: string) => page.goto(`${scene.url}/dev#/${path}`);
const as = (account: string) => page.getByRole('button', { name: account, exact: true }).click();
const job = () => page.getByRole('region', { name: 'Under way' }).locator('.job').first();
const listed = (name: string) => page.locator('.upload', { hasText: name }).first();
const press = (name: string, within = page.locator('main')) =>
  within.getByRole('button', { name, exact: true }).click();

async function choose(path: string) {
  await page.locator('.drop button:enabled').waitFor();
  await page.locator('.drop input[type=file]').setInputFiles(path);
}

test('a picture that is dropped goes into the storage, and is shown with what its row says', {
  skip,
}, async () => {
  await open('uploads');
  await page.locator('.drop button:enabled').waitFor();
  const dropped = await page.evaluateHandle(`(() => {
    const data = new DataTransfer();
    const bytes = Uint8Array.from(atob('${readFileSync(picture, 'base64')}'), (letter) => letter.charCodeAt(0));
    data.items.add(new File([bytes], 'dropped.png', { type: 'image/png' }));
    return data;
  })()`);
  await page.locator('.drop').dispatchEvent('drop', { dataTransfer: dropped });
  await job().locator('.state.ready').waitFor();
  assert.match(await job().innerText(), /The row says: [\d:]+ issued → [\d:]+ ready/);
  assert.deepEqual(gate.timesPut(200), [1]);
  const preview = listed('dropped.png').locator('img');
  await until('the picture', () => preview.evaluate((image: HTMLImageElement) => image.naturalWidth === 1));
});

test('a video in parts is paused, outlives a reload, and only what is missing is sent afterwards', {
  skip,
}, async () => {
  gate.judge(({ part }) => (part === 2 ? 'swallow' : 'pass'));
  await open('uploads');
  await choose(video);
  await until('two parts', () => gate.puts.length === 3 && gate.timesPut(200).join() === '1,0,1');
  await press('Pause', job());
  await job().locator('.state.paused').waitFor();
  await job().getByText('2 of 3 parts stored').waitFor();
  gate.judge(() => 'pass');
  await page.reload();
  // Going on begins with the question what is there, whose answer is "not all of it".
  refusals = [409];
  const left = page.getByRole('region', { name: 'Interrupted' });
  await left.locator('input[type=file]').setInputFiles(picture);
  await page.getByText('That is another file').waitFor();
  await left.locator('input[type=file]').setInputFiles(video);
  await job().locator('.state.ready').waitFor();
  assert.deepEqual(gate.timesPut(200), [1, 1, 1]);
  assert.equal(await left.count(), 0);
  await listed('three-parts.mp4').getByText('in parts').waitFor();
});

test('an upload in one PUT shows its progress, and aborted it is deleted', { skip }, async () => {
  gate.judge(() => 'hold');
  await open('uploads');
  await page.getByLabel('Sent').selectOption('single');
  await choose(video);
  await until('progress', async () => /\b[1-9]\d? %/.test(await job().innerText()));
  await press('Abort', job());
  await job().locator('.state.aborted').waitFor();
  gate.reset();
  await listed('three-parts.mp4').locator('.state.deleted').waitFor();
  await press('Remove from here', job());
  assert.equal(await job().count(), 0);
});

test('a fresh URL takes a file by hand; the upload is completed, opened by everybody, and deleted', {
  skip,
}, async () => {
  const json = { kind: 'product_image', filename: 'by-hand.png', content_type: 'image/png', size_bytes: 70 };
  await api('POST', `${scene.url}/api/uploads`, { user: 1, json });
  await open('uploads');
  await press('Fresh URL', listed('by-hand.png'));
  await press('Copy the PUT as curl', listed('by-hand.png'));
  await page.getByText('Copied; put in the file').waitFor();
  const command = await page.evaluate<string>('navigator.clipboard.readText()');
  await promisify(execFile)('bash', ['-c', command.replace('FILE', picture)]);
  await press('Complete', listed('by-hand.png'));
  await listed('by-hand.png').locator('.state.ready').waitFor();
  await as('Seller');
  await page.getByText('There is none.').waitFor();
  await press('Everybody’s (asked as admin)');
  await listed('by-hand.png').locator('img').waitFor();
  await press('Delete', listed('by-hand.png'));
  await listed('by-hand.png').locator('.state.deleted').waitFor();
});

for (const colorScheme of ['light', 'dark'] as const)
  test(`axe finds nothing serious on any page, wide and at 380 px: ${colorScheme}`, { skip }, async () => {
    await page.emulateMedia({ colorScheme });
    for (const [path, heading] of PAGES) {
      await open(path);
      await page.getByRole('heading', { name: heading, exact: true }).waitFor();
      await page.waitForLoadState('networkidle');
      for (const width of [1280, 380]) {
        await page.setViewportSize({ width, height: 760 });
        assert.deepEqual(await seriousFindings(page), [], `${path} at ${width}`);
        const wider = await page.evaluate<number>('document.documentElement.scrollWidth - innerWidth');
        assert.ok(wider <= 0, `${path} scrolls sideways at ${width}`);
      }
    }
  });
