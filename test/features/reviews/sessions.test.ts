/** The old module's own sessions fire our triggers with whatever settings they have: its INSERT works as without us. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import {
  query,
  startTestDatabase,
  type TestDatabaseServer,
  usingDatabase,
} from '../../../scripts/lab/database.ts';
import { parseDatabaseUrl } from '../../../src/config/database-url.ts';
import { OWN_TABLES } from '../../../src/features/reviews/tables/own-tables.ts';
import { migrateDatabase, schemaStatus } from '../../../src/infra/postgres/migrate.ts';
import { schema } from '../../../src/schema.ts';
import { createAdoptedTable, createOldTable, oldInsert, statsAgree } from '../../support/old-reviews.ts';
import { reviewWriter } from '../../support/put-review.ts';
import { newestReviews } from '../../support/review-reader.ts';

let server: TestDatabaseServer;

before(async () => {
  server = await startTestDatabase();
});

after(() => server.stop());

const migrated = () => createAdoptedTable(server);

/** Runs work in a session with settings of its own. */
async function inSession<T>(
  url: string,
  settings: string,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(settings);
    return await work(client);
  } finally {
    await client.end();
  }
}

const INSERT = `INSERT INTO product_reviews (product_id, author_id, author_name, rating, text, created_at)
                VALUES ($1, $2, 'x', $3, NULL, now())`;

const list = (url: string, productId: string) =>
  usingDatabase(url, (database) => newestReviews(database, productId));

const ratings = async (url: string) =>
  (await list(url, '1')).items.map(({ author_id, rating }) => `${author_id}: ${rating}`);

for (const level of ['REPEATABLE READ', 'SERIALIZABLE']) {
  test(`an insert at ${level} works, whatever others have written since its transaction began, and is shown`, async () => {
    const url = await migrated();
    await inSession(url, `BEGIN ISOLATION LEVEL ${level}; SELECT 1 FROM product_reviews`, async (client) => {
      // Author 7's former review, and the stats that the insert changes: updated behind the snapshot.
      await query(url, 'UPDATE product_reviews SET rating = 1 WHERE product_id = $1', ['1']);
      await oldInsert(url, ['1', '8', 'Bob', 2, null, new Date()]);
      await client.query(INSERT, ['1', '7', 3]);
      await client.query('COMMIT');
    });
    assert.deepEqual(await ratings(url), ['7: 3', '8: 2']);
    assert.deepEqual((await list(url, '1')).summary, { count: 2, avg_rating: 2.5 });
    await statsAgree(url);
  });
}

test('updates, deletes and moves at REPEATABLE READ count as well', async () => {
  const url = await migrated();
  await inSession(url, 'SET default_transaction_isolation = "repeatable read"', async (client) => {
    for (const sql of [
      `UPDATE product_reviews SET rating = 3 WHERE id = 2`,
      `DELETE FROM product_reviews WHERE id = 3`,
      `UPDATE product_reviews SET product_id = '1', author_id = '9' WHERE id = 4`,
      `UPDATE product_reviews SET rating = NULL WHERE id = 2`,
    ]) {
      await client.query(sql);
    }
  });
  assert.deepEqual(await ratings(url), ['9: 1', '7: 2']);
  assert.deepEqual((await list(url, '1')).summary, { count: 2, avg_rating: 1.5 });
  assert.deepEqual((await list(url, '2')).summary, { count: 0, avg_rating: 0 });
  await statsAgree(url);
});

test('changes noted at REPEATABLE READ are counted once, whoever settles and counts meanwhile', async () => {
  const url = await migrated();
  let writing = true;
  const writer = inSession(url, 'SET default_transaction_isolation = "repeatable read"', async (client) => {
    for (let n = 0; n < 60; n += 1) {
      await client.query(INSERT, ['1', String(n % 9), 1 + (n % 5)]);
      if (n % 3 === 0)
        await client.query('DELETE FROM product_reviews WHERE author_id = $1', [String(n % 7)]);
    }
  }).catch((error) => {
    // Of a row that was marked behind its snapshot, as before.
    assert.equal(error.code, '40001');
  });
  const done = writer.then(() => {
    writing = false;
  });
  const settler = async (sql: string) => {
    while (writing) {
      await query(url, sql).catch((error) => assert.match(error.code, /^40/));
    }
  };
  await Promise.all([
    settler('DELETE FROM product_reviews_unsettled'),
    settler(`DELETE FROM product_reviews_unsettled WHERE product_id = '1'`),
    // Counts everything anew.
    settler(`INSERT INTO product_reviews_unsettled (product_id) VALUES ('1')`),
    done,
  ]);
  await query(url, 'DELETE FROM product_reviews_unsettled');
  await statsAgree(url);
});

