/** The console in a browser, with what its pages ask behind it: the demo backend, a database, and a storage with a gate. */
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import type { Locator, Page } from 'playwright-core';
import { writeSampleFile } from '../../scripts/dev/sample-file.ts';
import { type RunningChromium, startChromium } from '../../scripts/lab/chromium.ts';
import { startTestDatabase } from '../../scripts/lab/database.ts';
import { startDemoBackend } from '../../scripts/lab/demo-backend/server.ts';
import { makeScratchFolder } from '../../scripts/lab/scratch-folder.ts';
import { startTestObjectStore, storageEnv } from '../../scripts/lab/throwaway-object-store.ts';
import { JWT_SECRET } from '../../scripts/lab/tokens.ts';
import { type ConsoleScene, startConsoleScene } from '../dev/console/console-scene.ts';
import { untilReady } from '../support/api.ts';
import { type StorageGate, startStorageGate } from '../support/storage-gate.ts';
import { assertAccessible, watchedPage } from './chromium.ts';

export interface ConsolePages {
  readonly scene: ConsoleScene;
  readonly gate: StorageGate;
  /** A new one for each test. */
  readonly page: Page;
  /** Of one pixel. */
  readonly picture: string;
  /** Statuses of refusals that the test expects; the browser complains of each. */
  refusals: number[];
  /** Another console, its sidecar on the same data with these settings; stopped after the tests. */
  another(settings: Record<string, string>): Promise<ConsoleScene>;
  /** @param path of a page: `uploads` */
  open(path: string): Promise<unknown>;
  /** Chooses a user. */
  as(account: string): Promise<void>;
  press(button: string, within?: Locator): Promise<void>;
}

/** Starts them before the file's tests. What the console says in any of them beyond `refusals` fails it. */
export function consolePages(skip: string | false): ConsolePages {
  let scene: ConsoleScene;
  let another: ConsolePages['another'];
  let gate: StorageGate;
  let browser: RunningChromium;
  let page: Page;
  let complaints: string[] = [];
  const folder = makeScratchFolder('console-pages');
  const { path: picture } = writeSampleFile(folder.at('dot.png'));
  const parts = new AsyncDisposableStack();
  parts.defer(folder.remove);

  before(async () => {
    if (skip) return;
    const server = parts.use(await startTestDatabase());
    const store = await startTestObjectStore();
    parts.defer(store.stop);
    gate = await startStorageGate(store.config.endpoint);
    parts.defer(gate.stop);
    const databaseUrl = await server.createDatabase();
    const demo = { port: 0, databaseUrl, jwtSecret: JWT_SECRET, mediaDir: folder.at('media') };
    const backend = await startDemoBackend(demo);
    parts.defer(backend.stop);
    const env = {
      ...storageEnv(store.config),
      ...{ S3_ENDPOINT: gate.url, S3_PUBLIC_BASE_URL: `${gate.url}/media` },
      ...{ DATABASE_URL: databaseUrl, MIGRATE_ON_START: 'true', BACKEND_URL: backend.url },
      ...{ UPLOAD_RATE_PER_MINUTE: '0', REVIEWS_WRITES_PER_MINUTE: '0' },
    };
    another = async (settings) => {
      const started = parts.use(await startConsoleScene({ ...env, ...settings }));
      await untilReady(started);
      return started;
    };
    scene = await another({});
    browser = await startChromium();
    parts.defer(browser.stop);
    await browser.context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: scene.url });
  });
  beforeEach(async () => {
    if (skip) return;
    gate.reset();
    pages.refusals = [];
    ({ page, complaints } = await watchedPage(browser.context));
  });
  afterEach(async () => {
    await page?.close();
    const isExpected = (text: string) =>
      pages.refusals.some((status) => text.includes(`status of ${status}`));
    assert.deepEqual(
      complaints.filter((text) => !isExpected(text)),
      [],
    );
  });
  after(() => parts.disposeAsync());

  const pages: ConsolePages = {
    get scene() {
      return scene;
    },
    get gate() {
      return gate;
    },
    get page() {
      return page;
    },
    picture,
    refusals: [],
    another: (settings) => another(settings),
    open: (path) => page.goto(`${scene.url}/dev#/${path}`),
    as: (account) => page.getByRole('button', { name: account, exact: true }).click(),
    press: (name, within = page.locator('main')) => within.getByRole('button', { name, exact: true }).click(),
  };
  return pages;
}

/** What opens a form. */
const FORMS = ['Write a review', 'Report', 'Hide'];

/** A test of whatever is there by then. @param addresses of pages, and their headings */
export function testAccessibility(
  pages: ConsolePages,
  addresses: readonly (readonly [path: string, heading: string])[],
  skip: string | false,
): void {
  test('axe finds nothing serious, wide and at 380 px, in light and dark', { skip }, async () => {
    const { page } = pages;
    for (const [path, heading] of addresses) {
      await pages.open(path);
      await page.getByRole('heading', { name: heading, exact: true }).waitFor();
      await page.waitForLoadState('networkidle');
      for (const name of FORMS) {
        const button = page.getByRole('button', { name, exact: true }).first();
        if ((await button.count()) > 0) await button.click();
      }
      await assertAccessible(page, path);
    }
  });
}
