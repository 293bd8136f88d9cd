/** What the triggers keep, whoever writes: one current review per author and product, exact figures, no deadlocks. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import pg from 'pg';
import { query, startTestDatabase, type TestDatabaseServer } from '../../../scripts/lab/database.ts';
import { until } from '../../../scripts/lab/programs.ts';
import { parseDatabaseUrl } from '../../../src/config/database-url.ts';
import { migrateDatabase } from '../../../src/infra/postgres/migrate.ts';
import { schema } from '../../../src/schema.ts';
import { createAdoptedTable, createOldTable, oldInsert, statsAgree } from '../../support/old-reviews.ts';

let server: TestDatabaseServer;

before(async () => {
  server = await startTestDatabase();
});

after(() => server.stop());

const migrated = () => createAdoptedTable(server);

const current = async (url: string) =>
  (
    await query<{ id: number }>(
      url,
      'SELECT id::integer FROM product_reviews WHERE superseded_at IS NULL ORDER BY id',
    )
  ).map(({ id }) => id);

test('of several rows by one author in one statement the last is current', async () => {
  const url = await migrated();
  await query(
    url,
    `INSERT INTO product_reviews (product_id, author_id, rating) VALUES ('1', '7', 3), ('3', '7', 1), ('1', '7', 4)`,
  );
  assert.deepEqual(await current(url), [2, 4, 6, 7]);
  await statsAgree(url);
});

test('a statement of 20,000 rows for one product is one change of its stats', async () => {
  const url = await migrated();
  // Change by change of the same stats row this would take minutes (8,000 rows took 25 s).
  await query(
    url,
    `INSERT INTO product_reviews (product_id, author_id, rating)
     SELECT '1', (n % 15000)::text, 1 + n % 5 FROM generate_series(1, 20000) n`,
  );
  await statsAgree(url);
  await query(url, 'DELETE FROM product_reviews WHERE id % 2 = 0');
  await statsAgree(url);
});

test('an insert reads its own author’s rows, however many others the product has, also with a plan from before', async () => {
  const url = await server.createDatabase();
  await migrateDatabase(parseDatabaseUrl(url), schema);
  const read = async () => {
    const rows = await query<{ n: string }>(
      url,
      `SELECT seq_tup_read + idx_tup_fetch AS n FROM pg_stat_user_tables WHERE relname = 'product_reviews'`,
    );
    return Number(rows[0]?.n);
  };
  // One connection, so that the plans that were made for an empty table are kept.
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  for (let author = 1; author <= 600; author += 1) {
    await client.query(
      `INSERT INTO product_reviews (product_id, author_id, author_name, rating) VALUES ('1', $1, 'x', 5)`,
      [author],
    );
  }
  // The server writes its counters down when the connection ends.
  await client.end();
  await until('the counters', async () => (await read()) > 0);
  assert.ok((await read()) < 600 * 20, `${await read()} rows read`);
});

test('rows that are shown from the start count, one alone as well as several of a statement', async () => {
  const url = await migrated();
  const insert = (...rows: string[]) =>
    query(
      url,
      `INSERT INTO product_reviews (product_id, author_id, rating, verified, superseded_at)
       VALUES ${rows.map((row) => `(${row}, '-infinity')`).join(', ')}`,
    );
  await insert(`'9', '1', 5, true`);
  await statsAgree(url);
  await insert(`'9', '2', 1, NULL`);
  await statsAgree(url);
  await insert(`'9', '3', 7, NULL`, `'9', '4', 2, true`, `'2', '5', 3, NULL`);
  await statsAgree(url);
  assert.deepEqual(await current(url), [2, 3, 4, 5, 6, 7, 8, 9]);
});

test('an insert that ON CONFLICT skips supersedes nothing', async () => {
  const url = await migrated();
  await query(
    url,
    `INSERT INTO product_reviews (id, product_id, author_id, rating) VALUES (2, '1', '7', 1) ON CONFLICT (id) DO NOTHING`,
  );
  assert.deepEqual(await current(url), [2, 3, 4]);
  await statsAgree(url);
});

test('a row that changes its author or product leaves like a deleted one and arrives like a new one', async () => {
  const url = await migrated();
  await query(url, `UPDATE product_reviews SET author_id = '9' WHERE id = 3`);
  assert.deepEqual(await current(url), [1, 2, 3, 4], 'author 7 has the older review again');
  await statsAgree(url);
  await query(url, `UPDATE product_reviews SET author_id = '8' WHERE author_id = '7'`);
  assert.deepEqual(await current(url), [2, 3, 4], 'author 8 had a newer one already');
  await statsAgree(url);
  await query(url, `UPDATE product_reviews SET product_id = '2'`);
  assert.deepEqual(await current(url), [3, 4]);
  await statsAgree(url);
});

test('rows without an author or a product are kept, and belong to nobody', async () => {
  const url = await createOldTable(server);
  await query(
    url,
    `ALTER TABLE product_reviews ALTER product_id DROP NOT NULL, ALTER author_id DROP NOT NULL;
     INSERT INTO product_reviews (product_id, author_id, rating) VALUES (NULL, '7', 1), ('1', NULL, 1), (NULL, NULL, 1)`,
  );
  await migrateDatabase(parseDatabaseUrl(url), schema);
  await oldInsert(url, [null, '7', 'Ann', 2, null, new Date()]);
  await oldInsert(url, ['1', null, 'Ann', 2, null, new Date()]);
  assert.deepEqual(await current(url), [2, 3, 4]);
  await statsAgree(url);
  await query(url, 'DELETE FROM product_reviews WHERE product_id IS NULL OR author_id IS NULL');
  await statsAgree(url);
});

test('a role with rights on the reviews alone can write them, and cannot use our functions for anything else', async () => {
  const url = await migrated();
  await query(
    url,
    `CREATE ROLE reviewer LOGIN PASSWORD 'word';
     GRANT SELECT, INSERT, UPDATE, DELETE ON product_reviews TO reviewer;
     GRANT USAGE ON SEQUENCE product_reviews_id_seq TO reviewer;
     GRANT CREATE ON SCHEMA public TO reviewer`,
  );
  const asReviewer = url.replace(/\/\/[^@]*@/, '//reviewer:word@');
  await oldInsert(asReviewer, ['1', '8', 'Bob', 1, null, new Date()]);
  await query(asReviewer, `UPDATE product_reviews SET rating = 3 WHERE product_id = '2'`);
  await query(asReviewer, `DELETE FROM product_reviews WHERE id = 3`);
  assert.deepEqual(await current(url), [1, 4, 5]);
  await statsAgree(url);
  await assert.rejects(
    query(
      asReviewer,
      `CREATE TABLE mine (product_id text);
       CREATE TRIGGER t AFTER TRUNCATE ON mine EXECUTE FUNCTION product_reviews_after_truncate()`,
    ),
    { code: '42501' },
  );
});

test('temporary tables of the writer’s do not stand in for the real ones', async () => {
  const url = await migrated();
  await query(
    url,
    `CREATE TEMPORARY TABLE product_review_stats (product_id text PRIMARY KEY, review_count integer, rating_sum bigint);
     INSERT INTO product_reviews (product_id, author_id, rating) VALUES ('1', '9', 5)`,
  );
  await statsAgree(url);
});

test('a restore of data alone, stats before reviews, does not count twice', async () => {
  const url = await migrated();
  const target = await server.createDatabase();
  await migrateDatabase(parseDatabaseUrl(target), schema);
  const columns = 'id, product_id, author_id, author_name, rating, superseded_at';
  const [stats, reviews] = [
    await query(url, 'SELECT * FROM product_review_stats'),
    await query(url, `SELECT ${columns} FROM product_reviews ORDER BY id`),
  ];
  await query(
    target,
    'INSERT INTO product_review_stats SELECT * FROM json_populate_recordset(NULL::product_review_stats, $1)',
    [JSON.stringify(stats)],
  );
  await query(
    target,
    `INSERT INTO product_reviews (${columns}) SELECT ${columns} FROM json_populate_recordset(NULL::product_reviews, $1)`,
    [JSON.stringify(reviews)],
  );
  assert.deepEqual(await current(target), [2, 3, 4]);
  await statsAgree(target);
});

/** Runs each writer's statements one after the other, all writers at once, on connections of their own. */
async function together(url: string, writers: number, statements: (writer: number, round: number) => string) {
  await Promise.all(
    Array.from({ length: writers }, async (_, writer) => {
      const client = new pg.Client({ connectionString: url });
      await client.connect();
      try {
        for (let round = 0; round < 40; round += 1) await client.query(statements(writer, round));
      } finally {
        await client.end();
      }
    }),
  );
}

