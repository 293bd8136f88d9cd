/** Adopting the table of the earlier Python module, and living beside that module (docs/contract.md, 4). */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  query,
  startTestDatabase,
  type TestDatabaseServer,
  usingDatabase,
} from '../../../scripts/lab/database.ts';
import { parseDatabaseUrl } from '../../../src/config/database-url.ts';

import { OUR_COLUMNS } from '../../../src/features/reviews/tables/wanted.ts';

import { migrateDatabase, rollBackDatabase } from '../../../src/infra/postgres/migrate.ts';
import { migrationsOf } from '../../../src/infra/postgres/schema-parts.ts';
import { schema } from '../../../src/schema.ts';
import { createOldTable, oldInsert, statsAgree } from '../../support/old-reviews.ts';
import { newestReviews } from '../../support/review-reader.ts';

let server: TestDatabaseServer;

before(async () => {
  server = await startTestDatabase();
});

after(() => server.stop());

const oldTable = (id: string, createdAt: string) => createOldTable(server, id, createdAt);
const migrate = (url: string) => migrateDatabase(parseDatabaseUrl(url), schema);

const list = (url: string, productId: string) =>
  usingDatabase(url, (database) => newestReviews(database, productId));

for (const id of ['serial', 'bigserial']) {
  for (const createdAt of ['timestamptz', 'text', 'timestamp']) {
    test(`adopts a table with a ${id} id and ${createdAt} times: no row lost, no id or type changed`, async () => {
      const url = await oldTable(id, createdAt);
      const before = await query(
        url,
        'SELECT id, product_id, author_id, author_name, rating, text, created_at FROM product_reviews ORDER BY id',
      );
      const types = `SELECT column_name, data_type FROM information_schema.columns
                      WHERE table_name = 'product_reviews' AND column_name <> ALL ($1) ORDER BY 1`;
      const ours = [Object.keys(OUR_COLUMNS)];
      const typesBefore = await query(url, types, ours);
      await migrate(url);
      assert.deepEqual(
        await query(
          url,
          'SELECT id, product_id, author_id, author_name, rating, text, created_at FROM product_reviews ORDER BY id',
        ),
        before,
      );
      assert.deepEqual(await query(url, types, ours), typesBefore);
      const page = await list(url, '1');
      assert.deepEqual(page.summary, { count: 2, avg_rating: 4.5 });
      assert.deepEqual(
        page.items.map((item) => [item.id, item.text]),
        [
          [3, 'good'],
          [2, null],
        ],
      );
      assert.ok(
        page.items.every(
          (item) => !Number.isNaN(Date.parse(item.created_at)) && item.created_at.endsWith('Z'),
        ),
      );
      if (createdAt === 'text') assert.equal(page.items[1]?.created_at, '2024-05-02T08:00:00.500Z');
      await statsAgree(url);
    });
  }
}

test('ISO text without a zone is UTC, and a time that nobody can read breaks nothing', async () => {
  const url = await oldTable('serial', 'text');
  await oldInsert(url, ['3', '1', 'A', 5, null, '2024-05-01T10:00:00.123456']);
  await oldInsert(url, ['3', '2', 'B', 5, null, 'yesterday']);
  await migrate(url);
  const { items } = await list(url, '3');
  assert.deepEqual(
    items.map((item) => item.created_at),
    ['1970-01-01T00:00:00.000Z', '2024-05-01T10:00:00.123Z'],
  );
});

test('impossible ratings of the old module are shown and counted as the nearest there is', async () => {
  const url = await oldTable('serial', 'text');
  await oldInsert(url, ['3', '1', 'A', 0, null, 'x']);
  await oldInsert(url, ['3', '3', 'C', 9, null, 'x']);
  await migrate(url);
  const { items, summary } = await list(url, '3');
  assert.deepEqual(
    items.map((item) => item.rating),
    [5, 1],
  );
  assert.deepEqual(summary, { count: 2, avg_rating: 3 });
});

test('a row without a rating is neither listed nor counted, and hides no rated one of its author', async () => {
  const url = await oldTable('serial', 'text');
  await oldInsert(url, ['1', '8', 'Bob', null, 'no stars', 'x']);
  await oldInsert(url, ['3', '2', 'B', null, null, 'x']);
  await migrate(url);
  await oldInsert(url, ['1', '7', 'Ann', null, 'nor here', 'x']);
  const ids = async () => (await list(url, '1')).items.map(({ id }) => id);
  assert.deepEqual(await ids(), [3, 2]);
  assert.deepEqual((await list(url, '1')).summary, { count: 2, avg_rating: 4.5 });
  assert.deepEqual((await list(url, '3')).summary, { count: 0, avg_rating: 0 });
  await statsAgree(url);
  await query(url, 'UPDATE product_reviews SET rating = 1 WHERE id = 5');
  assert.deepEqual(await ids(), [5, 3]);
  await query(url, 'UPDATE product_reviews SET rating = NULL WHERE id = 3');
  assert.deepEqual(await ids(), [5, 1]);
  await statsAgree(url);
});

