/**
 * Forwarded GETs while the background pass has 10,000 uploads to look at, against the same sidecar without any: a fixed, modest
 * rate, in turns. Every look finds its file, the dearest that there is: a GET to the storage and a change with its event's transaction.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { query } from '../../lab/database.ts';
import { cpuMicroseconds } from '../../lab/proc.ts';
import { startTestObjectStore, storageEnv } from '../../lab/throwaway-object-store.ts';
import { tokenFor } from '../../lab/tokens.ts';
import { untilMigrated } from '../../lab/until-migrated.ts';
import { startBenchDatabase } from '../bench-database.ts';
import type { RunningProxy } from '../contenders/contender.ts';
import { startSidecarWith } from '../contenders/sidecar.ts';
import { runLoop } from './closed-loop-load.ts';
import { type Bench, inWindows, placeIn, type Sample, type Workload } from './workload.ts';

const DUE = 10_000;
const CONNECTIONS = 200;
const PER_SECOND = 150;
const EXCHANGES = 1_000;
const QUICK_EXCHANGES = 200;
/** A window has but ten above its p99. */
const WINDOWS_PER_ROUND = 2;
/** For looks under way, ms. */
const SETTLE_MS = 1_000;

export const dueUploads: Workload = async (bench) => {
  const samples = await measure(bench);
  return [
    {
      name: 'due',
      title: `GETs forwarded while ${DUE.toLocaleString('en')} uploads are due`,
      note:
        `${PER_SECOND} small GETs a second. CPU is that of the process that forwards. Storage and PostgreSQL are on the same two ` +
        'cores; what their work costs the GETs is seen where another sidecar, on the same core, has the looks.',
      metrics: [
        { key: 'p99Ms', title: 'p99 ms', digits: 2 },
        { key: 'p50Ms', title: 'p50 ms', digits: 2 },
        { key: 'percent', title: 'CPU, % of a core', digits: 0 },
        { key: 'looks', title: 'looks a second', digits: 0 },
      ],
      rows: [
        { contender: 'sidecar', kind: 'ours', samples: samples.due },
        { contender: 'nothing due', kind: 'native', samples: samples.nothing },
        { contender: 'another process looks', kind: 'native', samples: samples.elsewhere },
      ],
    },
  ];
};

async function measure(bench: Bench) {
  await using parts = new AsyncDisposableStack();
  const store = await startTestObjectStore();
  parts.defer(store.stop);
  const database = parts.use(await startBenchDatabase(bench.cores.load, DUE));
  const { url } = database;
  const proxy = await startSidecarWith(placeIn(bench), {
    ...storageEnv(store.config),
    ...{ DATABASE_URL: url, MIGRATE_ON_START: 'true' },
  });
  parts.defer(async () => void (await proxy.stop()));
  await untilMigrated(url);
  await addUploads(url, await upload(proxy));
  // It has no storage, and so no pass.
  const other = await startSidecarWith(placeIn(bench), {});
  parts.defer(async () => void (await other.stop()));
  for (const one of [proxy, other]) await runLoop(bench, one, open(one), bench.quick ? 500 : 8_000);
  const behind = async (sql: string, forwarding: RunningProxy) => {
    await query(url, sql);
    const sample = await oneWindow(bench, forwarding, url);
    await query(url, LEAVE_ALONE);
    await sleep(SETTLE_MS);
    await query(url, 'VACUUM sidecar_uploads');
    return sample;
  };
  return await inWindows(bench, 'due', bench.rounds * WINDOWS_PER_ROUND, {
    due: () => behind(MAKE_DUE, proxy),
    nothing: () => behind(LEAVE_ALONE, proxy),
    elsewhere: () => behind(MAKE_DUE, other),
  });
}

const open = ({ port }: RunningProxy) =>
  ({ kind: 'open', port, method: 'GET', connections: CONNECTIONS }) as const;

async function oneWindow({ load, quick }: Bench, proxy: RunningProxy, url: string): Promise<Sample> {
  const exchanges = quick ? QUICK_EXCHANGES : EXCHANGES;
  await load.do(open(proxy));
  await load.do({ kind: 'run', exchanges: 4 * CONNECTIONS });
  const readyBefore = await countReady(url);
  const cpuBefore = cpuMicroseconds(proxy.pids);
  const { wallUs, p50Us, p99Us } = await load.do({ kind: 'run-paced', exchanges, perSecond: PER_SECOND });
  const cpuUs = cpuMicroseconds(proxy.pids) - cpuBefore;
  const ready = (await countReady(url)) - readyBefore;
  await load.do({ kind: 'close' });
  if (ready + readyBefore >= DUE) throw new Error('All looks were over before the window was.');
  return {
    ...{ p99Ms: p99Us / 1000, p50Ms: p50Us / 1000 },
    ...{ percent: (cpuUs / wallUs) * 100, looks: ready / (wallUs / 1e6) },
  };
}

async function countReady(url: string): Promise<number> {
  const sql = `SELECT count(*)::integer AS n FROM sidecar_uploads WHERE number > 1 AND status = 'ready'`;
  return (await query<{ n: number }>(url, sql))[0]?.n ?? 0;
}

/** The smallest picture there is: one pixel. */
const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);

interface Issued {
  readonly upload_url: string;
  readonly headers: Record<string, string>;
  readonly key: string;
}

/** @returns its key */
async function upload({ port }: RunningProxy): Promise<string> {
  const announced = {
    kind: 'product_image',
    filename: 'a.png',
    content_type: 'image/png',
    size_bytes: PNG.length,
  };
  const answer = await fetch(`http://127.0.0.1:${port}/api/uploads`, {
    method: 'POST',
    headers: { authorization: `Bearer ${tokenFor(1)}`, 'content-type': 'application/json' },
    body: JSON.stringify(announced),
  });
  const { upload_url, headers, key } = (await answer.json()) as Issued;
  const { status } = await fetch(upload_url, { method: 'PUT', headers, body: PNG });
  if (status !== 200) throw new Error(`The file could not be stored: ${status}.`);
  return key;
}

/** All of one file: what a look costs is the same. */
const addUploads = (url: string, key: string) =>
  query(
    url,
    `INSERT INTO sidecar_uploads (id, user_id, number, kind, filename, content_type, size_bytes, key, created_at, expires_at,
                                  settles_at)
     SELECT gen_random_uuid(), n, 2, 'product_image', 'a.png', 'image/png', $1, $2, now(), now() + interval '1 day',
            now() + interval '2 days'
       FROM generate_series(1, ${DUE}) AS n`,
    [PNG.length, key],
  );

/** Without the trigger, which has its own business. */
const MAKE_DUE = `
  SET session_replication_role = replica;
  UPDATE sidecar_uploads SET status = 'issued', etag = NULL, finished_at = NULL, lease = NULL, lease_until = NULL, due_at = now()
   WHERE number > 1`;
const LEAVE_ALONE = 'UPDATE sidecar_uploads SET due_at = NULL WHERE due_at IS NOT NULL';
