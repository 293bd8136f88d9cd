/** How PostgreSQL reads a page of uploads, and issues one: the feature's own statements, explained while they run. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  createBackendTables,
  query,
  startTestDatabase,
  type TestDatabaseServer,
} from '../../../scripts/lab/database.ts';
import { parseDatabaseUrl } from '../../../src/config/database-url.ts';
import { ISSUE_TO_NAMED } from '../../../src/features/uploads/issue-rows.ts';
import { type ListQuery, listStatement } from '../../../src/features/uploads/list.ts';
import { uploadTables } from '../../../src/features/uploads/tables/upload-tables.ts';
import { createDatabase, type Database } from '../../../src/infra/postgres/database.ts';
import { migrateDatabase } from '../../../src/infra/postgres/migrate.ts';

const PAGE = 51;
const UPLOADS = 20_000;
let server: TestDatabaseServer;
let database: Database;

/** User 1 has the first half, ready pictures but for the oldest ten; 1,000 others share the rest. */
before(async () => {
  server = await startTestDatabase();
  const url = await server.createDatabase();
  const target = parseDatabaseUrl(url);
  await createBackendTables(url);
  await migrateDatabase(target, [uploadTables]);
  await query(
    url,
    `INSERT INTO users (email, name) SELECT n || '@example.com', 'User ' || n FROM generate_series(6, 5000) AS n;
     INSERT INTO sidecar_upload_usage (user_id, last_number) SELECT n, ${UPLOADS / 2} FROM generate_series(1, 5000) AS n;
     INSERT INTO sidecar_uploads (id, user_id, number, kind, filename, content_type, size_bytes, key, status,
                                  created_at, expires_at, settles_at)
     SELECT gen_random_uuid(), CASE WHEN n <= ${UPLOADS / 2} THEN 1 ELSE n % 1000 + 2 END, n,
            CASE WHEN n <= 10 THEN 'review_video' ELSE 'product_image' END, 'a', 'image/png', 10, 'k',
            CASE WHEN n <= 10 THEN 'rejected' ELSE 'ready' END, at, at, at
       FROM generate_series(1, ${UPLOADS}) n, LATERAL (SELECT now() - (${UPLOADS} - n) * interval '1 second' AS at) AS times`,
  );
  await query(url, 'VACUUM ANALYZE');
  database = createDatabase(target, { poolMax: 1 });
});
after(async () => {
  await database?.close();
  await server.stop();
});

interface PlanNode {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Actual Rows': number;
  readonly 'Actual Loops': number;
  readonly 'Rows Removed by Filter'?: number;
  readonly 'Rows Removed by Index Recheck'?: number;
  readonly Plans?: readonly PlanNode[];
}

/** Rows of the table that a page is made of, and those that were read for it. */
async function readsOf(asked: Omit<ListQuery, 'limit'>) {
  const { sql, values } = listStatement({ ...asked, limit: PAGE });
  const { rows } = await database.run((knex) =>
    knex.raw(`EXPLAIN (ANALYZE, FORMAT JSON) ${sql}`, values as string[]),
  );
  const [{ Plan: top }] = rows[0]['QUERY PLAN'];
  return { shown: top['Actual Rows'] as number, read: rowsRead(top) };
}

const flat = (node: PlanNode): PlanNode[] => [node, ...(node.Plans ?? []).flatMap(flat)];

/** Of tables, those included that a filter removed. */
function rowsRead(top: PlanNode): number {
  const read = flat(top)
    .filter((node) => node['Relation Name'] !== undefined)
    .map((node) => {
      const passed = (node['Rows Removed by Filter'] ?? 0) + (node['Rows Removed by Index Recheck'] ?? 0);
      return (node['Actual Rows'] + passed) * node['Actual Loops'];
    });
  return read.reduce((sum, count) => sum + count, 0);
}

const RARE = [
  { status: 'rejected' },
  { kind: 'review_video' },
  { status: 'rejected', kind: 'review_video' },
] as const;
const NONE = [
  { status: 'expired' },
  { kind: 'story_image' },
  { status: 'ready', kind: 'review_video' },
] as const;
const COMMON = [
  {},
  { status: 'ready' },
  { kind: 'product_image' },
  { status: 'ready', kind: 'product_image' },
] as const;

test('a page reads no more uploads than it shows, however rare what is asked for', async () => {
  for (const owner of [1, 'any', 7]) {
    // Half of all by number, or half of all by time.
    const half =
      owner === 'any'
        ? `${(Date.now() - (UPLOADS / 2) * 1000) * 1000}_${'f'.repeat(8)}-ffff-4fff-8fff-${'f'.repeat(12)}`
        : `${UPLOADS / 4}`;
    for (const cursor of [undefined, half])
      for (const [filters, shown] of [
        ...RARE.map((filters) => [filters, 10] as const),
        ...NONE.map((filters) => [filters, 0] as const),
        ...COMMON.map((filters) => [filters, PAGE] as const),
      ]) {
        const found = await readsOf({ owner, cursor, ...filters });
        const what = JSON.stringify([owner, cursor, filters, found]);
        if (owner !== 7) assert.equal(found.shown, shown, what);
        assert.ok(found.read <= PAGE, what);
      }
  }
});

test('an upload is issued by looking at one row of its user, of the usage, and of the uploads, however it is planned', async () => {
  const file = `[{"id":"00000000-0000-4000-8000-00000000000%","kind":"product_image","filename":"a","content_type":"image/png","size_bytes":10,"key":"k"}]`;
  const explained = (mode: string, n: number) =>
    database.run(async (knex) => {
      await knex.raw(`SET plan_cache_mode = ${mode}`);
      await knex.raw(`PREPARE issue AS ${ISSUE_TO_NAMED.text}`);
      const { rows } = await knex.raw(
        `EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE issue (1, '${file.replace('%', String(n))}', 900, 30, 1000000000, 1, 10)`,
      );
      await knex.raw('DEALLOCATE issue');
      return rows[0]['QUERY PLAN'][0].Plan as PlanNode;
    });
  for (const [n, mode] of ['force_custom_plan', 'force_generic_plan'].entries()) {
    const plan = await explained(mode, n);
    const nodes = JSON.stringify(plan);
    assert.doesNotMatch(nodes, /"Seq Scan"/, mode);
    assert.match(nodes, /"Operation":"Insert"/, mode);
    // The user, the usage, the upload that the rate is judged by; and the two rows that are written.
    assert.equal(rowsRead(plan), 5, `${mode} ${nodes}`);
  }
});
