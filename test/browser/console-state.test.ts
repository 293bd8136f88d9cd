/** The console's page State in a browser, each thing by doing it, with a database of which sets may be made. */
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import type { Page } from 'playwright-core';
import { openWebhooks } from '../../scripts/dev/console/state/webhooks.ts';
import { createDemoData } from '../../scripts/dev/demo/data.ts';
import { createSets } from '../../scripts/dev/demo/sets.ts';
import { type RunningChromium, startChromium } from '../../scripts/lab/chromium.ts';
import { query, startTestDatabase } from '../../scripts/lab/database.ts';
import { startDemoBackend } from '../../scripts/lab/demo-backend/server.ts';
import { until } from '../../scripts/lab/programs.ts';
import { makeScratchFolder } from '../../scripts/lab/scratch-folder.ts';
import { startTestObjectStore, storageEnv } from '../../scripts/lab/throwaway-object-store.ts';
import { JWT_SECRET } from '../../scripts/lab/tokens.ts';
import { type ConsoleScene, startConsoleScene } from '../dev/console/console-scene.ts';
import { api, untilReady } from '../support/api.ts';
import { skipWithout } from '../support/requirements.ts';
import { assertAccessible, watchedPage } from './chromium.ts';

const skip = skipWithout(['chromium']);
/** Two thousand reviews take a busy machine its time, ms. */
const PATIENCE = { timeout: 120_000 };

let scene: ConsoleScene;
let browser: RunningChromium;
let page: Page;
let complaints: string[] = [];
let databaseUrl: string;
const folder = makeScratchFolder('console-state');
const parts = new AsyncDisposableStack();
parts.defer(folder.remove);

before(async () => {
  if (skip) return;
  const server = parts.use(await startTestDatabase());
  databaseUrl = await server.createDatabase();
  const store = await startTestObjectStore();
  parts.defer(store.stop);
  const demo = { port: 0, databaseUrl, jwtSecret: JWT_SECRET, mediaDir: folder.at('media') };
  const backend = await startDemoBackend(demo);
  parts.defer(backend.stop);
  const webhooks = await openWebhooks();
  parts.defer(webhooks.stop);
  const sets = createSets({ databaseUrl, objects: store.dataDir, folder: folder.at('sets') });
  const data = createDemoData({ databaseUrl, storage: store.config, isTold: true, sets });
  const settings = { DATABASE_URL: databaseUrl, MIGRATE_ON_START: 'true', BACKEND_URL: backend.url };
  const surroundings = { webhooks, data, where: { database: 'PostgreSQL, thrown away' } };
  scene = parts.use(await startConsoleScene({ ...storageEnv(store.config), ...settings }, surroundings));
  await untilReady(scene);
  browser = await startChromium();
  parts.defer(browser.stop);
});
beforeEach(async () => {
  if (skip) return;
  ({ page, complaints } = await watchedPage(browser.context));
  await page.goto(`${scene.url}/dev#/state`);
});
afterEach(async () => {
  await page?.close();
  assert.deepEqual(complaints, []);
});
after(() => parts.disposeAsync());

const section = (name: string) => page.getByRole('region', { name, exact: true });
const part = (name: string) => section('Parts').locator(`[data-part=${name}]`);
const press = (name: string) => page.getByRole('button', { name, exact: true }).first().click();
const reviews = async () =>
  Number((await query<{ n: string }>(databaseUrl, 'SELECT count(*) AS n FROM product_reviews'))[0]?.n);

test('demo data is put in with a bar that moves; what there is is counted, and the events of it arrive', {
  skip,
}, async () => {
  await section('Webhooks received').getByText('None yet').waitFor();
  await press('Put demo data in');
  await section('Demo data').getByRole('progressbar').waitFor();
  await section('Demo data').getByText('There are 50 products, 2000 reviews').waitFor(PATIENCE);
  await section('Work')
    .getByText(/19\d\d published/)
    .waitFor();
  const first = section('Webhooks received').locator('li').first();
  await first.getByText('signature verifies').waitFor();
  await first.locator('summary').click();
  await first.getByText('"status": "ready"').waitFor();
  await first.getByText('webhook-signature: v1,••••••').waitFor();
});

