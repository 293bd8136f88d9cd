/** How PostgreSQL reads a page of reviews: each shape of the statement, explained while it runs. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  createBackendTables,
  query,
  startTestDatabase,
  type TestDatabaseServer,
  usingDatabase,
} from '../../../scripts/lab/database.ts';
import { parseDatabaseUrl } from '../../../src/config/database-url.ts';
import { type Listing, type Position, SORTS } from '../../../src/features/reviews/list/cursor.ts';
import { pageStatement } from '../../../src/features/reviews/list/page-sql.ts';
import { reviewView } from '../../../src/features/reviews/view.ts';
import type { Database } from '../../../src/infra/postgres/database.ts';
import { migrateDatabase } from '../../../src/infra/postgres/migrate.ts';
import { schema } from '../../../src/schema.ts';

const ROWS = 51;
/** Of the scans that are merged each has read one row more than it gave. */
const MAX_CLASSES = 16;
const REVIEWS = 120_000;
const view = reviewView({ hasUsers: true, hasOddTimes: false, publicBaseUrl: 'https://cdn.example.com' });
let server: TestDatabaseServer;
let url: string;

/**
 * Product `busy` has half of them, 3,000 products share the rest, of which `old` has its 100 at the beginning. Its reviewers have
 * written about other products as well.
 */
before(async () => {
  server = await startTestDatabase();
  url = await server.createDatabase();
  await createBackendTables(url);
  await query(
    url,
    `INSERT INTO users (email, name) SELECT n || '@example.com', 'User ' || n FROM generate_series(6, 20000) AS n`,
  );
  // The old module's table: adopted when it is full, as in production.
  await query(
    url,
    `CREATE TABLE product_reviews (id bigserial PRIMARY KEY, product_id text NOT NULL, author_id text NOT NULL,
       author_name text NOT NULL, rating integer NOT NULL, text text, created_at timestamptz NOT NULL DEFAULT now(),
       verified boolean, media jsonb, helpful_count integer);
     INSERT INTO product_reviews (product_id, author_id, author_name, rating, text, verified, media, helpful_count)
     SELECT CASE WHEN n <= 100 THEN 'old' WHEN n % 2 = 0 THEN 'busy' ELSE (n % 3001)::text END,
            CASE WHEN n <= 100 OR n % 2 = 0 THEN n ELSE 2 * (n % 20000) END::text, 'x',
            1 + hashint4(n) & 3, repeat('word ', 20), nullif(hashint4(n + 1) % 2 = 0, false),
            CASE WHEN hashint4(n + 2) % 3 = 0 THEN '[]'::jsonb END, nullif(hashint4(n + 3) & 7, 0)
       FROM generate_series(1, ${REVIEWS}) AS n`,
  );
  await migrateDatabase(parseDatabaseUrl(url), schema);
  await query(url, 'VACUUM ANALYZE');
});

after(() => server.stop());

interface PlanNode {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Index Name'?: string;
  readonly 'Actual Rows': number;
  readonly 'Actual Loops': number;
  readonly 'Rows Removed by Filter'?: number;
  readonly Plans?: readonly PlanNode[];
}

const literal = (value: unknown) => (Array.isArray(value) ? `'{${value.join()}}'` : `'${value}'`);

async function nodesOf(database: Database, productId: string, listing: Listing, after: Position | undefined) {
  const { text, values } = pageStatement(view, productId, { listing, after }, ROWS);
  const { rows } = await database.run(async (knex) => {
    await knex.raw(`PREPARE page AS ${text}`);
    const explained = await knex.raw(`EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE page (${values.map(literal)})`);
    await knex.raw('DEALLOCATE page');
    return explained;
  });
  const flat = (node: PlanNode): PlanNode[] => [node, ...(node.Plans ?? []).flatMap(flat)];
  return flat(rows[0]['QUERY PLAN'][0].Plan);
}

const rowsSeen = (node: PlanNode) =>
  (node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0)) * node['Actual Loops'];

