/**
 * Whether a forwarded request pays for the features beside it: small GETs through the sidecar with all its routes and all that
 * works in the background, and through one with four routes and nothing else, in turns.
 */
import { untilMigrated } from '../../lab/until-migrated.ts';
import { ourRoutes } from '../../openapi/routes.ts';
import { startBenchDatabase } from '../bench-database.ts';
import type { Contender } from '../contenders/contender.ts';
import { sidecar, startSidecarWith, UNASKED_STORAGE } from '../contenders/sidecar.ts';
import { prepareLoop, WALL_METRICS } from './closed-loop-load.ts';
import { withDatabase } from './uploads.ts';
import { type Bench, inTurns, type Row, type Sample, type Workload } from './workload.ts';

const FEW = 4;
const CONNECTIONS = 64;
const USERS = 100;
/** New processes each round: two of the same differ by a twentieth for as long as they live. */
const PAIRS_PER_ROUND = 4;
const PRELOAD = import.meta.resolve(`../few-routes/preload.ts?routes=${FEW}`);

export const routes: Workload = async (bench) => {
  const all: Sample[] = [];
  const few: Sample[] = [];
  const pairs = bench.quick ? 1 : PAIRS_PER_ROUND;
  for (let round = 0; round < bench.rounds; round += 1) {
    const [first, second] = await measure({ ...bench, rounds: pairs });
    all.push(...(first?.samples ?? []));
    few.push(...(second?.samples ?? []));
  }
  return [
    {
      name: 'routes',
      title: `Small GET with ${ourRoutes().length} local routes and with ${FEW}`,
      note: `The first has a database, a storage and a webhook, and their work in the background; the second none of them. ${pairs} pairs in turns of each of ${bench.rounds} processes.`,
      metrics: [
        { key: 'cpuUs', title: 'CPU µs a request', digits: 1 },
        { key: 'ratio', title: `÷ ${FEW} routes, median of the pairs`, digits: 3 },
        { key: 'routes', title: 'local routes', digits: 0 },
        ...WALL_METRICS,
      ],
      rows: [
        {
          ...{ contender: sidecar.name, kind: 'ours' },
          samples: all.map((sample, i) => pair(sample, few[i], ourRoutes().length)),
        },
        {
          ...{ contender: withFew.name, kind: withFew.kind },
          samples: few.map((sample) => ({ ...sample, routes: FEW })),
        },
      ],
    },
  ];
};

const measure = (bench: Bench): Promise<Row[]> =>
  inTurns(bench, 'routes', [withAll(bench), withFew], (proxy) =>
    prepareLoop(bench, proxy, { kind: 'open', port: proxy.port, method: 'GET', connections: CONNECTIONS }),
  );

const pair = (sample: Sample, other: Sample | undefined, count: number): Sample => ({
  ...{ ...sample, routes: count },
  ratio: (sample.cpuUs ?? Number.NaN) / (other?.cpuUs ?? Number.NaN),
});

const withAll = (bench: Bench): Contender => ({
  ...sidecar,
  async start(place) {
    const database = await startBenchDatabase(bench.cores.load, USERS);
    const proxy = await startSidecarWith(place, {
      ...UNASKED_STORAGE,
      ...{ DATABASE_URL: database.url, MIGRATE_ON_START: 'true' },
      ...{ EVENTS_WEBHOOK_URL: 'http://127.0.0.1:9/', EVENTS_WEBHOOK_SECRET: 'whsec_YmVuY2g=' },
    });
    await untilMigrated(database.url);
    return withDatabase(proxy, database);
  },
});

const withFew: Contender = {
  ...sidecar,
  name: `${FEW} routes`,
  kind: 'native',
  start: (place) => startSidecarWith(place, {}, ['--import', PRELOAD]),
};
