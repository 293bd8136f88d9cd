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

const PAGES = [
  ['uploads', 'Uploads'],
  ['reviews/product/2', 'Reviews'],
  ['reviews/moderation', 'Reviews'],
  ['reviews/mine', 'Reviews'],
  ['api', 'API'],
] as const;

/** What opens a form. */
const FORMS = ['Write a review', 'Report', 'Hide'];

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

const review = (text: string) => page.locator('.review', { hasText: text }).first();
const told = (sentence: string | RegExp) => page.getByText(sentence).first().waitFor();

test('a buyer writes a review with a picture, a seller replies, others vote and report, an admin hides it', {
  skip,
}, async () => {
  await open('reviews/product/1');
  await as('Buyer');
  await press('Write a review');
  const form = page.getByRole('form', { name: 'Review' });
  await form.getByLabel('4 ★').check();
  await form.getByLabel('Title').fill('A good scarf');
  await form.getByLabel('Text').fill('Warm and soft');
  await form.locator('input[type=file]').setInputFiles(picture);
  await form.getByRole('button', { name: 'Publish' }).click();
  await told('It is published.');
  await review('Warm and soft').getByText('verified purchase').waitFor();
  await until('the picture', () =>
    review('Warm and soft')
      .locator('img')
      .evaluate((image: HTMLImageElement) => image.naturalWidth === 1),
  );
  assert.match(await page.locator('.summary').innerText(), /4\.00\s+1 review, 1 verified, 1 with media/);

  await as('Seller');
  await told('A seller cannot review an own product.');
  await press('Reply', review('Warm and soft'));
  await page.getByRole('form', { name: 'Reply' }).getByRole('textbox').fill('Thank you, Anna');
  await press('Send', review('Warm and soft'));
  await review('Warm and soft').getByText('Thank you, Anna').waitFor();
  await press('Helpful (0)', review('Warm and soft'));
  await review('Warm and soft').getByRole('button', { name: 'Helpful (1)', pressed: true }).waitFor();
  await press('Report', review('Warm and soft'));
  await page.getByRole('form', { name: 'Report' }).getByLabel('Reason').selectOption('fake');
  await press('Send', review('Warm and soft'));
  await page.getByRole('form', { name: 'Report' }).waitFor({ state: 'detached' });

  await as('Admin');
  await page.getByRole('link', { name: 'Moderation' }).click();
  await press('Reported');
  await review('Warm and soft').getByText('Reports: 1').waitFor();
  await press('Hide', review('Warm and soft'));
  await page.getByRole('form', { name: 'Hide' }).getByLabel('Reason').selectOption('off_topic');
  await press('Send', review('Warm and soft'));
  await press('Hidden');
  await review('Warm and soft').getByText('hidden: off_topic').waitFor();

  await as('Buyer');
  await page.getByRole('link', { name: 'My reviews' }).click();
  await press('Appeal', review('Warm and soft'));
  await page.getByRole('form', { name: 'Appeal' }).getByRole('textbox').fill('It is about the scarf');
  await press('Send', review('Warm and soft'));

  await as('Admin');
  await page.getByRole('link', { name: 'Moderation' }).click();
  await press('Hidden');
  await review('Warm and soft').getByText('It is about the scarf').waitFor();
  await press('Publish', review('Warm and soft'));
  await told('There is none.');
});

test('the list is sorted and filtered; an own review is edited and deleted', { skip }, async () => {
  const write = (user: number, json: object) =>
    api('POST', `${scene.url}/api/products/2/reviews`, { user, json });
  await write(1, { rating: 2, text: 'A little small' });
  await write(3, { rating: 5, text: 'Keeps tea hot' });
  await open('reviews/product/2');
  await as('Buyer');
  await review('A little small').waitFor();
  const order = () => page.locator('.review .prose').allInnerTexts();
  assert.deepEqual(await order(), ['Keeps tea hot', 'A little small']);
  await page.getByLabel('Sort').selectOption('lowest');
  await until('the order', async () => (await order())[0] === 'A little small');
  await page.getByRole('button', { name: '5 ★ 1' }).click();
  await review('A little small').waitFor({ state: 'detached' });
  await press('Verified only');
  await told('There is none.');
  await press('Verified only');
  await page.getByRole('button', { name: '5 ★ 1' }).click();
  await press('Edit');
  const form = page.getByRole('form', { name: 'Review' });
  await form.getByLabel('Text').fill('Small, and I like it');
  await form.getByLabel('Shown as').selectOption('short');
  await form.getByRole('button', { name: 'Publish' }).click();
  await review('Small, and I like it').getByText('Anna B.').waitFor();
  await press('Delete', page.getByRole('region', { name: 'My review of it' }));
  await review('Small, and I like it').waitFor({ state: 'detached' });
});

test('the API is described, and tried with the token of whoever is chosen', { skip }, async () => {
  const outside: string[] = [];
  page.on('request', (request) => {
    if (!request.url().startsWith(`${scene.url}/`) && !request.url().startsWith('data:'))
      outside.push(request.url());
  });
  await open('api');
  await as('Seller');
  const swagger = page.frameLocator('iframe');
  const operation = swagger.locator('#operations-Uploads-listUploads');
  await operation.locator('.opblock-summary-control').click();
  await operation.getByRole('button', { name: 'Try it out' }).click();
  await operation.getByRole('button', { name: 'Execute' }).click();
  await operation.locator('.live-responses-table').getByText('200').first().waitFor();
  const row = await scene.untilRow(
    ({ target, method }) => method === 'GET' && /^\/api\/uploads(?:[?]|$)/.test(target),
  );
  assert.deepEqual([row.status, row.user], [200, '2']);
  assert.deepEqual(outside, []);
  await page.getByRole('link', { name: '/docs' }).waitFor();
  const [, frame] = page.frames();
  assert.ok(frame);
  assert.deepEqual(await seriousFindings(frame), []);
  await page.setViewportSize({ width: 380, height: 760 });
  await page.emulateMedia({ colorScheme: 'dark' });
  await frame.locator('html.dark-mode').waitFor();
  assert.deepEqual(await seriousFindings(frame), []);
  const wider = await frame.evaluate<number>('document.documentElement.scrollWidth - innerWidth');
  assert.ok(wider <= 0, 'it scrolls sideways');
});

for (const colorScheme of ['light', 'dark'] as const)
  test(`axe finds nothing serious on any page, wide and at 380 px: ${colorScheme}`, { skip }, async () => {
    await page.emulateMedia({ colorScheme });
    for (const [path, heading] of PAGES) {
      await open(path);
      await page.getByRole('heading', { name: heading, exact: true }).waitFor();
      await page.waitForLoadState('networkidle');
      for (const name of FORMS) {
        const button = page.getByRole('button', { name, exact: true }).first();
        if ((await button.count()) > 0) await button.click();
      }
      for (const width of [1280, 380]) {
        await page.setViewportSize({ width, height: 760 });
        assert.deepEqual(await seriousFindings(page), [], `${path} at ${width}`);
        const wider = await page.evaluate<number>('document.documentElement.scrollWidth - innerWidth');
        assert.ok(wider <= 0, `${path} scrolls sideways at ${width}`);
      }
    }
  });
