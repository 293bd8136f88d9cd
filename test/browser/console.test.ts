/** The development console in a browser, each thing by doing it. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createServer } from 'node:http';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { promisify } from 'node:util';
import type { Page } from 'playwright-core';
import { type RunningChromium, startChromium } from '../../scripts/lab/chromium.ts';
import { listen } from '../../scripts/lab/ports.ts';
import { until } from '../../scripts/lab/programs.ts';
import { tokenFor } from '../../scripts/lab/tokens.ts';
import { type ConsoleScene, startConsoleScene } from '../dev/console/console-scene.ts';
import { api } from '../support/api.ts';
import { skipWithout } from '../support/requirements.ts';
import { assertAccessible, seriousFindings, untilShows, watchedPage } from './chromium.ts';

const skip = skipWithout(['chromium']);

let scene: ConsoleScene;
let browser: RunningChromium;
let page: Page;
let complaints: string[];
const bodies: string[] = [];
const parts = new AsyncDisposableStack();

before(async () => {
  if (skip) return;
  const backend = createServer((req, res) => {
    let body = '';
    req.on('data', (piece) => {
      body += piece;
    });
    req.on('end', () => {
      // The sidecar itself asks for /openapi.json, some time after its start.
      if (req.url?.startsWith('/api/')) bodies.push(body);
      res.setHeader('Content-Type', 'application/json');
      res.end(JSON.stringify({ path: req.url, body }));
    });
  });
  const port = await listen(backend);
  parts.defer(() => {
    backend.close();
    backend.closeAllConnections();
  });
  scene = parts.use(await startConsoleScene({ BACKEND_URL: `http://127.0.0.1:${port}` }));
  browser = await startChromium();
  parts.defer(browser.stop);
  await browser.context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: scene.url });
});
beforeEach(async () => {
  if (skip) return;
  ({ page, complaints } = await watchedPage(browser.context));
  await page.goto(`${scene.url}/dev`);
});
afterEach(async () => {
  await page?.close();
  assert.deepEqual(complaints ?? [], []);
});
after(() => parts.disposeAsync());

const row = (path: string) => page.locator('.row', { hasText: path }).first();

test('a request appears by itself, and its detail with the keyboard alone', { skip }, async () => {
  await api('GET', `${scene.url}/api/by-keyboard`, { user: 7 });
  await row('/api/by-keyboard').waitFor();
  await page.keyboard.press('ArrowDown');
  await untilShows(page.locator('.title'), /GET \/api\/by-keyboard\s+200/);
  await untilShows(page.locator('.bars'), /backend, to the first byte/);
  await page.keyboard.press('Escape');
  await page.locator('.panel').waitFor({ state: 'detached' });
  await page.keyboard.press('/');
  await page.keyboard.type('nothing-like-this');
  await page.getByText('Nothing matches the filter.').waitFor();
});

test('filtered by kind, and paused, the list shows what it should', { skip }, async () => {
  await api('GET', `${scene.url}/api/for-filter`);
  await api('GET', `${scene.url}/livez`);
  await row('/livez').waitFor();
  await page.getByRole('button', { name: 'proxy', exact: true }).click();
  await row('/livez').waitFor({ state: 'detached' });
  await row('/api/for-filter').waitFor();
  await page.getByRole('button', { name: 'Pause', exact: true }).click();
  await api('GET', `${scene.url}/api/while-paused`);
  await page.getByRole('button', { name: 'Go on (1 new)' }).waitFor();
  assert.equal(await row('/api/while-paused').count(), 0);
  await page.getByRole('button', { name: 'Go on (1 new)' }).click();
  await row('/api/while-paused').waitFor();
});

test('a token is hidden until it is clicked', { skip }, async () => {
  const token = tokenFor(7);
  await api('GET', `${scene.url}/api/hidden?token=abcdef`, { token });
  await row('/api/hidden').click();
  await page.getByRole('tab', { name: 'Request' }).click();
  const secret = page.getByRole('button', { name: 'Bearer ••••••' }).first();
  await secret.waitFor();
  assert.ok(!(await page.content()).includes(token));
  assert.ok(!(await page.content()).includes('abcdef'));
  await secret.click();
  await page.getByText(`Bearer ${token}`).first().waitFor();
});

test('copied as curl and pasted, it is sent again', { skip }, async () => {
  await api('POST', `${scene.url}/api/copied`, { json: { note: "it's" } });
  await row('/api/copied').click();
  await page.getByRole('button', { name: 'Copy as curl' }).click();
  await page.getByText('Copied', { exact: true }).waitFor();
  const command = await page.evaluate<string>('navigator.clipboard.readText()');
  const before = bodies.length;
  await promisify(execFile)('bash', ['-c', command]);
  assert.deepEqual(bodies.slice(before), [JSON.stringify({ note: "it's" })]);
});

test('edited and sent again, it is a new row that says which it repeats', { skip }, async () => {
  await api('POST', `${scene.url}/api/to-edit`, { json: { rating: 1 } });
  await row('/api/to-edit').click();
  await page.getByRole('button', { name: 'Edit and resend' }).click();
  await page.getByLabel('Path and query').fill('/api/edited-here');
  await page.getByLabel('Body').fill('{"rating":5}');
  await page.getByRole('button', { name: 'Send', exact: true }).click();
  await row('/api/edited-here').click();
  await page.getByText(/repeats #\d+/).waitFor();
  assert.equal(bodies.at(-1), '{"rating":5}');
});

test('pinned, a request outlives Clear', { skip }, async () => {
  await api('GET', `${scene.url}/api/to-pin`);
  await row('/api/to-pin').click();
  await page.getByRole('button', { name: 'Pin', exact: true }).click();
  await page.getByRole('button', { name: 'Unpin' }).waitFor();
  await page.getByRole('button', { name: 'Clear' }).click();
  await until('the others to go', async () => (await page.locator('.row').count()) === 1);
  await untilShows(page.locator('.row'), /★ \/api\/to-pin/);
});

test('hundreds of requests are few elements, and who reads further down is not pushed away', {
  skip,
}, async () => {
  await Promise.all(Array.from({ length: 300 }, (_, i) => api('GET', `${scene.url}/api/many/${i}`)));
  await until(
    'the rows',
    async () => (await page.evaluate<number>('document.querySelector(".rows").offsetHeight')) > 8_000,
  );
  assert.ok((await page.locator('.row').count()) < 80);
  await page.evaluate('document.querySelector(".list").scrollTop = 3000');
  const top = () => page.evaluate<string>('document.elementFromPoint(300, 300).closest(".row")?.id ?? ""');
  await until(
    'it to have scrolled',
    async () => (await page.evaluate<number>('document.querySelector(".list").scrollTop')) === 3000,
  );
  await until('the rows there to be drawn', async () => (await top()) !== '');
  const before = await top();
  await api('GET', `${scene.url}/api/one-more`);
  await until(
    'it to be there',
    async () => (await page.evaluate<number>('document.querySelector(".list").scrollTop')) > 3000,
  );
  await until('the same row to be there', async () => (await top()) === before);
});

test('a fault is made from a row, told by a banner, and switched off', { skip }, async () => {
  await api('GET', `${scene.url}/api/to-bend`);
  await row('/api/to-bend').click();
  await page.getByRole('button', { name: 'Answer like this…' }).click();
  await page.getByLabel('Status').fill('418');
  await page.getByLabel('Body').fill('{"bent":true}');
  await page.getByRole('button', { name: 'Add and switch on' }).click();
  await page.getByText('A fault is switched on.').waitFor();
  await until('it', async () => (await fetch(`${scene.url}/api/to-bend`)).status === 418);
  assert.deepEqual(await seriousFindings(page), []);
  await page.getByRole('button', { name: 'Switch all off' }).click();
  await page.getByText('A fault is switched on.').waitFor({ state: 'detached' });
  await until('it to be over', async () => (await fetch(`${scene.url}/api/to-bend`)).status === 200);
  await page.getByRole('link', { name: 'Requests' }).click();
  await row('/api/to-bend').waitFor();
});

test('each page has an address, a link and a digit, and Requests keeps what was chosen', {
  skip,
}, async () => {
  await api('GET', `${scene.url}/api/kept`);
  await row('/api/kept').click();
  await page.getByRole('link', { name: 'Faults' }).click();
  await page.getByRole('heading', { name: 'Faults' }).waitFor();
  assert.equal(new URL(page.url()).hash, '#/faults');
  await until('its title', async () => (await page.title()).startsWith('Faults · '));
  await page.keyboard.press('1');
  await page.locator('.title', { hasText: '/api/kept' }).waitFor();
  await page.goBack();
  await page.reload();
  await page.getByRole('heading', { name: 'Faults' }).waitFor();
  await page.goto(`${scene.url}/dev#/nothing-like-this`);
  await row('/api/kept').waitFor();
});

test('axe finds nothing serious, wide and at 380 px, in light and dark', { skip }, async () => {
  await api('GET', `${scene.url}/api/for-axe?token=x`, { user: 7 });
  await fetch(`${scene.url}/nobody`);
  await row('/api/for-axe').click();
  for (const name of ['Overview', 'Request', 'Response', 'Log']) {
    await page.getByRole('tab', { name }).click();
    await assertAccessible(page, name);
  }
  await page.keyboard.press('Escape');
  await row('/nobody').waitFor();
  await assertAccessible(page, 'the list');
});
