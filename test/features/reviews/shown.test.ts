/** Which row of an author is shown, with statuses and whoever writes; what hangs on it; what changes the version. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { query, startTestDatabase, type TestDatabaseServer } from '../../../scripts/lab/database.ts';
import { parseDatabaseUrl } from '../../../src/config/database-url.ts';
import { reviewClass } from '../../../src/features/reviews/tables/what-counts.ts';
import { migrateDatabase } from '../../../src/infra/postgres/migrate.ts';
import { schema } from '../../../src/schema.ts';
import { createAdoptedTable, createOldTable, oldInsert, statsAgree } from '../../support/old-reviews.ts';

let server: TestDatabaseServer;

before(async () => {
  server = await startTestDatabase();
});

after(() => server.stop());

/** Product 1: rows 1 (superseded) and 3 by author 7, 2 by author 8; product 2: row 4. */
const migrated = () => createAdoptedTable(server);

const shown = async (url: string) =>
  (
    await query<{ id: number }>(
      url,
      `SELECT id::integer FROM product_reviews WHERE superseded_at IS NULL AND product_id = '1' ORDER BY id`,
    )
  ).map(({ id }) => id);
const setStatus = (url: string, status: string | null, where: string) =>
  query(url, `UPDATE product_reviews SET status = $1 WHERE ${where}`, [status]);
const statusOf = async (url: string, id: number) =>
  (await query<{ status: string | null }>(url, 'SELECT status FROM product_reviews WHERE id = $1', [id]))[0]
    ?.status;
const oldRow = (url: string, author: string) => oldInsert(url, ['1', author, 'x', 1, null, new Date()]);

test('hiding the newest review shows nothing of its author, and publishing it shows it again', async () => {
  const url = await migrated();
  for (const status of ['hidden', 'held']) {
    await setStatus(url, status, 'id = 3');
    assert.deepEqual(await shown(url), [2], status);
    await statsAgree(url);
    await setStatus(url, 'published', 'id = 3');
    assert.deepEqual(await shown(url), [2, 3]);
    await statsAgree(url);
  }
});

test('the old module’s next row by an author whose review is hidden is hidden too, until that is published', async () => {
  const url = await migrated();
  await setStatus(url, 'hidden', 'id = 3');
  await oldRow(url, '7');
  assert.deepEqual([await statusOf(url, 5), await shown(url)], ['hidden', [2]]);
  await setStatus(url, 'published', 'id = 5');
  await oldRow(url, '7');
  assert.deepEqual([await statusOf(url, 6), await shown(url)], [null, [2, 6]]);
  await statsAgree(url);
});

test('nobody shows what is not published: the stats’ rebuild of a release that knew no statuses says it should be', async () => {
  const url = await migrated();
  for (const status of ['hidden', 'held', 'pending']) {
    await setStatus(url, status, 'id = 3');
    await query(url, 'UPDATE product_reviews SET superseded_at = NULL WHERE id = 3');
    assert.deepEqual(await shown(url), status === 'pending' ? [1, 2] : [2], status);
    await statsAgree(url);
    await setStatus(url, 'published', 'id = 3');
  }
});

test('a new review after deleting a hidden one is held', async () => {
  const url = await migrated();
  await setStatus(url, 'hidden', 'id = 3');
  await query(url, `DELETE FROM product_reviews WHERE author_id = '7' AND product_id = '1'`);
  await oldRow(url, '7');
  assert.deepEqual([await statusOf(url, 5), await shown(url)], ['held', [2]]);
  await statsAgree(url);
});

test('where reviews are moderated first, the old module’s rows wait while the former ones stay', async () => {
  const url = await migrated();
  await query(url, `INSERT INTO product_review_settings (moderation) VALUES ('pre')`);
  await oldRow(url, '7');
  await oldRow(url, '9');
  assert.deepEqual([await statusOf(url, 5), await shown(url)], ['pending', [2, 3]]);
  await statsAgree(url);
  await setStatus(url, 'published', `status = 'pending'`);
  assert.deepEqual(await shown(url), [2, 5, 6]);
  await statsAgree(url);
});

test('rows out of a backup keep the status that they had', async () => {
  const url = await migrated();
  await query(url, `INSERT INTO product_review_settings (moderation) VALUES ('pre')`);
  await setStatus(url, 'hidden', 'id = 3');
  await query(
    url,
    `CREATE TABLE backup AS TABLE product_reviews; TRUNCATE product_reviews;
     INSERT INTO product_reviews SELECT * FROM backup`,
  );
  const statuses = await query(url, 'SELECT id::integer, status FROM product_reviews ORDER BY id');
  assert.deepEqual(
    statuses.map(({ id, status }) => [id, status]),
    [
      [1, null],
      [2, null],
      [3, 'hidden'],
      [4, null],
    ],
  );
  assert.deepEqual(await shown(url), [2]);
  await statsAgree(url);
});

test('deleting a hidden newest review shows the one before it, and moderators and writers at once never deadlock', async () => {
  const url = await migrated();
  await setStatus(url, 'hidden', 'id = 3');
  await query(url, 'DELETE FROM product_reviews WHERE id = 3');
  assert.deepEqual(await shown(url), [1, 2]);
  await statsAgree(url);
  await Promise.all(
    Array.from({ length: 6 }, async (_, writer) => {
      for (let n = 0; n < 15; n += 1) {
        const author = String((writer + n) % 4);
        if (writer < 2) await oldRow(url, author);
        else if (writer < 4)
          await setStatus(url, n % 2 === 0 ? 'hidden' : 'published', `author_id = '${author}'`);
        else await query(url, 'DELETE FROM product_reviews WHERE author_id = $1 AND id % 3 = 0', [author]);
      }
    }),
  );
  await statsAgree(url);
});

