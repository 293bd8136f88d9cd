/** Debian's Chromium without a window, and pages for it. */

import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { stripTypeScriptTypes } from 'node:module';
import { basename, join } from 'node:path';
import { type BrowserContext, chromium } from 'playwright-core';
import { listen } from '../../scripts/lab/ports.ts';
import { makeScratchFolder } from '../../scripts/lab/scratch-folder.ts';
import { CHROMIUM } from '../../scripts/lab/tools.ts';

/** It asks nobody but us, and Debian's needs no sandbox of its own as root. */
const ARGS = [
  ...['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-sync'],
  ...['--disable-background-networking', '--disable-component-update', '--disable-dev-shm-usage'],
];

export interface TestBrowser {
  readonly context: BrowserContext;
  stop(): Promise<void>;
}

export async function startChromium(): Promise<TestBrowser> {
  const profile = makeScratchFolder('chromium');
  const options = { executablePath: CHROMIUM, headless: true, args: ARGS };
  const context = await chromium.launchPersistentContext(profile.path, options);
  return {
    context,
    async stop() {
      await context.close();
      profile.remove();
    },
  };
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
