/** Whatever types the old module or the database chose, clients get the contract's (section 3), and their input never a 500. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  createBackendTables,
  query,
  startTestDatabase,
  type TestDatabaseServer,
} from '../../../scripts/lab/database.ts';
import { parseDatabaseUrl } from '../../../src/config/database-url.ts';
import { migrateDatabase, schemaStatus } from '../../../src/infra/postgres/migrate.ts';
import { schema } from '../../../src/schema.ts';
import { api, untilReady } from '../../support/api.ts';
import { createAdoptedTable, createOldTable, oldInsert, statsAgree } from '../../support/old-reviews.ts';
import { startSidecar } from '../../support/start-sidecar.ts';

let server: TestDatabaseServer;

before(async () => {
  server = await startTestDatabase();
});

after(() => server.stop());

const databaseOf = (url: string) => new URL(url).pathname.slice(1);

/** A sidecar on a database that has the backend's tables beside the reviews. */
async function withSidecar(url: string, work: (reviews: string) => Promise<void>): Promise<void> {
  await createBackendTables(url);
  const sidecar = await startSidecar({ DATABASE_URL: url });
  try {
    await untilReady(sidecar);
    await work(`${sidecar.url}/api/products/1/reviews`);
  } finally {
    await sidecar.stop();
  }
}

test('names, ids and texts may have a collation in which case makes no difference', async () => {
  const url = await createOldTable(server);
  const ci = 'TYPE text COLLATE ci';
  await query(
    url,
    `CREATE COLLATION ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
     ALTER TABLE product_reviews ALTER product_id ${ci}, ALTER author_id ${ci}, ALTER author_name ${ci}, ALTER text ${ci}`,
  );
  await withSidecar(url, async (reviews) => {
    await query(
      url,
      `ALTER TABLE users ALTER name ${ci}, ALTER role ${ci}; UPDATE users SET name = 'Anna Bell' WHERE id = 1`,
    );
    for (const rating of [5, 4]) {
      const { status, body } = await api('POST', reviews, {
        user: 1,
        json: { rating, display_name: 'short' },
      });
      assert.deepEqual([status, body.review?.author_name], [200, 'Anna B.']);
    }
    assert.equal((await api('GET', reviews)).body.items[0].author_name, 'Anna B.');
    assert.equal((await api('GET', `${reviews}/me`, { user: 1 })).body.review.rating, 4);
  });
  await statsAgree(url);
});

const TYPES: Record<string, string> = {
  id: 'number',
  product_id: 'string',
  author_id: 'string',
  author_name: 'string',
  author_avatar_url: 'string',
  rating: 'number',
  text: 'string',
  created_at: 'string',
  edited_at: 'string',
};
const ISO_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

for (const { id, varchar, rating, createdAt } of [
  { id: 'serial', varchar: 'varchar(64)', rating: 'smallint', createdAt: 'varchar(64)' },
  { id: 'bigserial', varchar: 'text', rating: 'integer', createdAt: 'timestamptz' },
  { id: 'serial', varchar: 'varchar', rating: 'bigint', createdAt: 'timestamp' },
]) {
  test(`every value has the contract's type with ${id}, ${varchar}, ${rating} and ${createdAt} columns`, async () => {
    const url = await createOldTable(server, id, createdAt);
    await query(
      url,
      `ALTER TABLE product_reviews ALTER rating TYPE ${rating}, ALTER text TYPE ${varchar},
         ALTER product_id TYPE ${varchar}, ALTER author_id TYPE ${varchar}, ALTER author_name TYPE ${varchar}`,
    );
    await withSidecar(url, async (reviews) => {
      await api('POST', reviews, { user: 1, json: { rating: 4, text: 'first' } });
      const posted = await api('POST', reviews, { user: 1, json: { rating: 5, text: 'again' } });
      assert.equal(posted.status, 200, JSON.stringify(posted.body));
      const { body } = await api('GET', `${reviews}?limit=1`);
      for (const review of [posted.body.review, body.items[0]]) {
        const types = Object.entries(review).map(([name, value]) => [name, typeof value]);
        assert.partialDeepStrictEqual(Object.fromEntries(types), TYPES);
        assert.match(review.created_at, ISO_TIME);
        assert.match(review.edited_at, ISO_TIME);
      }
      assert.partialDeepStrictEqual(posted.body.review, body.items[0]);
      assert.partialDeepStrictEqual(body.summary, { count: 3, avg_rating: 4.67 });
      assert.equal(body.next_cursor, String(body.items[0].id));
      const next = await api('GET', `${reviews}?limit=1&cursor=${body.next_cursor}`);
      assert.equal(next.body.items[0].author_id, '7');
    });
  });
}

for (const dateStyle of ['SQL, DMY', 'German', 'Postgres, MDY']) {
  test(`times are ISO where the database's DateStyle is ${dateStyle}`, async () => {
    const url = await createOldTable(server);
    await query(
      url,
      `ALTER DATABASE ${databaseOf(url)} SET DateStyle = '${dateStyle}';
       ALTER DATABASE ${databaseOf(url)} SET TimeZone = 'Asia/Tashkent'`,
    );
    await withSidecar(url, async (reviews) => {
      const before = Date.now();
      await api('POST', reviews, { user: 1, json: { rating: 4 } });
      const { review } = (await api('POST', reviews, { user: 1, json: { rating: 5 } })).body;
      const [listed] = (await api('GET', reviews)).body.items;
      assert.partialDeepStrictEqual(review, listed);
      for (const time of [review.created_at, review.edited_at]) {
        assert.match(time, ISO_TIME);
        assert.ok(Math.abs(Date.parse(time) - before) < 60_000, time);
      }
    });
  });
}

test('a time without a zone in a timestamp column is UTC, whatever the zone of the session', async () => {
  const url = await createOldTable(server, 'serial', 'timestamp');
  await query(url, `ALTER DATABASE ${databaseOf(url)} SET TimeZone = 'Asia/Tashkent'`);
  await oldInsert(url, ['1', '9', 'Cy', 3, null, '2024-06-01T10:00:00']);
  await withSidecar(url, async (reviews) => {
    assert.equal((await api('GET', reviews)).body.items[0].created_at, '2024-06-01T10:00:00.000Z');
  });
});

for (const change of [
  'ALTER id TYPE bigint',
  'ALTER id TYPE integer',
  'ALTER product_id TYPE varchar(64)',
  'ALTER author_id TYPE varchar(64), ALTER author_name TYPE varchar(120)',
  'ALTER rating TYPE smallint',
  'ALTER rating TYPE bigint',
  'ALTER text TYPE varchar(500)',
  `ALTER created_at TYPE text`,
]) {
  test(`the backend's migrations may ${change} with everything of ours there, which works on`, async () => {
    const url = await createAdoptedTable(server, change === 'ALTER id TYPE bigint' ? 'serial' : 'bigserial');
    const target = parseDatabaseUrl(url);
    await query(url, `ALTER TABLE product_reviews ${change}`);
    assert.deepEqual((await schemaStatus(target, schema)).problems, []);
    await oldInsert(url, ['1', '7', 'Ann', 1, null, '2024-06-01T10:00:00']);
    await query(url, `DELETE FROM product_reviews WHERE id = 2`);
    await statsAgree(url);
    assert.deepEqual(await migrateDatabase(target, schema).then(({ repaired }) => repaired), []);
  });
}
