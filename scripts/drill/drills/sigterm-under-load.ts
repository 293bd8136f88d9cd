/** The process is asked to stop while requests and WebSockets are under way (docs/forwarding.md, 25). */
import { setTimeout as sleep } from 'node:timers/promises';
import { isListening } from '../../lab/ports.ts';
import { type BackendOptions, type DrillBackend, startBackend } from '../backend-process.ts';
import { type Drill, none, report, some, told } from '../drill.ts';
import { startLoad } from '../load.ts';
import { backendRequest } from '../requests.ts';
import { isRefused, REASON, type Sample } from '../sample.ts';
import { startSidecar } from '../scene.ts';
import { keepWebSockets } from '../web-sockets.ts';

/** More than what is under way takes on a busy machine. */
const GRACE_MS = 20_000;
/** For what comes after the last connection has gone, ms. */
const EXIT_MS = 500;
const BEFORE_MS = 600;
const WEB_SOCKETS = 10;
const DELAYS_MS = [5, 20, 200];

interface Round {
  readonly samples: readonly Sample[];
  /** Failures that are what a stop means: nobody listens any more. */
  readonly afterwards: ReadonlySet<Sample>;
  readonly inFlight: number;
  readonly status: number | null;
  readonly tookMs: number;
  readonly webSocketsOpen: number;
  readonly stillListens: boolean;
}

export const sigtermUnderLoad: Drill = {
  name: 'sigterm-under-load',
  summary: 'SIGTERM under load with WebSockets open: what is under way is finished, then nothing listens.',
  async run({ seconds, backend: kind }) {
    await using backend = await startBackend({ kind } satisfies BackendOptions);
    const rounds: Round[] = [];
    // In turns one process, and a primary with two workers.
    for (let i = 0; i < Math.max(2, seconds / 2); i += 1) rounds.push(await runRound(backend, 1 + (i % 2)));
    const afterwards = new Set(rounds.flatMap((round) => [...round.afterwards]));
    const samples = rounds.flatMap((round) => round.samples);
    const slowestMs = Math.round(Math.max(...rounds.map(({ tookMs }) => tookMs)));
    return report({
      samples,
      doubledPosts: backend.arrivals().doubledPosts,
      isIntended: (sample) => afterwards.has(sample),
      figures: [
        some('requests in flight at the signal', Math.min(...rounds.map(({ inFlight }) => inFlight))),
        none('requests lost on idle connections', samples, ({ raced }) => raced),
        none('requests refused', samples, isRefused),
        told('connections refused after the signal', afterwards.size),
        none('exits with another status than 0', rounds, ({ status }) => status !== 0),
        { what: 'slowest exit, ms', found: slowestMs, atMost: GRACE_MS + EXIT_MS, isMeasured: true },
        none(
          'WebSockets left open',
          rounds.reduce((sum, { webSocketsOpen }) => sum + webSocketsOpen, 0),
        ),
        none('rounds after which something listened', rounds, (round) => round.stillListens),
      ],
    });
  },
};

async function runRound(backend: DrillBackend, workers: number): Promise<Round> {
  await using sidecar = await startSidecar({
    BACKEND_URL: backend.url,
    SHUTDOWN_GRACE_MS: String(GRACE_MS),
    WEB_CONCURRENCY: String(workers),
  });
  if (workers > 1) await sidecar.untilLogged('all workers listen');
  const { port } = sidecar;
  const webSockets = await keepWebSockets({ port, count: WEB_SOCKETS, reopenAfterMs: null });
  let turn = 0;
  const next = () => {
    turn += 1;
    return backendRequest(turn % 3 === 0 ? 'POST' : 'GET', { delayMs: DELAYS_MS[turn % 4] ?? 0 });
  };
  const load = startLoad({ port, clients: 16, everyMs: 50, next });
  await sleep(BEFORE_MS);
  const stoppedAt = performance.now();
  const status = await sidecar.end();
  const tookMs = performance.now() - stoppedAt;
  const stillListens = await isListening(port);
  const samples = await load.stop();
  const webSocketsOpen = webSockets.open();
  await webSockets.stop();
  return {
    samples,
    afterwards: new Set(samples.filter((s) => s.reason === REASON.notConnected && s.endedAt >= stoppedAt)),
    inFlight: samples.filter((s) => s.startedAt < stoppedAt && s.endedAt > stoppedAt).length,
    status,
    tookMs,
    webSocketsOpen,
    stillListens,
  };
}
