/** Workers are replaced one by one under load (forwarding.md, line 26). */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Drill, none, report, some, told } from '../drill.ts';
import { startLoad } from '../load.ts';
import { mixedConnections } from '../requests.ts';
import { pidsOf, startScene } from '../scene.ts';
import { keepWebSockets } from '../web-sockets.ts';

const WORKERS = 2;
/** One in the short form of the tests. */
const restartsAtLeast = (seconds: number) => (seconds < 3 ? 1 : 2);
const BEFORE_MS = 300;

export const sighupUnderLoad: Drill = {
  name: 'sighup-under-load',
  summary:
    'SIGHUP under load with WebSockets open replaces both workers, twice or more, and fails no request.',
  async run({ seconds, backend: kind }) {
    await using scene = await startScene({ kind }, { WEB_CONCURRENCY: String(WORKERS) });
    const { sidecar, backend } = scene;
    const { port } = sidecar;
    await sidecar.untilLogged('all workers listen');
    const webSockets = await keepWebSockets({ port, count: 6, reopen: true });
    const load = startLoad({ port, clients: 16, everyMs: 50, next: mixedConnections({ delayMs: 10 }) });
    const endAt = performance.now() + seconds * 1000;
    let restarts = 0;
    while (restarts < restartsAtLeast(seconds) || performance.now() < endAt) {
      await sleep(BEFORE_MS);
      sidecar.child.kill('SIGHUP');
      restarts += 1;
      await sidecar.untilLogged('workers restarted', restarts);
    }
    await sleep(BEFORE_MS);
    const samples = await load.stop();
    const webSocketsOpen = webSockets.open();
    await webSockets.stop();
    return report({
      samples,
      doubledPosts: backend.arrivals().doubledPosts,
      figures: [
        some('workers replaced', pidsOf(sidecar, 'listening').length - WORKERS, restarts * WORKERS),
        none('requests refused', samples.filter(({ outcome }) => outcome === 'refused').length),
        none('requests lost on idle connections', samples.filter(({ raced }) => raced).length),
        told('WebSockets closed by a leaving worker', webSockets.closed()),
        none('WebSockets that could not be opened again', webSockets.refused()),
        some('WebSockets open at the end', webSocketsOpen, 6),
      ],
    });
  },
};
