/** Workers are replaced under load (docs/forwarding.md, 26). */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Drill, none, report, some } from '../drill.ts';
import { startLoad } from '../load.ts';
import { mixedConnections } from '../requests.ts';
import { isRefused } from '../sample.ts';
import { pidsOf, startScene } from '../scene.ts';
import { keepWebSockets, REOPEN_AFTER_MS, startHandshakes, webSocketFigures } from '../web-sockets.ts';

const WORKERS = 2;
/** One in the short form of the tests. */
const restartsAtLeast = (seconds: number) => (seconds < 3 ? 1 : 2);
const BEFORE_MS = 300;
const WEB_SOCKETS = 12;

export const sighupUnderLoad: Drill = {
  name: 'sighup-under-load',
  summary:
    'SIGHUP under load replaces both workers, twice or more: no request or handshake fails, no WebSocket is cut twice.',
  async run({ seconds, backend: kind }) {
    await using scene = await startScene({ kind }, { WEB_CONCURRENCY: String(WORKERS) });
    const { sidecar, backend } = scene;
    const { port } = sidecar;
    await sidecar.untilLogged('all workers listen');
    const webSockets = await keepWebSockets({ port, count: WEB_SOCKETS, reopenAfterMs: REOPEN_AFTER_MS });
    const handshakes = startHandshakes(port, 4);
    const load = startLoad({ port, clients: 16, everyMs: 50, next: mixedConnections({ delayMs: 10 }) });
    const endAt = performance.now() + seconds * 1000;
    const restartedAt: number[] = [];
    while (restartedAt.length < restartsAtLeast(seconds) || performance.now() < endAt) {
      await webSockets.untilOpen();
      await sleep(BEFORE_MS);
      sidecar.child.kill('SIGHUP');
      restartedAt.push(performance.now());
      await sidecar.untilLogged('workers restarted', restartedAt.length);
    }
    const restarts = restartedAt.length;
    const samples = await load.stop();
    await webSockets.untilOpen();
    await webSockets.stop();
    return report({
      samples,
      doubledPosts: backend.arrivals().doubledPosts,
      figures: [
        some('workers replaced', pidsOf(sidecar, 'listening').length - WORKERS, restarts * WORKERS),
        none('requests refused', samples, isRefused),
        none('requests lost on idle connections', samples, ({ raced }) => raced),
        ...webSocketFigures(webSockets, await handshakes.stop(), restartedAt),
      ],
    });
  },
};
