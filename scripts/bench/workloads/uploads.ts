/**
 * POST /api/uploads: what an upload's URL costs in CPU time, PostgreSQL's included, beside FastAPI with botocore. The sidecar
 * keeps a row for each and holds the user's rate limit and quota against it; FastAPI does neither.
 */
import { query } from '../../lab/database.ts';
import { type RunningStore, startTestObjectStore, storageEnv } from '../../lab/throwaway-object-store.ts';
import { untilMigrated } from '../../lab/until-migrated.ts';
import { BENCH_DATABASE, type BenchDatabase, startBenchDatabase } from '../bench-database.ts';
import type { Contender, Place, RunningProxy } from '../contenders/contender.ts';
import { fastApiVersion, startFastApiPeer } from '../contenders/fastapi-peer.ts';
import { sidecar, startSidecarWith } from '../contenders/sidecar.ts';
import { prepareLoop, WALL_METRICS } from './closed-loop-load.ts';
import { type Bench, inTurns, type Row, type Workload } from './workload.ts';

const CONNECTIONS = 16;
/** More than the sidecar remembers for 5 s: nearly every request looks its user up. */
const USERS = 20_000;
/** In the tables from the start. */
const EARLIER_UPLOADS = 200_000;

export const uploads: Workload = async (bench) => [
  {
    name: 'uploads',
    title: `POST /api/uploads, ${CONNECTIONS} connections, ${USERS.toLocaleString('en')} users`,
    note:
      `Each works with ${BENCH_DATABASE}. Sidecar: a row beside ${EARLIER_UPLOADS.toLocaleString('en')} others, rate limit ` +
      `and quota in force. FastAPI (${fastApiVersion() ?? 'not installed here'}): token, user, botocore's signature, no row.`,
    metrics: [
      { key: 'totalUs', title: 'CPU µs with PostgreSQL', digits: 0 },
      { key: 'cpuUs', title: 'its own', digits: 0 },
      { key: 'databaseUs', title: "PostgreSQL's", digits: 0 },
      ...WALL_METRICS,
    ],
    rows: await measure(bench),
  },
];

async function measure(bench: Bench): Promise<Row[]> {
  const store = await startTestObjectStore();
  try {
    const contenders = [
      uploadSidecar(bench, store),
      ...(fastApiVersion() === null ? [] : [peer(bench, store)]),
    ];
    return await inTurns(bench, 'uploads', contenders, async (proxy) => {
      const open = {
        ...({ kind: 'open-api', ask: 'uploads', port: proxy.port } as const),
        ...{ connections: CONNECTIONS, users: USERS },
      };
      const measureOnce = await prepareLoop(bench, proxy, open);
      await proxy.rest?.();
      return async () => {
        const sample = await measureOnce();
        await proxy.rest?.();
        return sample;
      };
    });
  } finally {
    await store.stop();
  }
}

/** Nobody sends the files: without this the background pass would look for them a minute later, in somebody else's turn. */
const LEAVE_ALONE = 'UPDATE sidecar_uploads SET due_at = NULL WHERE due_at IS NOT NULL';

const uploadSidecar = (bench: Bench, store: RunningStore): Contender => ({
  ...sidecar,
  async start(place) {
    const database = await startBenchDatabase(bench.cores.load, USERS);
    const proxy = await startSidecarWith(place, {
      ...storageEnv(store.config),
      ...{ DATABASE_URL: database.url, MIGRATE_ON_START: 'true' },
      ...{ UPLOAD_RATE_PER_MINUTE: '1000', UPLOAD_QUOTA_MB_PER_USER: '100000' },
    });
    await untilMigrated(database.url);
    await addEarlierUploads(database.url);
    return withDatabase(proxy, database, () => query(database.url, LEAVE_ALONE));
  },
});

const peer = (bench: Bench, store: RunningStore): Contender => ({
  ...{ name: 'FastAPI', version: fastApiVersion() ?? '', kind: 'native', forwardsWebSockets: false },
  setup: 'uvicorn, one process, its access log to a file',
  async start(place: Place) {
    const database = await startBenchDatabase(bench.cores.load, USERS);
    const env = { DATABASE_URL: database.url, ...storageEnv(store.config) };
    return withDatabase(await startFastApiPeer(place, env), database);
  },
});

async function addEarlierUploads(url: string): Promise<void> {
  const times = [`now() - interval '1 day'`, `now() - interval '23 hours'`, `now() - interval '22 hours'`];
  await query(
    url,
    `INSERT INTO sidecar_uploads (id, user_id, number, kind, filename, content_type, size_bytes, key, status, etag,
                                  created_at, expires_at, settles_at, finished_at)
     SELECT id, user_id, number, 'reel_video', 'a.mp4', 'video/mp4', 1048576,
            'uploads/' || user_id || '/reel_video/' || id || '.mp4', 'ready', 'e', ${times.join(', ')}, now()
       FROM (SELECT gen_random_uuid() AS id, 1 + n % ${USERS} AS user_id, 1 + n / ${USERS} AS number
               FROM generate_series(0, ${EARLIER_UPLOADS - 1}) AS n) AS earlier`,
  );
  await query(
    url,
    `INSERT INTO sidecar_upload_usage (user_id, last_number, bytes)
     SELECT user_id, max(number), sum(size_bytes) FROM sidecar_uploads GROUP BY user_id`,
  );
  for (const table of ['sidecar_uploads', 'sidecar_upload_usage'])
    await query(url, `VACUUM ANALYZE ${table}`);
}

export const withDatabase = (
  proxy: RunningProxy,
  database: BenchDatabase,
  rest?: () => Promise<unknown>,
): RunningProxy => ({
  port: proxy.port,
  get pids() {
    return proxy.pids;
  },
  databaseCpuUs: database.cpuUs,
  ...(rest === undefined ? {} : { rest }),
  async stop() {
    await proxy.stop();
    await database[Symbol.asyncDispose]();
  },
});
