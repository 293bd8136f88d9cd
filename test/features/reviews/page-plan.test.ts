/** How PostgreSQL reads a page of reviews: the store's own statement, explained while it runs. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  createBackendTables,
  query,
  startTestDatabase,
  type TestDatabaseServer,
} from '../../../scripts/lab/database.ts';
import { parseDatabaseUrl } from '../../../src/config/database-url.ts';
import { pageSql } from '../../../src/features/reviews/store.ts';
import { createDatabase, type Database } from '../../../src/infra/postgres/database.ts';
import { migrateDatabase } from '../../../src/infra/postgres/migrate.ts';
import { schema } from '../../../src/schema.ts';

const PAGE = 51;
const NEWEST = '9223372036854775807';
let server: TestDatabaseServer;
let database: Database;

/** 20,000 reviews: product `old` has the first 2,000, `busy` the half of the others, 5,000 products share the rest. */
before(async () => {
  server = await startTestDatabase();
  const url = await server.createDatabase();
  await createBackendTables(url);
  await migrateDatabase(parseDatabaseUrl(url), schema);
  await query(
    url,
    `INSERT INTO product_reviews (product_id, author_id, author_name, rating)
     SELECT CASE WHEN n <= 2000 THEN 'old' WHEN n % 2 = 0 THEN 'busy' ELSE (n % 10000)::text END, n::text, 'x', 1 + n % 5
       FROM generate_series(1, 20000) n;`,
  );
  await query(url, 'VACUUM ANALYZE product_reviews, product_review_stats, users');
  database = createDatabase(parseDatabaseUrl(url), { poolMax: 1 });
});

after(async () => {
  await database?.close();
  await server.stop();
});

interface PlanNode {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Index Name'?: string;
  readonly 'Actual Rows': number;
  readonly 'Actual Loops': number;
  readonly 'Rows Removed by Filter'?: number;
  readonly Plans?: readonly PlanNode[];
}

async function nodesOf(productId: string, below: string): Promise<PlanNode[]> {
  const { rows } = await database.run((knex) =>
    knex.raw(`EXPLAIN (ANALYZE, FORMAT JSON) ${pageSql(true)}`, [productId, below, PAGE]),
  );
  const flat = (node: PlanNode): PlanNode[] => [node, ...(node.Plans ?? []).flatMap(flat)];
  return flat(rows[0]['QUERY PLAN'][0].Plan);
}

for (const productId of ['old', 'busy', '7', 'unknown']) {
  for (const below of [NEWEST, '1500']) {
    test(`neither count, average nor page reads more rows than it shows: product ${productId} below ${below}`, async () => {
      const reads = (await nodesOf(productId, below)).filter((node) => node['Relation Name'] !== undefined);
      for (const node of reads) {
        const what = JSON.stringify(node);
        assert.notEqual(node['Index Name'], 'product_reviews_pkey', what);
        // An empty table is read as a whole, whatever its indexes.
        if (['users', 'product_reviews_unsettled'].includes(node['Relation Name'] ?? '')) continue;
        assert.notEqual(node['Node Type'], 'Seq Scan', what);
        const seen = (node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0)) * node['Actual Loops'];
        assert.ok(seen <= PAGE, what);
      }
      assert.ok(reads.some((node) => node['Relation Name'] === 'product_reviews'));
      assert.ok(reads.some((node) => node['Index Name'] === 'product_review_stats_pkey'));
    });
  }
}

test('a delete finds the author’s next newest review without reading the others', async () => {
  const { rows } = await database.run((knex) =>
    knex.raw(
      `EXPLAIN (FORMAT JSON) SELECT max(id) FROM product_reviews WHERE product_id = 'busy' AND author_id = '2222'`,
    ),
  );
  assert.match(JSON.stringify(rows), /"Index Name":"product_reviews_author"/);
});
