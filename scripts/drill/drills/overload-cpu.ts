/** Four times the load that its core can carry, of requests that cost 2.4 ms each (docs/forwarding.md, 19). */
import { startTestDatabase } from '../../lab/database.ts';
import { LATE_AS_IN_PRODUCTION } from '../../lab/sidecar.ts';
import { untilMigrated } from '../../lab/until-migrated.ts';
import { overloadCore } from '../core-overload.ts';
import { coreOverloadReport, percent } from '../core-overload-report.ts';
import { type Drill, measured, some } from '../drill.ts';
import { isRefused } from '../sample.ts';
import { startScene } from '../scene.ts';
import { makeUploadScene } from '../uploads.ts';

/** Enough to keep the core busy, few enough that nobody waits long. */
const PEAK_CLIENTS = 16;
/** With less it was no drill of four times the load. */
const LEAST_OVERLOAD_PERCENT = 380;

export const overloadCpu: Drill = {
  name: 'overload-cpu',
  summary: 'Four times the requests that its core can carry: goodput holds, the rest is 503, it stays alive.',
  async run({ seconds, backend: kind }) {
    await using postgres = await startTestDatabase();
    const { env, token } = await makeUploadScene(postgres.url);
    await using scene = await startScene({ kind }, { ...LATE_AS_IN_PRODUCTION, ...env });
    await untilMigrated(postgres.url);
    const { port, pid } = scene.sidecar;
    const ask = { kind: 'upload', token } as const;
    const result = await overloadCore({ port, pid, seconds, ask, peakClients: PEAK_CLIENTS });
    const sent = result.overs.map((over, round) => over.sent / (result.peaks[round]?.goodput ?? 0));
    const refused = result.overs.flatMap(({ samples }) => samples.filter(isRefused));
    return coreOverloadReport(result, {
      ...{ pid, doubledPosts: scene.backend.arrivals().doubledPosts },
      ...{ leastGoodput: 80, maxGrowthMib: 128 },
      figures: [
        measured(
          some(
            'load that was really sent, % of the peak',
            percent(Math.min(...sent)),
            LEAST_OVERLOAD_PERCENT,
          ),
        ),
        measured(some('requests that were refused', refused)),
      ],
    });
  },
};
