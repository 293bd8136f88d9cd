/**
 * The earlier Python module: its table, its rows, and the one statement that it writes with (docs/contract.md, 4).
 */
import assert from 'node:assert/strict';
import { query, type TestDatabaseServer } from '../../scripts/lab/database.ts';
import { parseDatabaseUrl } from '../../src/config/database-url.ts';
import { migrateDatabase } from '../../src/infra/postgres/migrate.ts';
import { schema } from '../../src/schema.ts';

/** The old module's table and rows: two by author 7 for product 1, one by author 8, one for product 2. */
export async function createOldTable(
  server: TestDatabaseServer,
  id = 'bigserial',
  createdAt = 'timestamptz',
): Promise<string> {
  const url = await server.createDatabase();
  await fillOldTable(url, id, createdAt);
  return url;
}

/** The same, adopted. */
export const createAdoptedTable = (
  server: TestDatabaseServer,
  id: keyof typeof ADOPTED = 'bigserial',
): Promise<string> => server.createDatabase(ADOPTED[id]);

const adopt = (id: string) => async (url: string) => {
  await fillOldTable(url, id, 'timestamptz');
  await migrateDatabase(parseDatabaseUrl(url), schema);
};
const ADOPTED = { serial: adopt('serial'), bigserial: adopt('bigserial') };

async function fillOldTable(url: string, id: string, createdAt: string): Promise<void> {
  await query(
    url,
    `CREATE TABLE product_reviews (id ${id} PRIMARY KEY, product_id text NOT NULL, author_id text NOT NULL,
       author_name text, rating integer, text text, created_at ${createdAt});
     CREATE INDEX ix_product_reviews ON product_reviews (product_id, id)`,
  );
  const rows = [
    ['1', '7', 'Ann', 2, 'meh', '2024-05-01T10:00:00'],
    ['1', '8', 'Bob', 4, null, '2024-05-02 11:00:00.5+03:00'],
    ['1', '7', 'Ann', 5, 'good', '2024-05-03T10:00:00Z'],
    ['2', '7', 'Ann', 1, 'bad', '2024-05-04T10:00:00'],
  ];
  for (const row of rows) await oldInsert(url, row);
}

/** Exactly what the old module does: its own six columns. */
export const oldInsert = (url: string, row: unknown[]) =>
  query(
    url,
    `INSERT INTO product_reviews (product_id, author_id, author_name, rating, text, created_at)
     VALUES ($1, $2, $3, $4, $5, $6)`,
    row,
  );

/** What is shown, and the stats, are what the reviews say, once what was noted is settled; told otherwise than by src. */
export async function statsAgree(url: string): Promise<void> {
  await query(url, 'DELETE FROM product_reviews_unsettled');
  const shown = `
    SELECT DISTINCT ON (product_id, author_id) * FROM product_reviews
     WHERE product_id IS NOT NULL AND author_id IS NOT NULL AND rating IS NOT NULL AND coalesce(status, '') <> 'pending'
     ORDER BY product_id, author_id, id DESC`;
  const published = `SELECT * FROM (${shown}) AS newest WHERE coalesce(status, 'published') = 'published'`;
  const stars = [1, 2, 3, 4, 5].map(
    (n) => `(count(*) FILTER (WHERE least(5, greatest(1, rating)) = ${n}))::integer AS rating_${n}`,
  );
  const kept = await query(
    url,
    `SELECT product_id, review_count, rating_sum, rating_1, rating_2, rating_3, rating_4, rating_5,
            verified_count, media_count
       FROM product_review_stats WHERE review_count <> 0 ORDER BY product_id`,
  );
  const counted = await query(
    url,
    `SELECT product_id, count(*)::integer AS review_count, sum(least(5, greatest(1, rating)))::bigint AS rating_sum,
            ${stars.join(', ')}, (count(*) FILTER (WHERE verified))::integer AS verified_count,
            (count(*) FILTER (WHERE jsonb_array_length(media) > 0))::integer AS media_count
       FROM (${published}) AS review GROUP BY product_id ORDER BY product_id`,
  );
  assert.deepEqual(kept, counted);
  const wrong = await query(
    url,
    `SELECT id FROM product_reviews
      WHERE (superseded_at IS NULL) <> (id IN (SELECT id FROM (${published}) AS p)) ORDER BY id`,
  );
  assert.deepEqual(wrong, [], 'reviews wrongly shown or not');
  const votes = await query(
    url,
    `SELECT id FROM product_reviews
      WHERE coalesce(helpful_count, 0) <> (SELECT count(*) FROM product_review_votes WHERE review_id = id)`,
  );
  assert.deepEqual(votes, [], 'votes wrongly counted');
}
