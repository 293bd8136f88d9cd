/** Requests that meet an idle backend connection just as it closes (docs/forwarding.md, 17). */
import { setTimeout as sleep } from 'node:timers/promises';
import type { BackendOptions } from '../backend-process.ts';
import { KeepAliveClient } from '../client.ts';
import { type Drill, type Figure, none, report, some, told } from '../drill.ts';
import type { Arrivals } from '../journal.ts';
import { mixed } from '../requests.ts';
import { isRefused, type Sample } from '../sample.ts';
import { startScene } from '../scene.ts';

const CLIENTS = 9;
/** Pauses swept over this range on both sides of the boundary, ms. */
const SWEEP_MS = 5;
const STEP_MS = 0.5;
/** However busy the machine is. */
const FEWEST_VOLLEYS = 4;

interface Part {
  readonly samples: readonly Sample[];
  readonly arrivals: Arrivals;
}

export const idleRace: Drill = {
  name: 'idle-race',
  summary: 'The backend closes idle connections just as the next request comes; a POST is never sent twice.',
  async run({ seconds, backend: kind }) {
    const halfMs = seconds * 500;
    const boundaryMs = kind === 'uvicorn' ? 1_000 : 60;
    const boundary = await runPart({ kind, idleCloseMs: boundaryMs }, halfMs, sweep(boundaryMs));
    const worst = await runPart({ kind: 'node', closeOnNext: true }, halfMs, () => 1);
    return report({
      samples: [...boundary.samples, ...worst.samples],
      doubledPosts: boundary.arrivals.doubledPosts + worst.arrivals.doubledPosts,
      figures: [
        ...figuresOf('at the boundary', boundary),
        ...figuresOf('on every second request', worst),
        some('GETs repeated when the backend closed on every second request', worst.arrivals.doubledGets),
      ],
    });
  },
};

/** Pauses just below, at and above the time after which the backend closes. */
function sweep(boundaryMs: number): () => number {
  let offset = -SWEEP_MS;
  return () => {
    offset = offset >= SWEEP_MS ? -SWEEP_MS : offset + STEP_MS;
    return boundaryMs + offset;
  };
}

/** Volleys of simultaneous requests, so that after each one all backend connections are idle for the same time. */
async function runPart(backendOptions: BackendOptions, forMs: number, pauseMs: () => number): Promise<Part> {
  await using scene = await startScene(backendOptions);
  const clients = Array.from({ length: CLIENTS }, () => new KeepAliveClient(scene.sidecar.port));
  const next = mixed({ bytes: 50 });
  const samples: Sample[] = [];
  const endAt = performance.now() + forMs;
  while (performance.now() < endAt || samples.length < FEWEST_VOLLEYS * CLIENTS) {
    samples.push(...(await Promise.all(clients.map((client) => client.perform(next())))));
    await preciseSleep(pauseMs());
  }
  for (const client of clients) client.close();
  return { samples, arrivals: scene.backend.arrivals() };
}

/** setTimeout counts whole milliseconds. */
async function preciseSleep(ms: number): Promise<void> {
  const until = performance.now() + ms;
  await sleep(Math.max(0, Math.floor(ms) - 1));
  while (performance.now() < until) await new Promise((wake) => setImmediate(wake));
}

function figuresOf(where: string, { samples }: Part): Figure[] {
  const refused = samples.filter(isRefused);
  const refusedOf = (wanted: string) => refused.filter(({ method }) => method === wanted).length;
  return [
    none(`GETs refused when the backend closed ${where}`, refusedOf('GET')),
    // Nginx, too, answers 502 rather than send a POST twice.
    told(`POSTs refused when the backend closed ${where}`, refusedOf('POST')),
    none(`refusals other than 502 when the backend closed ${where}`, refused, ({ status }) => status !== 502),
  ];
}