test('statements of many rows in any order, deletes and single inserts never deadlock, and the figures stay exact', async () => {
  const url = await migrated();
  await together(url, 8, (writer, round) => {
    const n = writer * 7 + round * 3;
    const [product, author] = [1 + (n % 3), n % 4];
    const direction = n % 2 === 0 ? 'ASC' : 'DESC';
    switch (writer % 4) {
      case 0:
        return `DELETE FROM product_reviews WHERE author_id = '${author}'`;
      case 1:
        return `DELETE FROM product_reviews WHERE product_id = '${product}'`;
      case 2:
        return `INSERT INTO product_reviews (product_id, author_id, rating)
                SELECT (1 + p)::text, a::text, 1 + (a + ${n}) % 5 FROM generate_series(0, 2) p, generate_series(0, 3) a
                 ORDER BY p ${direction}, a ${direction}`;
      default:
        return `INSERT INTO product_reviews (product_id, author_id, rating) VALUES ('${product}', '${author}', ${1 + (n % 5)})`;
    }
  });
  await statsAgree(url);
});

test('inserts of many rows in opposite orders never deadlock', async () => {
  const url = await migrated();
  await together(
    url,
    6,
    (writer, round) =>
      `INSERT INTO product_reviews (product_id, author_id, rating)
       SELECT (1 + n % 5)::text, (n % 3)::text, 1 + (n + ${round}) % 5 FROM generate_series(1, 15) n
        ORDER BY n ${writer % 2 === 0 ? 'ASC' : 'DESC'}`,
  );
  await statsAgree(url);
});