test('a note that is being deleted while its product is counted is not added to what was counted', async () => {
  const url = await migrated();
  const waiting = `SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`;
  const untilWaiting = async (many: number) => {
    while ((await query(url, waiting)).length < many) await sleep(20);
  };
  await inSession(url, 'SET default_transaction_isolation = "repeatable read"', (client) =>
    client.query('UPDATE product_reviews SET rating = 1 WHERE id = 3'),
  );
  const [{ product, note } = { product: '', note: '' }] = await query<{ product: string; note: string }>(
    url,
    'SELECT product_id AS product, id::text AS note FROM product_reviews_unsettled WHERE change IS NOT NULL',
  );
  await inSession(url, 'BEGIN', async (blocker) => {
    await blocker.query('SELECT FROM product_review_stats WHERE product_id = $1 FOR UPDATE', [product]);
    await query(url, 'INSERT INTO product_reviews_unsettled (product_id) VALUES ($1)', [product]);
    // First in the queue for the stats; it sees the note, of which nobody knows yet that it is being deleted.
    const counting = query(
      url,
      'DELETE FROM product_reviews_unsettled WHERE author_id IS NULL AND change IS NULL',
    );
    await untilWaiting(1);
    const adding = query(url, 'DELETE FROM product_reviews_unsettled WHERE id = $1', [note]);
    await untilWaiting(2);
    await blocker.query('COMMIT');
    await Promise.all([counting, adding]);
  });
  await query(url, 'DELETE FROM product_reviews_unsettled');
  await statsAgree(url);
});

test('a backup of data alone that has notes counts nothing twice', async () => {
  const url = await migrated();
  await inSession(url, 'SET default_transaction_isolation = serializable', (client) =>
    client.query('UPDATE product_reviews SET rating = 1 WHERE id = 3'),
  );
  await query(
    url,
    `CREATE TABLE notes AS TABLE product_reviews_unsettled; DELETE FROM product_reviews_unsettled;
     INSERT INTO product_reviews_unsettled (product_id, author_id, change) SELECT product_id, author_id, change FROM notes`,
  );
  assert.notEqual((await query(url, 'SELECT FROM product_reviews_unsettled')).length, 0);
  await statsAgree(url);
});

test('many such inserts at once, beside posts of the sidecar, all succeed and all count', async () => {
  const url = await migrated();
  const inserts = Array.from({ length: 4 }, (_, writer) =>
    inSession(url, 'SET default_transaction_isolation = serializable', async (client) => {
      for (let n = 0; n < 15; n += 1)
        await client.query(INSERT, ['1', String((writer + n) % 6), 1 + (n % 5)]);
    }),
  );
  const posts = usingDatabase(url, async (database) => {
    const put = reviewWriter(database);
    for (let n = 0; n < 15; n += 1) {
      await put('1', { id: n % 6, name: 'x' }, { rating: 1 + (n % 5), text: null });
    }
  });
  await Promise.all([...inserts, posts]);
  assert.deepEqual((await list(url, '1')).summary.count, 8);
  await statsAgree(url);
});

test('a review that others never let settle is refused as busy, and a later one succeeds', async () => {
  const url = await migrated();
  await inSession(url, 'SET default_transaction_isolation = serializable', (client) =>
    client.query(INSERT, ['1', '7', 1]),
  );
  await query(
    url,
    `CREATE FUNCTION again() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
     CREATE TRIGGER again BEFORE DELETE ON product_reviews_unsettled FOR EACH ROW EXECUTE FUNCTION again()`,
  );
  await usingDatabase(url, async (database) => {
    const put = () => reviewWriter(database)('1', { id: 7, name: 'Ann' }, { rating: 4, text: null });
    await assert.rejects(put(), { key: 'busy', status: 503 });
    await query(url, 'DROP TRIGGER again ON product_reviews_unsettled');
    assert.equal((await put()).stats.review_count, 2);
  });
});

