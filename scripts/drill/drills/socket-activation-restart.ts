/** `systemctl restart` with socket activation (docs/forwarding.md, 26). */
import { setTimeout as sleep } from 'node:timers/promises';
import { startBackend } from '../backend-process.ts';
import { type Drill, type DrillReport, type DrillSettings, none, report, some, told } from '../drill.ts';
import { startLoad } from '../load.ts';
import { mixedConnections } from '../requests.ts';
import { isRefused, longestMs, longestRecoveryMs, type Outage } from '../sample.ts';
import { pidsOf, startSupervised } from '../scene.ts';
import { keepWebSockets, REOPEN_AFTER_MS, startHandshakes, webSocketFigures } from '../web-sockets.ts';

/** One in the short form of the tests. */
const restartsAtLeast = (seconds: number) => (seconds < 3 ? 1 : 2);
const BEFORE_MS = 300;
const WEB_SOCKETS = 12;

export const socketActivationRestart: Drill = {
  name: 'socket-activation-restart',
  summary:
    'The sidecar is stopped and started on a socket that a supervisor holds; requests and handshakes wait meanwhile.',
  run: (settings) => restartUnderLoad(settings, 1),
};

export const socketActivationWorkers: Drill = {
  name: 'socket-activation-workers',
  summary: 'The same with two workers.',
  run: (settings) => restartUnderLoad(settings, 2),
};

async function restartUnderLoad(
  { seconds, backend: kind }: DrillSettings,
  workers: number,
): Promise<DrillReport> {
  await using backend = await startBackend({ kind });
  await using sidecar = await startSupervised({ BACKEND_URL: backend.url, WEB_CONCURRENCY: String(workers) });
  await sidecar.untilLogged('listening', workers);
  const load = startLoad({
    port: sidecar.port,
    clients: 16,
    everyMs: 50,
    next: mixedConnections({ delayMs: 10 }),
  });
  const webSockets = await keepWebSockets({
    port: sidecar.port,
    count: WEB_SOCKETS,
    reopenAfterMs: REOPEN_AFTER_MS,
  });
  const handshakes = startHandshakes(sidecar.port, 4);
  const outages: Outage[] = [];
  const endAt = performance.now() + seconds * 1000;
  while (outages.length < restartsAtLeast(seconds) || performance.now() < endAt) {
    await webSockets.untilOpen();
    await sleep(BEFORE_MS);
    const downAt = performance.now();
    process.kill(pidsOf(sidecar, 'started').at(-1) ?? 0, 'SIGTERM');
    await sidecar.untilLogged('listening', (outages.length + 2) * workers);
    outages.push({ downAt, upAt: performance.now() });
  }
  await webSockets.untilOpen();
  await sleep(BEFORE_MS);
  const samples = await load.stop();
  await webSockets.stop();
  const restartedAt = outages.map(({ downAt }) => downAt);
  return report({
    samples,
    doubledPosts: backend.arrivals().doubledPosts,
    recoveryMs: longestRecoveryMs(samples, outages),
    figures: [
      some('restarts', outages, restartsAtLeast(seconds)),
      none('exits with another status than 0', outages.length - sidecar.log('ended with status 0').length),
      none('requests refused', samples, isRefused),
      told('longest wait of a request, ms', longestMs(samples)),
      none('requests lost on idle connections', samples, ({ raced }) => raced),
      ...webSocketFigures(webSockets, await handshakes.stop(), restartedAt),
    ],
  });
}
