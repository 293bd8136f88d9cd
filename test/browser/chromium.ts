/** Pages for Chromium. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { stripTypeScriptTypes } from 'node:module';
import { basename, join } from 'node:path';
import type { BrowserContext, Frame, Locator, Page } from 'playwright-core';
import { listen } from '../../scripts/lab/ports.ts';
import { until } from '../../scripts/lab/programs.ts';

/** A new page, and what it complains of from now on. */
export async function watchedPage(context: BrowserContext) {
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
  });
  await page.setViewportSize({ width: 1280, height: 800 });
  return { page, complaints };
}

/** Waits for words, as they are seen: an element may be there before what it is to say. */
export async function untilShows(element: Locator, words: RegExp): Promise<void> {
  let shown = '';
  await until(`${words}`, async () => {
    shown = await element.innerText();
    return words.test(shown);
  }).catch(() => assert.match(shown, words));
}

const AXE = readFileSync(new URL(import.meta.resolve('axe-core/axe.min.js')), 'utf8');

/**
 * What axe-core finds serious. The page's own policy lets no script in; a debugger may evaluate one.
 * @param rules only these
 */
export async function seriousFindings(page: Page | Frame, rules?: readonly string[]): Promise<string[]> {
  if (!(await page.evaluate<boolean>('"axe" in window'))) await page.evaluate(`${AXE}; undefined`);
  // A colour that is on its way to another one is neither.
  await page.evaluate(`Promise.allSettled(document.getAnimations()
    .filter(({ effect }) => Number.isFinite(effect.getComputedTiming().endTime)).map(({ finished }) => finished)).then(() => undefined)`);
  const options = JSON.stringify({ resultTypes: ['violations'], ...(rules && { runOnly: rules }) });
  return page.evaluate<string[]>(`axe.run(${options}).then(({ violations }) => violations
    .filter(({ impact }) => ['serious', 'critical'].includes(impact))
    .map(({ id, nodes }) => id + ': ' + nodes.map(({ html }) => html.slice(0, 150)).join(' | ')))`);
}

/** What may differ in the dark. */
export const COLOURS = ['color-contrast'];

/** Nothing serious, wide and at 380 px, where it may not scroll sideways; in the dark wide, where all of it is shown. */
export async function assertAccessible(page: Page, place: string): Promise<void> {
  for (const width of [1280, 380]) {
    await page.setViewportSize({ width, height: 760 });
    assert.deepEqual(await seriousFindings(page), [], `${place} at ${width}`);
    const wider = await page.evaluate<number>('document.documentElement.scrollWidth - innerWidth');
    assert.ok(wider <= 0, `${place} scrolls sideways at ${width}`);
  }
  await page.setViewportSize({ width: 1280, height: 760 });
  await page.emulateMedia({ colorScheme: 'dark' });
  assert.deepEqual(await seriousFindings(page, COLOURS), [], `${place} in the dark`);
  await page.emulateMedia({ colorScheme: 'light' });
}

const EXAMPLES = join(import.meta.dirname, '../../docs/examples');

/** A server of one page, and of the example's files as a browser takes them. @param script of the page, a module */
export async function servePage(body: string, script: string) {
  const page = `<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,">${body}
<script type="module">${script}</script>`;
  const server = createServer(async ({ url = '/' }, res) => {
    if (url === '/') {
      res.setHeader('Content-Type', 'text/html').end(page);
      return;
    }
    const source = await readFile(join(EXAMPLES, basename(url)), 'utf8').catch(() => null);
    if (source === null) res.writeHead(404).end();
    else res.setHeader('Content-Type', 'text/javascript').end(stripTypeScriptTypes(source));
  });
  const port = await listen(server);
  return {
    url: `http://127.0.0.1:${port}/`,
    async stop() {
      server.close();
      server.closeAllConnections();
    },
  };
}
