/**
 * What the development console costs the requests that it shows, and whether its page keeps up: small GETs and POSTs at a
 * fixed rate through the sidecar of `npm run dev` with the page open, with it closed, and with `--no-console`, in turns.
 */
import { existsSync } from 'node:fs';
import type { Page } from 'playwright-core';
import { type Console, startConsole } from '../../dev/console/start.ts';
import { startSidecarProcess } from '../../dev/sidecar-process.ts';
import { startChromium } from '../../lab/chromium.ts';
import { freePort } from '../../lab/ports.ts';
import { cpuMicroseconds } from '../../lab/proc.ts';
import { type Program, untilListening } from '../../lab/programs.ts';
import { makeScratchFolder } from '../../lab/scratch-folder.ts';
import { baseEnv } from '../../lab/sidecar.ts';
import { CHROMIUM } from '../../lab/tools.ts';
import { median } from '../statistics.ts';
import { type Bench, inWindows, type Sample, type Workload } from './workload.ts';

const PER_SECOND = 500;
/** Enough of them for two seconds in which a core has other work. */
const CONNECTIONS = 1_000;
const WINDOW_SECONDS = 8;
const QUICK_WINDOW_SECONDS = 1;
/** In front of each window: connections and the page have just been opened. */
const FIRST_SECONDS = 2;

export const developmentConsole: Workload = async (bench) => {
  if (!existsSync(CHROMIUM)) {
    bench.say(`console: left out, there is no Chromium at ${CHROMIUM}`);
    return [];
  }
  const samples = await measure(bench);
  return [
    {
      name: 'console',
      title: `The development console at ${PER_SECOND} requests a second`,
      note:
        'Small GETs, every fifth a 2 KB POST, forwarded; the sidecar as `npm run dev` starts it, on any core. CPU is that of the ' +
        "sidecar's process, and of the process that keeps and answers for the console. Where no page of the console is open, an empty one is: its frames are " +
        'what the machine has to give. Load, backend, sidecar, console and Chromium, which draws without a graphics card, share the ' +
        'same cores, so a frame that is missing or a slow request may have waited for any of them.',
      metrics: [
        { key: 'p99Ms', title: 'p99 ms', digits: 2 },
        { key: 'p50Ms', title: 'p50 ms', digits: 2 },
        { key: 'percent', title: 'CPU, % of a core', digits: 0 },
        { key: 'consolePercent', title: "console's, %", digits: 0 },
        { key: 'dropped', title: 'captures dropped', digits: 0, of: 'max' },
        { key: 'frames', title: 'frames a second', digits: 1 },
        { key: 'frameMs', title: 'median frame ms', digits: 1 },
        { key: 'longestMs', title: 'longest frame ms', digits: 0 },
      ],
      rows: [
        { contender: 'page open', kind: 'ours', samples: samples.open },
        { contender: 'page closed', kind: 'native', samples: samples.closed },
        { contender: '--no-console', kind: 'native', samples: samples.without },
      ],
    },
  ];
};

async function measure(bench: Bench) {
  await using parts = new AsyncDisposableStack();
  const observed = await startDevelopment(bench, true, parts);
  const plain = await startDevelopment(bench, false, parts);
  const browser = await startChromium();
  parts.defer(browser.stop);
  const page = await browser.context.newPage();
  await page.setViewportSize({ width: 1280, height: 800 });
  const beside = async (address: string, development: Development) => {
    await page.goto(address);
    return oneWindow(bench, development, page);
  };
  return await inWindows(bench, 'console', bench.rounds, {
    open: () => beside(`${observed.console?.url}`, observed),
    closed: () => beside('about:blank', observed),
    without: () => beside('about:blank', plain),
  });
}

interface Development {
  readonly port: number;
  readonly sidecar: Program;
  readonly console: Console | undefined;
}

/** The sidecar, and in this process what `npm run dev` has in its own. */
async function startDevelopment(
  { upstream }: Bench,
  hasConsole: boolean,
  parts: AsyncDisposableStack,
): Promise<Development> {
  const folder = makeScratchFolder('bench');
  const port = await freePort();
  const env = baseEnv({ PORT: String(port), BACKEND_URL: `http://127.0.0.1:${upstream.port}` });
  const console = hasConsole
    ? await startConsole({ folder: folder.at('console'), sidecarPort: port, env })
    : undefined;
  if (console !== undefined) parts.defer(() => console.stop());
  const sidecar = startSidecarProcess(env, {
    ...{ watch: false, print: () => undefined, pidFile: folder.at('pid') },
    ...(console === undefined ? {} : { observer: console }),
  });
  parts.use(sidecar);
  await untilListening('The sidecar', sidecar, port);
  return { port, sidecar, console };
}

async function oneWindow(
  { load, quick }: Bench,
  { port, sidecar, console }: Development,
  page: Page,
): Promise<Sample> {
  const run = (seconds: number) =>
    load.do({ kind: 'run-paced', exchanges: seconds * PER_SECOND, perSecond: PER_SECOND });
  await load.do({ kind: 'open', port, method: 'mixed', connections: CONNECTIONS });
  await run(FIRST_SECONDS);
  const droppedBefore = console?.records.dropped ?? 0;
  await page.evaluate(COUNT_FRAMES);
  const cpuBefore = cpuMicroseconds([sidecar.pid]);
  const ownBefore = process.cpuUsage();
  const { wallUs, p50Us, p99Us } = await run(quick ? QUICK_WINDOW_SECONDS : WINDOW_SECONDS);
  const { user, system } = process.cpuUsage(ownBefore);
  const cpuUs = cpuMicroseconds([sidecar.pid]) - cpuBefore;
  const frames = framesOf(await page.evaluate<number[]>('frameTimes'));
  await load.do({ kind: 'close' });
  return {
    ...{ p99Ms: p99Us / 1000, p50Ms: p50Us / 1000, ...frames },
    percent: (cpuUs / wallUs) * 100,
    consolePercent: ((user + system) / wallUs) * 100,
    dropped: (console?.records.dropped ?? 0) - droppedBefore,
  };
}

/** A debugger may evaluate what the page's own policy would not let in. */
const COUNT_FRAMES = `
  var frameTimes = [];
  requestAnimationFrame(function count(at) {
    frameTimes.push(at);
    requestAnimationFrame(count);
  })`;

/** @param times at which frames began, ms */
function framesOf(times: readonly number[]): Sample {
  const durations = times.slice(1).map((at, i) => at - (times[i] ?? at));
  const wholeMs = (times.at(-1) ?? 0) - (times[0] ?? 0);
  return {
    frames: (durations.length * 1000) / wholeMs,
    frameMs: median(durations),
    longestMs: Math.max(...durations),
  };
}
