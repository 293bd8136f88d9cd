/** The backend is killed and started again, several times (docs/forwarding.md, 16 and 17). */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Drill, none, report, some } from '../drill.ts';
import { startLoad } from '../load.ts';
import { mixed } from '../requests.ts';
import { isRefused, isWithin, longestRecoveryMs, type Outage } from '../sample.ts';
import { startScene } from '../scene.ts';

const DOWN_MS = 300;
const UP_MS = 600;

export const backendRestart: Drill = {
  name: 'backend-restart',
  summary: 'The backend is killed (SIGKILL) and restarted under load, about once a second.',
  async run({ seconds, backend: kind }) {
    await using scene = await startScene({ kind });
    const { backend, sidecar } = scene;
    const load = startLoad({ port: sidecar.port, clients: 16, everyMs: 60, next: mixed({ delayMs: 5 }) });
    const outages: Outage[] = [];
    for (let round = 0; round < Math.max(2, seconds); round += 1) {
      await sleep(UP_MS);
      const downAt = performance.now();
      await backend.kill();
      await sleep(DOWN_MS);
      await backend.restart();
      outages.push({ downAt, upAt: performance.now() });
    }
    await sleep(UP_MS);
    const samples = await load.stop();
    const refused = samples.filter(isRefused);
    return report({
      samples,
      doubledPosts: backend.arrivals().doubledPosts,
      recoveryMs: longestRecoveryMs(samples, outages),
      figures: [
        some('requests refused while the backend was down', refused),
        none('refusals other than 502', refused, ({ status }) => status !== 502),
        none('requests refused while the backend was up', refused, (sample) => !isWithin(sample, outages)),
      ],
    });
  },
};
