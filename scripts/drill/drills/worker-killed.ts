/** A worker dies without a word (docs/forwarding.md, 27). */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Drill, none, report, some, told } from '../drill.ts';
import { startLoad } from '../load.ts';
import { mixedConnections } from '../requests.ts';
import { isFailed, isRefused, isWithin, longestRecoveryMs, type Outage, REASON } from '../sample.ts';
import { pidsOf, startScene } from '../scene.ts';

const WORKERS = 2;
const MOST_KILLS = 4;
const BEFORE_MS = 600;

export const workerKilled: Drill = {
  name: 'worker-killed',
  summary: 'A worker is killed (SIGKILL) under load: only requests in flight may fail, and it is replaced.',
  async run({ seconds, backend: kind }) {
    await using scene = await startScene({ kind }, { WEB_CONCURRENCY: String(WORKERS) });
    const { sidecar, backend } = scene;
    await sidecar.untilLogged('all workers listen');
    const load = startLoad({
      port: sidecar.port,
      clients: 16,
      everyMs: 50,
      next: mixedConnections({ delayMs: 20 }),
    });
    const kills: Outage[] = [];
    const killed = new Set<number>();
    const kill = async () => {
      const victim = pidsOf(sidecar, 'listening').find((pid) => !killed.has(pid)) ?? 0;
      killed.add(victim);
      const downAt = performance.now();
      process.kill(victim, 'SIGKILL');
      // Its connections go with it: by then every client can have noticed.
      await sidecar.untilLogged('worker died', killed.size);
      kills.push({ downAt, upAt: performance.now() });
    };
    for (let i = 0; i < Math.min(MOST_KILLS, Math.max(1, seconds / 2)); i += 1) {
      await sleep(BEFORE_MS);
      await kill();
      await sidecar.untilLogged('listening', WORKERS + kills.length);
    }
    await sleep(BEFORE_MS);
    const samples = await load.stop();
    // What began before its client could notice that its connection is gone is lost as well.
    const mayFail = samples.filter((sample) => isWithin(sample, kills)).length;
    const failed = samples.filter(isFailed);
    return report({
      samples,
      doubledPosts: backend.arrivals().doubledPosts,
      recoveryMs: longestRecoveryMs(samples, kills),
      mayFail,
      figures: [
        told('requests under way until every client had noticed', mayFail),
        none('requests failed at another time', failed, (sample) => !isWithin(sample, kills)),
        none('requests that got no answer at all', failed, ({ reason }) => reason === REASON.hung),
        none('requests refused', samples, isRefused),
        some('workers replaced', pidsOf(sidecar, 'listening').length - WORKERS, kills.length),
      ],
    });
  },
};