test('an edit meets the author’s newest review, also one that was not settled', async () => {
  const url = await migrated();
  await inSession(url, 'SET default_transaction_isolation = serializable', (client) =>
    client.query(INSERT, ['1', '7', 1]),
  );
  await usingDatabase(url, async (database) => {
    const { review, stats } = await reviewWriter(database)(
      '1',
      { id: 7, name: 'Ann' },
      { rating: 4, text: 'edited' },
    );
    assert.deepEqual([review.id, stats.review_count, stats.rating_sum], [5, 2, 8]);
  });
  assert.deepEqual(await ratings(url), ['7: 4', '8: 4']);
});

test('an insert does not wait for a review under way longer than its lock_timeout, nor long without one', async () => {
  const url = await migrated();
  await inSession(url, 'BEGIN', async (slow) => {
    await slow.query(INSERT, ['1', '7', 1]);
    for (const settings of [`SET lock_timeout = '50ms'`, 'SET lock_timeout = 0']) {
      await inSession(url, `${settings}; SET statement_timeout = '20s'`, async (client) => {
        await client.query(INSERT, ['1', '7', 2]);
        await client.query('DELETE FROM product_reviews WHERE id = 2');
      });
    }
    await slow.query('COMMIT');
  });
  assert.deepEqual(await ratings(url), ['7: 2']);
  await statsAgree(url);
});

for (const settings of [
  `SET search_path = pg_temp`,
  `SET DateStyle = 'SQL, DMY'; SET IntervalStyle = sql_standard; SET TimeZone = 'Asia/Tashkent'`,
  `SET row_security = off`,
  `SET quote_all_identifiers = on; SET standard_conforming_strings = off`,
  `SET enable_indexscan = off; SET enable_bitmapscan = off; SET plan_cache_mode = force_generic_plan`,
]) {
  test(`inserts count in a session with ${settings}`, async () => {
    const url = await migrated();
    await inSession(url, settings, async (client) => {
      await client.query(INSERT.replace('product_reviews', 'public.product_reviews'), ['1', '7', 3]);
      await client.query(INSERT.replace('product_reviews', 'public.product_reviews'), ['1', '9', 3]);
    });
    assert.deepEqual(await query(url, 'SELECT 1 FROM product_reviews_unsettled'), []);
    assert.deepEqual(await ratings(url), ['9: 3', '7: 3', '8: 4']);
    await statsAgree(url);
  });
}

test('a session without triggers inserts without an error, and what it wrote counts after a repair', async () => {
  const url = await migrated();
  await inSession(url, 'SET session_replication_role = replica', (client) =>
    client.query(INSERT, ['1', '7', 1]),
  );
  assert.deepEqual((await list(url, '1')).summary, { count: 2, avg_rating: 4.5 });
  await migrateDatabase(parseDatabaseUrl(url), schema, { repair: true });
  assert.deepEqual(await ratings(url), ['7: 1', '8: 4']);
  await statsAgree(url);
});

test('the old module’s INSERT works while parts of ours are missing, and counts once they are back', async () => {
  for (const damage of [
    'DROP TABLE product_review_stats',
    'DROP TABLE product_review_stats, product_reviews_unsettled',
    'DROP FUNCTION product_reviews_make_current(text[], text[])',
    'DROP FUNCTION product_review_turn(text, text)',
    'DROP INDEX product_reviews_current; UPDATE product_reviews SET superseded_at = NULL',
    'ALTER TABLE product_review_stats ALTER review_count TYPE smallint, ADD CHECK (review_count < 3)',
  ]) {
    const url = await migrated();
    await query(url, damage);
    await oldInsert(url, ['1', '7', 'Ann', 1, null, new Date()]);
    await oldInsert(url, ['1', '9', 'Cy', 2, null, new Date()]);
    await query(url, 'DELETE FROM product_reviews WHERE id = 2');
    await migrateDatabase(parseDatabaseUrl(url), schema);
    assert.deepEqual(await ratings(url), ['9: 2', '7: 1'], damage);
    await statsAgree(url);
  }
});