/** Ratings are gone through one after the other, which PostgreSQL does not take for an order. */
const mayBeSorted = ({ sort }: Listing) => sort === 'highest' || sort === 'lowest';

function checkPlan(nodes: readonly PlanNode[], listing: Listing, what: string): void {
  let reviewsRead = 0;
  for (const node of nodes) {
    const where = `${what}: ${JSON.stringify({ ...node, Plans: undefined })}`;
    assert.ok(!/Bitmap|Hash Join/.test(node['Node Type']), where);
    if (node['Node Type'].endsWith('Sort'))
      assert.ok(mayBeSorted(listing) && node['Actual Rows'] <= ROWS, where);
    const relation = node['Relation Name'];
    if (relation === undefined) continue;
    // An empty table is read as a whole, whatever its indexes.
    if (relation !== 'product_reviews_unsettled') assert.doesNotMatch(node['Node Type'], /Seq Scan/, where);
    assert.notEqual(node['Index Name'], 'product_reviews_pkey', where);
    if (relation === 'product_reviews') reviewsRead += rowsSeen(node);
    else assert.ok(rowsSeen(node) <= ROWS, where);
  }
  assert.ok(reviewsRead <= ROWS + MAX_CLASSES, `${what} reads ${reviewsRead} reviews`);
  assert.ok(nodes.some((node) => node['Index Name'] === 'product_review_stats_pkey'));
}

const filters = [[], [4], [1, 5], [1, 2, 3, 4]].flatMap((ratings) =>
  [false, true].flatMap((verifiedOnly) =>
    [false, true].map((withMediaOnly) => ({ ratings, verifiedOnly, withMediaOnly })),
  ),
);
const DEEP: Position = { rank: 3, id: String(REVIEWS / 2) };

for (const mode of ['force_generic_plan', 'force_custom_plan']) {
  for (const sort of SORTS) {
    test(`${sort}, with each filter, first and deep: no page reads more than it shows (${mode})`, async () => {
      await usingDatabase(
        url,
        async (database) => {
          await database.run((knex) => knex.raw(`SET plan_cache_mode = ${mode}`));
          for (const filter of filters) {
            const listing = { sort, ...filter };
            for (const productId of ['busy', 'old', '7', 'unknown']) {
              for (const from of productId === 'busy' ? [undefined, DEEP] : [undefined]) {
                const nodes = await nodesOf(database, productId, listing, from);
                checkPlan(nodes, listing, `${JSON.stringify(listing)} of ${productId} from ${from?.id}`);
              }
            }
          }
        },
        { poolMax: 1 },
      );
    });
  }
}

test('left to itself, PostgreSQL keeps one plan for all products', async () => {
  const plain = { sort: 'newest', ratings: [], verifiedOnly: false, withMediaOnly: false } as const;
  const listings: readonly Listing[] = [plain, { ...plain, sort: 'highest' }, { ...plain, ratings: [4, 5] }];
  await usingDatabase(
    url,
    async (database) => {
      for (const listing of listings) {
        const statementOf = (productId: string) =>
          pageStatement(view, productId, { listing, after: undefined }, ROWS);
        for (let i = 0; i < 10; i += 1) await database.query(statementOf(i % 2 ? 'busy' : String(i)));
        const { text, values } = statementOf('busy');
        const { rows } = await database.run((knex) =>
          knex.raw('SELECT name FROM pg_prepared_statements WHERE statement = ?', [text]),
        );
        const explained = await database.run((knex) =>
          knex.raw(`EXPLAIN EXECUTE "${rows[0]?.name}" (${values.map(literal)})`),
        );
        // A plan that is for these values has them in the parameters' place.
        assert.match(JSON.stringify(explained.rows), /product_id = \$\d/);
      }
    },
    { poolMax: 1 },
  );
});

test('a delete finds the author’s next newest review without reading the others', async () => {
  const rows = await query(
    url,
    `EXPLAIN (FORMAT JSON) SELECT max(id) FROM product_reviews WHERE product_id = 'busy' AND author_id = '2222'`,
  );
  assert.match(JSON.stringify(rows), /"Index Name":"product_reviews_author"/);
});