test('migrating twice changes nothing', async () => {
  const url = await oldTable('serial', 'text');
  assert.equal((await migrate(url)).applied.length, migrationsOf(schema).length);
  const before = await query(url, 'SELECT * FROM product_reviews ORDER BY id');
  assert.deepEqual((await migrate(url)).applied, []);
  assert.deepEqual(await query(url, 'SELECT * FROM product_reviews ORDER BY id'), before);
});

test('several processes migrate at once while the old module goes on inserting', async () => {
  const url = await oldTable('bigserial', 'timestamptz');
  let inserting = true;
  const inserts = (async () => {
    let count = 0;
    for (; inserting; count += 1)
      await oldInsert(url, ['1', String(100 + (count % 7)), 'x', 1 + (count % 5), null, new Date()]);
    return count;
  })();
  const applied = await Promise.all([migrate(url), migrate(url), migrate(url)]);
  inserting = false;
  const inserted = await inserts;
  assert.equal(applied.flatMap((result) => result.applied).length, migrationsOf(schema).length);
  const rows = await query<{ n: number }>(url, 'SELECT count(*)::integer AS n FROM product_reviews');
  assert.equal(rows[0]?.n, 4 + inserted);
  await statsAgree(url);
});

test('a row that the old module inserts later counts, shows, and takes the place of the author’s former one', async () => {
  const url = await oldTable('serial', 'timestamptz');
  await migrate(url);
  await oldInsert(url, ['1', '8', 'Bob', 1, 'changed my mind', new Date()]);
  const page = await list(url, '1');
  assert.deepEqual(page.summary, { count: 2, avg_rating: 3 });
  assert.equal(page.items[0]?.text, 'changed my mind');
  await statsAgree(url);
});

test('deletes, edits by hand, bulk statements, COPY-like inserts and TRUNCATE keep the stats exact', async () => {
  const url = await oldTable('serial', 'timestamptz');
  await migrate(url);
  await query(url, 'DELETE FROM product_reviews WHERE id = 3');
  assert.deepEqual(
    (await list(url, '1')).items.map((item) => item.id),
    [2, 1],
    'the next newest is current again',
  );
  await statsAgree(url);
  await query(url, 'UPDATE product_reviews SET rating = 1 WHERE id = 2');
  await statsAgree(url);
  await query(
    url,
    `INSERT INTO product_reviews (product_id, author_id, author_name, rating, created_at)
     SELECT (1 + n % 3)::text, (n % 5)::text, 'x', 1 + n % 5, now() FROM generate_series(1, 40) n`,
  );
  await statsAgree(url);
  await query(url, `DELETE FROM product_reviews WHERE id % 3 = 0`);
  await statsAgree(url);
  await query(url, 'TRUNCATE product_reviews');
  assert.deepEqual(await query(url, 'SELECT * FROM product_review_stats'), []);
});

test('inserts, edits and deletes of many writers at once keep the stats exact', async () => {
  const url = await oldTable('bigserial', 'timestamptz');
  await migrate(url);
  const writer = async (seed: number) => {
    for (let i = 0; i < 25; i += 1) {
      const n = seed * 31 + i * 7;
      await oldInsert(url, [String(1 + (n % 2)), String(n % 6), 'x', 1 + (n % 5), null, new Date()]);
      if (n % 3 === 0) {
        await query(
          url,
          'DELETE FROM product_reviews WHERE id = (SELECT max(id) FROM product_reviews WHERE author_id = $1)',
          [String(n % 6)],
        );
      }
    }
  };
  await Promise.all([1, 2, 3, 4, 5, 6].map(writer));
  await statsAgree(url);
});

test('after a rollback of the migrations the old module’s table is as it was, with every row', async () => {
  const url = await oldTable('serial', 'text');
  await migrate(url);
  await oldInsert(url, ['1', '9', 'Cy', 3, null, '2024-06-01T00:00:00']);
  for (const { name } of migrationsOf(schema).toReversed()) {
    assert.deepEqual((await rollBackDatabase(parseDatabaseUrl(url), schema)).undone, [name]);
  }
  const columns = await query<{ column_name: string }>(
    url,
    `SELECT column_name FROM information_schema.columns WHERE table_name = 'product_reviews' ORDER BY ordinal_position`,
  );
  assert.deepEqual(
    columns.map((row) => row.column_name),
    ['id', 'product_id', 'author_id', 'author_name', 'rating', 'text', 'created_at'],
  );
  await oldInsert(url, ['1', '9', 'Cy', 2, null, '2024-06-02T00:00:00']);
  assert.equal((await query(url, 'SELECT id FROM product_reviews')).length, 6);
  await migrate(url);
  await statsAgree(url);
});

test('reviews of a database that is not migrated are 503, not an error of ours', async () => {
  const url = await server.createDatabase();
  await assert.rejects(
    list(url, '1'),
    (error: Error & { status?: number }) => error.status === 503 && /set up/.test(error.message),
  );
});