test('votes are counted at the review, and they and all else that hangs on it go with it', async () => {
  const url = await migrated();
  await query(
    url,
    `INSERT INTO product_review_votes (review_id, user_id, product_id)
       SELECT id, voter, product_id FROM product_reviews, generate_series(1, 3) AS voter;
     DELETE FROM product_review_votes WHERE user_id = 3 AND review_id < 4;
     INSERT INTO product_review_reports (review_id, user_id, reason) VALUES (3, 1, 'spam'), (4, 1, 'spam');
     INSERT INTO product_review_appeals (review_id, author_id, text) VALUES (3, '7', 'x'), (4, '7', 'x');
     INSERT INTO product_review_media (review_id, upload_id) VALUES (3, gen_random_uuid()), (4, gen_random_uuid())`,
  );
  const votes = 'SELECT helpful_count FROM product_reviews ORDER BY id';
  assert.deepEqual(
    (await query<{ helpful_count: number }>(url, votes)).map((row) => row.helpful_count),
    [2, 2, 2, 3],
  );
  await query(url, `DELETE FROM product_reviews WHERE product_id = '1'`);
  for (const table of ['votes', 'reports', 'appeals', 'media']) {
    const left = await query<{ review_id: string }>(url, `SELECT review_id FROM product_review_${table}`);
    assert.deepEqual([...new Set(left.map(({ review_id }) => review_id))], ['4'], table);
  }
  await query(url, 'TRUNCATE product_reviews');
  assert.deepEqual(await query(url, 'SELECT FROM product_review_votes'), []);
});

test('a delete works while the tables of what hangs on a review cannot be had', async () => {
  const url = await migrated();
  await query(url, 'DROP TABLE product_review_votes; DELETE FROM product_reviews WHERE id = 3');
  await migrateDatabase(parseDatabaseUrl(url), schema);
  await statsAgree(url);
});

test('votes that a repair finds at no review, or counted wrongly, are put right', async () => {
  const url = await migrated();
  await query(
    url,
    `INSERT INTO product_review_votes (review_id, user_id, product_id) VALUES (3, 1, '1'), (99, 1, '1');
     UPDATE product_reviews SET helpful_count = 7`,
  );
  await migrateDatabase(parseDatabaseUrl(url), schema, { repair: true });
  assert.equal((await query(url, 'SELECT FROM product_review_votes')).length, 1);
  await statsAgree(url);
});

test('whatever changes a page changes the version of its product, and of no other one', async () => {
  const url = await migrated();
  const versions = async () =>
    Object.fromEntries(
      (
        await query<{ product_id: string; version: string }>(
          url,
          'SELECT product_id, version FROM product_review_stats',
        )
      ).map(({ product_id, version }) => [product_id, version]),
    );
  for (const sql of [
    `UPDATE product_reviews SET text = 'other' WHERE id = 3`,
    `UPDATE product_reviews SET title = 'one' WHERE id = 3`,
    `UPDATE product_reviews SET reply = '{}' WHERE id = 3`,
    `UPDATE product_reviews SET media = '[{}]', verified = true WHERE id = 3`,
    `INSERT INTO product_review_votes (review_id, user_id, product_id) VALUES (3, 1, '1')`,
    `UPDATE product_reviews SET status = 'hidden' WHERE id = 3`,
    `UPDATE product_reviews SET status = 'published' WHERE id = 3`,
    `INSERT INTO product_reviews (product_id, author_id, author_name, rating) VALUES ('1', '7', 'x', 5)`,
    'DELETE FROM product_reviews WHERE id = 5',
    `BEGIN ISOLATION LEVEL REPEATABLE READ; UPDATE product_reviews SET text = 'x' WHERE id = 3; COMMIT`,
  ]) {
    const former = await versions();
    await query(url, sql);
    await statsAgree(url);
    const now = await versions();
    assert.notEqual(now['1'], former['1'], sql);
    assert.equal(now['2'], former['2'], sql);
  }
});

for (const type of ['integer', 'smallint', 'bigint']) {
  test(`classes are found and sorted by index with ${type} ratings`, async () => {
    const url = await createOldTable(server);
    await query(url, `ALTER TABLE product_reviews ALTER rating TYPE ${type}`);
    await query(url, `ALTER DATABASE ${new URL(url).pathname.slice(1)} SET enable_seqscan = off`);
    await migrateDatabase(parseDatabaseUrl(url), schema);
    for (const [order, index] of [
      ['(id + 0) DESC', 'product_reviews_class_page'],
      ['coalesce(helpful_count, 0) DESC, (id + 0) DESC', 'product_reviews_class_helpful_page'],
    ]) {
      const plan = await query(
        url,
        `EXPLAIN SELECT * FROM product_reviews AS r
          WHERE product_id = '1' AND superseded_at IS NULL AND ${reviewClass('r')} = 5 ORDER BY ${order} LIMIT 2`,
      );
      assert.match(JSON.stringify(plan), new RegExp(`Index Scan using ${index} .*Index Cond: [^"]*rating`));
      assert.doesNotMatch(JSON.stringify(plan), /Sort/);
    }
  });
}
