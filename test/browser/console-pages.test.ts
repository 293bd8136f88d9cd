/** The console's pages Uploads and API in a browser, each thing by doing it. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { after, beforeEach, test } from 'node:test';
import { promisify } from 'node:util';
import type { Page } from 'playwright-core';
import { until } from '../../scripts/lab/programs.ts';
import { makeScratchFolder } from '../../scripts/lab/scratch-folder.ts';
import { tokenFor } from '../../scripts/lab/tokens.ts';
import { api } from '../support/api.ts';
import { skipWithout } from '../support/requirements.ts';
import { assertAccessible, COLOURS, seriousFindings } from './chromium.ts';
import { consolePages, testAccessibility } from './console-pages-scene.ts';
import { THREE_PARTS, writeVideo } from './video-file.ts';

const skip = skipWithout(['chromium']);
const pages = consolePages(skip);
const { open, as, press, picture } = pages;
let page: Page;
beforeEach(() => {
  page = pages.page;
});
const folder = makeScratchFolder('console-video');
const video = folder.at('three-parts.mp4');
writeVideo(video, THREE_PARTS);
after(folder.remove);

const job = () => page.getByRole('region', { name: 'Under way' }).locator('.job').first();
const listed = (name: string) => page.locator('.upload', { hasText: name }).first();

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
  await job()
    .getByText(/The row says: [\d:]+ issued → [\d:]+ ready$/)
    .waitFor();
  assert.deepEqual(pages.gate.timesPut(200), [1]);
  const preview = listed('dropped.png').locator('img');
  await until('the picture', () => preview.evaluate((image: HTMLImageElement) => image.naturalWidth === 1));
});

test('a video in parts is paused, outlives a reload, and only what is missing is sent afterwards', {
  skip,
}, async () => {
  pages.gate.judge(({ part }) => (part === 2 ? 'swallow' : 'pass'));
  await open('uploads');
  await choose(video);
  await until('two parts', () => pages.gate.puts.length === 3 && pages.gate.timesPut(200).join() === '1,0,1');
  await press('Pause', job());
  await job().locator('.state.paused').waitFor();
  await job().getByText('2 of 3 parts stored').waitFor();
  pages.gate.judge(() => 'pass');
  await page.reload();
  // Going on begins with the question what is there, whose answer is "not all of it".
  pages.refusals = [409];
  const left = page.getByRole('region', { name: 'Interrupted' });
  await left.locator('input[type=file]').setInputFiles(picture);
  await page.getByText('That is another file').waitFor();
  await left.locator('input[type=file]').setInputFiles(video);
  await job().locator('.state.ready').waitFor();
  assert.deepEqual(pages.gate.timesPut(200), [1, 1, 1]);
  await left.waitFor({ state: 'detached' });
  await listed('three-parts.mp4').getByText('in parts').waitFor();
});

test('an upload goes on while another page is shown, and the video plays from where everybody gets it', {
  skip,
}, async () => {
  // The page may ask for the parts when they have just been put together.
  pages.refusals = [409];
  pages.gate.judge(() => 'hold');
  await open('uploads');
  await choose(video);
  await until('a part', () => pages.gate.puts.length > 0);
  await page.getByRole('link', { name: 'Reviews' }).click();
  await page.getByRole('heading', { name: 'Reviews', exact: true }).waitFor();
  pages.gate.judge(() => 'pass');
  pages.gate.release();
  await until('all parts', () => pages.gate.timesPut(200).join() === '1,1,1');
  await page.getByRole('link', { name: 'Uploads' }).click();
  await job().locator('.state.ready').waitFor();
  const preview = listed('three-parts.mp4').locator('video');
  await until('the preview', () => preview.evaluate((element: HTMLVideoElement) => element.duration > 0));
});

test('an upload in one PUT shows its progress, and aborted it is deleted', { skip }, async () => {
  pages.gate.judge(() => 'hold');
  await open('uploads');
  await page.getByLabel('Sent').selectOption('single');
  await choose(video);
  await until('progress', async () => /\b[1-9]\d? %/.test(await job().innerText()));
  await press('Abort', job());
  await job().locator('.state.aborted').waitFor();
  pages.gate.reset();
  await listed('three-parts.mp4').locator('.state.deleted').waitFor();
  await press('Remove from here', job());
  await job().waitFor({ state: 'detached' });
});

test('a fresh URL takes a file by hand; the upload is completed, opened by everybody, and deleted', {
  skip,
}, async () => {
  const json = { kind: 'product_image', filename: 'by-hand.png', content_type: 'image/png', size_bytes: 70 };
  await api('POST', `${pages.scene.url}/api/uploads`, { user: 1, json });
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

test('a token that is pasted is somebody else’s, and is gone with the tab', { skip }, async () => {
  await open('uploads');
  await as('Other…');
  await page.getByText('Paste an access token').waitFor();
  await page.getByLabel('Token').fill(`Bearer ${tokenFor(2)}`);
  await press('Use it');
  await page.getByText('user 2', { exact: true }).waitFor();
  await page.locator('.drop button:enabled').waitFor();
  await page.reload();
  await page.getByText('user 2', { exact: true }).waitFor();
  assert.ok(!(await page.evaluate<string>('JSON.stringify(localStorage)')).includes('eyJ'));
  await as('Buyer');
});

test('the API is described, and tried with the token of whoever is chosen', { skip }, async () => {
  const outside: string[] = [];
  page.on('request', (request) => {
    if (!request.url().startsWith(`${pages.scene.url}/`) && !request.url().startsWith('data:'))
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
  const row = await pages.scene.untilRow(
    ({ target, method }) => method === 'GET' && /^\/api\/uploads(?:[?]|$)/.test(target),
  );
  assert.deepEqual([row.status, row.user], [200, '2']);
  assert.deepEqual(outside, []);
  await page.getByRole('link', { name: '/docs' }).waitFor();
  const [, frame] = page.frames();
  assert.ok(frame);
  // In this order: with axe in the frame, too, the page would be examined together with it.
  await assertAccessible(page, 'api');
  assert.deepEqual(await seriousFindings(frame), []);
  await page.setViewportSize({ width: 380, height: 760 });
  await page.emulateMedia({ colorScheme: 'dark' });
  await frame.locator('html.dark-mode').waitFor();
  assert.deepEqual(await seriousFindings(frame, COLOURS), []);
  const wider = await frame.evaluate<number>('document.documentElement.scrollWidth - innerWidth');
  assert.ok(wider <= 0, 'it scrolls sideways');
});

testAccessibility(pages, [['uploads', 'Uploads']], skip);