test('a role that may write reviews but not our tables is refused nothing', async () => {
  const url = await migrated();
  await query(
    url,
    `CREATE ROLE writer LOGIN PASSWORD 'word';
     GRANT SELECT, INSERT, UPDATE, DELETE ON product_reviews TO writer;
     GRANT USAGE ON SEQUENCE product_reviews_id_seq TO writer;`,
  );
  const asWriter = url.replace(/\/\/[^@]*@/, '//writer:word@');
  await inSession(asWriter, 'SET default_transaction_isolation = "repeatable read"', async (client) => {
    await client.query(INSERT, ['1', '7', 1]);
    await client.query('DELETE FROM product_reviews WHERE id = 2');
  });
  assert.deepEqual(await ratings(url), ['7: 1']);
  await statsAgree(url);
});

/** In a database whose sessions are as odd as this. */
const ODD = [
  'default_transaction_isolation = "repeatable read"',
  "DateStyle = 'German, DMY'",
  'quote_all_identifiers = on',
  'standard_conforming_strings = off',
  "lock_timeout = '1ms'",
  "IntervalStyle = 'iso_8601'",
  'search_path = shop, "The Reviews"',
];

test('the sidecar’s own sessions may have any defaults, and the table any schema of the path', async () => {
  const url = await createOldTable(server);
  const database = new URL(url).pathname.slice(1);
  await query(
    url,
    `CREATE SCHEMA shop; CREATE SCHEMA "The Reviews";
     ALTER TABLE product_reviews SET SCHEMA "The Reviews";
     ${ODD.map((setting) => `ALTER DATABASE ${database} SET ${setting}`).join('; ')}`,
  );
  const target = parseDatabaseUrl(url);
  await migrateDatabase(target, schema);
  assert.deepEqual((await schemaStatus(target, schema)).problems, []);
  assert.deepEqual((await migrateDatabase(target, schema)).repaired, []);
  assert.deepEqual(
    await query(url, `SELECT tablename FROM pg_tables WHERE schemaname = 'The Reviews' ORDER BY 1`),
    ['product_reviews', ...Object.keys(OWN_TABLES)].sort().map((tablename) => ({ tablename })),
  );
  await usingDatabase(url, async (own) => {
    const put = reviewWriter(own);
    const taps = Array.from({ length: 6 }, (_, n) =>
      put('1', { id: 5, name: 'Vera' }, { rating: 1 + (n % 5), text: null }),
    );
    assert.equal(new Set((await Promise.all(taps)).map(({ review }) => review.id)).size, 1);
    const { items, summary } = await newestReviews(own, '1', 5);
    assert.deepEqual([items.length, summary.count], [3, 3]);
    assert.match(items[0]?.edited_at ?? '', /^\d{4}-\d\d-\d\dT/);
  });
  await oldInsert(url, ['1', '7', 'Ann', 1, null, new Date()]);
  await statsAgree(url);
});

test('a post that PostgreSQL chooses as the victim of a deadlock is done once more', async () => {
  const url = await migrated();
  await inSession(url, `SET deadlock_timeout = '60s'; BEGIN`, async (client) => {
    await client.query('SELECT 1 FROM product_reviews WHERE id = 3 FOR UPDATE');
    await usingDatabase(url, async (database) => {
      const posted = reviewWriter(database)('1', { id: 7, name: 'Ann' }, { rating: 4, text: 'through' });
      const waiting = `SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`;
      while ((await query(url, waiting)).length === 0) await sleep(20);
      // From now on they wait for each other.
      const turn = client.query(`SELECT pg_advisory_xact_lock(product_review_turn('1', '7'))`);
      await turn.then(() => client.query('COMMIT'));
      assert.equal((await posted).review.text, 'through');
    });
  });
  assert.deepEqual(await query(url, 'SELECT text FROM product_reviews WHERE id = 3'), [{ text: 'through' }]);
});
