/** Some requests are never answered by the backend (docs/forwarding.md, 16 and 19). */
import { type Drill, none, report, some } from '../drill.ts';
import { loadFor } from '../load.ts';
import { backendRequest, mixed } from '../requests.ts';
import { startScene } from '../scene.ts';

/** More than the backend takes for the others on a busy machine. */
const HEADERS_TIMEOUT_MS = 2_000;
const STALLED_SHARE = 10;

export const stalledBackend: Drill = {
  name: 'stalled-backend',
  summary: 'The backend never answers every tenth request; those are 504, the others notice nothing.',
  async run({ seconds, backend: kind }) {
    await using scene = await startScene(
      { kind },
      { BACKEND_HEADERS_TIMEOUT_MS: String(HEADERS_TIMEOUT_MS) },
    );
    const ordinary = mixed();
    let turn = 0;
    const next = () => {
      turn += 1;
      if (turn % STALLED_SHARE !== 0) return ordinary();
      return backendRequest(turn % (2 * STALLED_SHARE) === 0 ? 'POST' : 'GET', { act: 'stall' });
    };
    const samples = await loadFor(seconds * 1000, {
      port: scene.sidecar.port,
      clients: 30,
      everyMs: 60,
      next,
    });
    const stalled = samples.filter(({ label }) => label === 'stall');
    const refusedOrdinary = samples.filter(
      ({ label, outcome }) => label !== 'stall' && outcome === 'refused',
    );
    return report({
      samples,
      doubledPosts: scene.backend.arrivals().doubledPosts,
      figures: [
        some('requests that the backend never answered', stalled),
        none('of these, ended with anything but 504', stalled, ({ status }) => status !== 504),
        none('other requests refused', refusedOrdinary),
      ],
    });
  },
};