test('the parts say how they are, and one that is switched off what to do', { skip }, async () => {
  for (const name of ['sidecar', 'backend', 'database', 'storage'])
    await part(name).locator('.state.ok').waitFor();
  await part('database').getByText('PostgreSQL, thrown away').waitFor();
  await scene.ask('/faults', { method: 'PUT', json: { rules: [], away: { database: true } } });
  await part('database').locator('.state.down').waitFor();
  await part('database').getByText('Switch the database on again').waitFor();
  await scene.ask('/faults', { method: 'PUT', json: { rules: [] } });
  await part('database').locator('.state.ok').waitFor();
});

test('the doctor examines all of it', { skip }, async () => {
  await press('Examine');
  const health = section('Doctor').locator('li', { hasText: 'backend: health' });
  await health.locator('.state.ok').waitFor(PATIENCE);
  await section('Doctor').locator('li', { hasText: 'work: events' }).waitFor();
});

test('a set is saved, brought back and removed; everything is reset; with the keyboard', {
  skip,
}, async () => {
  const before = await reviews();
  await page.getByLabel('Name of the set').fill('monday');
  await page.keyboard.press('Enter');
  await section('Demo data').getByText('The set "monday" is saved.').waitFor(PATIENCE);
  const reset = page.getByRole('button', { name: 'Reset everything' });
  await reset.focus();
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: 'Really reset?' }).waitFor();
  assert.equal(await reviews(), before, 'one click takes nothing away');
  await page.keyboard.press('Enter');
  await section('Demo data').getByText('as after the first start').waitFor(PATIENCE);
  assert.equal(await reviews(), 0);
  await press('Load');
  await press('Replace all with it?');
  await section('Demo data').getByText('The set "monday" is loaded.').waitFor(PATIENCE);
  assert.equal(await reviews(), before);
  await until('the sidecar to have its data', async () => {
    const { status, body } = await api(
      'GET',
      `${scene.url}/api/product-reviews/summary?product_ids=4,5,6,7,8`,
    );
    return status === 200 && Object.values(body.summaries).some((of) => (of as { count: number }).count > 0);
  });
  await press('Remove');
  await press('Really remove?');
  await section('Demo data').getByText('None is saved yet.').waitFor(PATIENCE);
});

test('settings are shown with their place, and no secret', { skip }, async () => {
  const rows = section('Settings').locator('tbody tr');
  await rows.filter({ hasText: 'BACKEND_URL' }).getByText('npm run dev').waitFor();
  assert.equal(await rows.filter({ hasText: 'WEB_CONCURRENCY' }).count(), 0);
  await page.getByLabel('only those that are set').uncheck();
  await rows.filter({ hasText: 'WEB_CONCURRENCY' }).getByText('default').waitFor();
  assert.ok(!(await page.content()).includes(JWT_SECRET));
});

test('the receiver refuses when it is told to, and each attempt is shown', { skip }, async () => {
  await page.getByLabel('Answer with').selectOption('500');
  await press('Clear');
  await section('Webhooks received').getByText('None yet').waitFor();
  const json = { rating: 5, text: 'told of' };
  const { status } = await api('POST', `${scene.url}/api/products/1/reviews`, { user: 1, json });
  assert.equal(status, 200);
  const first = section('Webhooks received').locator('li').first();
  await first.locator('summary').getByText('review.created').waitFor();
  await first.locator('summary').getByText('attempt 1 · answered 500').waitFor();
  await page.getByLabel('Answer with').selectOption('204');
  await section('Webhooks received').getByText('attempt 2 · answered 204').waitFor(PATIENCE);
});

test('axe finds nothing serious, wide and at 380 px, in light and dark', { skip }, async () => {
  await section('Parts').waitFor();
  await page.getByLabel('only those that are set').uncheck();
  await section('Webhooks received').locator('summary').first().click();
  await press('Examine');
  await section('Doctor').locator('li').first().waitFor(PATIENCE);
  await assertAccessible(page, 'State');
});
