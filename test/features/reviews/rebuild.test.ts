/** Putting the stats right after somebody wrote with the triggers switched off. */
import assert from 'node:assert/strict';
import { resolve } from 'node:path';
import { after, before, test } from 'node:test';
import { query, startTestDatabase, type TestDatabaseServer } from '../../../scripts/lab/database.ts';
import { runNode } from '../../../scripts/lab/sidecar.ts';
import { parseDatabaseUrl } from '../../../src/config/database-url.ts';
import { migrateDatabase } from '../../../src/infra/postgres/migrate.ts';
import { schema } from '../../../src/schema.ts';

const SCRIPT = resolve(import.meta.dirname, '../../../scripts/reviews.ts');
let server: TestDatabaseServer;

before(async () => {
  server = await startTestDatabase();
});

after(() => server.stop());

const rebuild = (url: string, ...args: string[]) =>
  runNode(SCRIPT, ['stats', ...args], { DATABASE_URL: url });

/** Author 7 has two rows for product 1, of which the newer one should be current, and product 3 does not exist. */
const damaged = () => server.createDatabase(damage);

async function damage(url: string): Promise<void> {
  await migrateDatabase(parseDatabaseUrl(url), schema);
  await query(
    url,
    `ALTER TABLE product_reviews DISABLE TRIGGER USER;
     ALTER TABLE product_review_stats DISABLE TRIGGER USER;
     INSERT INTO product_reviews (product_id, author_id, author_name, rating, superseded_at) VALUES
       ('1', '7', 'Ann', 1, NULL), ('1', '7', 'Ann', 5, now()), ('1', '8', 'Bob', 4, NULL), ('2', '7', 'Ann', 2, NULL);
     ALTER TABLE product_reviews ENABLE TRIGGER USER;
     INSERT INTO product_review_stats (product_id, review_count, rating_sum) VALUES ('1', 9, 9), ('3', 1, 5);
     ALTER TABLE product_review_stats ENABLE TRIGGER USER`,
  );
}

test('--check tells what is wrong and changes nothing; the rebuild puts it right and may run again', async () => {
  const url = await damaged();
  const wrong = '2 reviews were wrongly current or superseded, the figures of 3 products were wrong';
  for (let i = 0; i < 2; i += 1) {
    const check = await rebuild(url, '--check');
    assert.deepEqual([check.status, check.stdout], [3, `${wrong}.\n`], check.stderr);
  }
  const done = await rebuild(url);
  assert.deepEqual([done.status, done.stdout], [0, `${wrong}; all are right now.\n`]);
  assert.deepEqual(
    await query(
      url,
      'SELECT product_id, review_count, rating_sum FROM product_review_stats WHERE review_count <> 0 ORDER BY product_id',
    ),
    [
      { product_id: '1', review_count: 2, rating_sum: '9' },
      { product_id: '2', review_count: 1, rating_sum: '2' },
    ],
  );
  const current = await query(
    url,
    'SELECT rating FROM product_reviews WHERE superseded_at IS NULL ORDER BY id',
  );
  assert.deepEqual(current, [{ rating: 5 }, { rating: 4 }, { rating: 2 }]);
  for (const args of [[], ['--check']]) {
    const again = await rebuild(url, ...args);
    assert.deepEqual([again.status, again.stdout], [0, 'Everything agrees with the reviews.\n']);
  }
});

test('a database that was never migrated is a failure that says so', async () => {
  const url = await server.createDatabase();
  for (const args of [[], ['--check']]) {
    const failed = await rebuild(url, ...args);
    assert.deepEqual([failed.status, failed.stdout], [1, '']);
    assert.match(failed.stderr, /^The rebuild failed: .*product_reviews/);
  }
});

test('more reviews than fit into the server’s working memory are rebuilt all the same', async () => {
  const url = await server.createDatabase();
  await migrateDatabase(parseDatabaseUrl(url), schema);
  // Comparing each with a list of the newest took longer than anybody waits, from 300,000 rows on; with little memory
  // 80,000 are enough.
  await query(
    url,
    `ALTER TABLE product_reviews DISABLE TRIGGER USER;
     INSERT INTO product_reviews (product_id, author_id, author_name, rating)
     SELECT (n % 9)::text, (n % 60000)::text, 'x', 5 FROM generate_series(1, 80000) n;
     ALTER TABLE product_reviews ENABLE TRIGGER USER;`,
  );
  await query(
    url,
    `ALTER ROLE CURRENT_USER IN DATABASE ${new URL(url).pathname.slice(1)} SET work_mem = '64kB'`,
  );
  const done = await rebuild(url);
  assert.match(done.stdout, /the figures of 9 products were wrong; all are right now/);
  assert.equal((await rebuild(url, '--check')).status, 0);
});

test('it explains itself, and its errors are sentences without the password', async () => {
  assert.match((await rebuild('', '--help')).stdout, /Usage/);
  assert.equal((await rebuild('', '--what')).status, 2);
  assert.deepEqual((await rebuild('')).status, 78);
  const nobody = await rebuild('postgresql://app:hidden-word@127.0.0.1:9/none');
  assert.deepEqual([nobody.status, /^The rebuild failed/.test(nobody.stderr)], [1, true]);
  assert.doesNotMatch(nobody.stderr, /hidden-word/);
});
