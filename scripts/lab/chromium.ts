/** Debian's Chromium without a window. */
import type { BrowserContext } from 'playwright-core';
import { makeScratchFolder } from './scratch-folder.ts';
import { CHROMIUM } from './tools.ts';

/** It asks nobody but us, and Debian's needs no sandbox of its own as root. */
const ARGS = [
  ...['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-sync'],
  ...['--disable-background-networking', '--disable-component-update', '--disable-dev-shm-usage'],
];

export interface RunningChromium {
  readonly context: BrowserContext;
  stop(): Promise<void>;
}

export async function startChromium(): Promise<RunningChromium> {
  // Nobody who needs no browser waits for it to be loaded.
  const { chromium } = await import('playwright-core');
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
