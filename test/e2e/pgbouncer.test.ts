/** sidecar → PgBouncer in transaction mode → PostgreSQL: what docs/configuration.md promises of poolers. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import pg from 'pg';
import {
  createBackendTables,
  query,
  startTestDatabase,
  type TestDatabaseServer,
  usingDatabase,
} from '../../scripts/lab/database.ts';
import { type PgBouncer, POOL_SIZE, startPgBouncer } from '../../scripts/lab/pgbouncer.ts';
import { until } from '../../scripts/lab/programs.ts';
import { startProcess } from '../../scripts/lab/sidecar.ts';
import { untilMigrated } from '../../scripts/lab/until-migrated.ts';
import { parseDatabaseUrl } from '../../src/config/database-url.ts';
import { recountEverything } from '../../src/features/reviews/tables/adoption.ts';
import { findDrift } from '../../src/features/reviews/tables/figures.ts';
import {
  longTransaction,
  longWork,
  migrateDatabase,
  rollBackDatabase,
  schemaStatus,
} from '../../src/infra/postgres/migrate.ts';
import { type Migration, migrationsOf } from '../../src/infra/postgres/schema-parts.ts';
import { schema } from '../../src/schema.ts';
import { api, untilAvailable, untilReady } from '../support/api.ts';
import { withinTime } from '../support/in-time.ts';
import { skipWithout } from '../support/requirements.ts';
import { startSidecar, type TestSidecar } from '../support/start-sidecar.ts';

const skip = skipWithout(['pgbouncer']);
let server: TestDatabaseServer;
let pooler: PgBouncer;
/** The sidecar's database, for the tests' own SQL. */
let url: string;
let sidecar: TestSidecar;

before(async () => {
  if (skip) return;
  server = await startTestDatabase();
  pooler = await startPgBouncer(server);
  url = await server.createDatabase();
  await createBackendTables(url);
  // So that each of the users may review each of the products.
  await query(url, 'UPDATE products SET seller_id = NULL');
  sidecar = await startSidecar({ DATABASE_URL: pooler.through(url) });
  await untilReady(sidecar);
});

after(async () => {
  await sidecar?.stop();
  await pooler?.stop();
  await server?.stop();
});

const reviewsUrl = (productId: number) => `${sidecar.url}/api/products/${productId}/reviews`;
const list = (productId: number) => api('GET', reviewsUrl(productId));
const post = (user: number, productId: number, rating: number) =>
  api('POST', reviewsUrl(productId), { user, json: { rating, text: 'pooled' } });

test('the sidecar migrates through it, and reviews are posted, edited and listed', { skip }, async () => {
  assert.partialDeepStrictEqual((await list(1)).body.summary, { avg_rating: 0, count: 0 });
  const posted = await post(1, 1, 2);
  assert.partialDeepStrictEqual(posted, { status: 200, body: { summary: { avg_rating: 2, count: 1 } } });
  const edited = await post(1, 1, 5);
  assert.equal(edited.body.review.id, posted.body.review.id);
  assert.equal((await post(2, 1, 4)).status, 200);
  const { body } = await list(1);
  assert.deepEqual(
    body.items.map((item: { author_name: string; rating: number }) => [item.author_name, item.rating]),
    [
      ['Boris', 4],
      ['Anna', 5],
    ],
  );
  assert.partialDeepStrictEqual(body.summary, { avg_rating: 4.5, count: 2 });
});

test('requests at once share its few connections, each transaction for itself', { skip }, async () => {
  const answers = await Promise.all(
    Array.from({ length: 40 }, (_, i) =>
      untilAvailable(() => (i % 2 ? list(2) : post([1, 2, 5][i % 3] ?? 1, 2, 1 + (i % 5)))),
    ),
  );
  for (const { status, body } of answers) assert.equal(status, 200, JSON.stringify(body));
  assert.equal((await list(2)).body.summary.count, 3);
  const sessions = await query(
    url,
    `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'gogomarket-sidecar'`,
  );
  assert.ok(sessions.length <= POOL_SIZE, `${sessions.length} connections`);
  assert.deepEqual(await longTransaction(parseDatabaseUrl(url), 'rollback', findDrift), {
    reviews: 0,
    products: 0,
  });
});

test('the first requests after a start are answered, however many come at once', { skip }, async () => {
  const fresh = await startSidecar({ DATABASE_URL: pooler.through(url), MIGRATE_ON_START: 'false' });
  try {
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => api('GET', `${fresh.url}/api/products/1/reviews`)),
    );
    assert.deepEqual(
      answers.map(({ status }) => status),
      Array(10).fill(200),
    );
  } finally {
    await fresh.stop();
  }
});

test('while it is away our routes are 503, and they work again when it is back', { skip }, async () => {
  await pooler.restart(async () => {
    for (const answer of [await list(1), await post(5, 1, 3)]) {
      assert.deepEqual([answer.status, answer.headers.get('retry-after')], [503, '1']);
    }
  });
  assert.equal((await list(1)).status, 200);
  assert.equal((await post(5, 1, 3)).status, 200);
});

test('a database that is away behind it is a 503 within five seconds', { skip }, async () => {
  const lonely = await startPgBouncer({ url: server.url, port: 9 });
  const other = await startSidecar({ DATABASE_URL: lonely.through(url), MIGRATE_ON_START: 'false' });
  try {
    for (const _ of ['the first time', 'once PgBouncer knows']) {
      const answer = await withinTime(5_000, other, api('GET', `${other.url}/api/products/1/reviews`));
      assert.equal(answer === 'late' ? answer : answer.status, 503);
    }
  } finally {
    await other.stop();
    await lonely.stop();
  }
});

test('a post that hangs is 503 within five seconds, leaves nothing behind, and the next one works', {
  skip,
}, async () => {
  const holder = new pg.Client({ connectionString: url });
  await holder.connect();
  await holder.query('BEGIN; LOCK TABLE product_reviews');
  try {
    const answer = await withinTime(5_000, sidecar, post(1, 3, 1));
    assert.equal(answer === 'late' ? answer : answer.status, 503);
  } finally {
    await holder.end();
  }
  const posted = await post(2, 3, 5);
  assert.partialDeepStrictEqual(posted, { status: 200, body: { summary: { avg_rating: 5, count: 1 } } });
});

test('a statement that hangs is ended in PostgreSQL, too, once we have given up', { skip }, async () => {
  await usingDatabase(pooler.through(url), async (database) => {
    await assert.rejects(
      database.run((knex) => knex.raw(`SELECT 'still busy', pg_sleep(60)`)),
      { status: 503 },
    );
  });
  const running = `SELECT 1 FROM pg_stat_activity
                    WHERE state = 'active' AND query LIKE '%still busy%' AND pid <> pg_backend_pid()`;
  // It would go on for a minute.
  await until('it to end', async () => (await query(url, running)).length === 0, { patienceMs: 30_000 });
});

test('what the role sets for its sessions changes neither times nor transactions nor migrations', {
  skip,
}, async () => {
  const odd = await server.createDatabase();
  const name = new URL(odd).pathname.slice(1);
  for (const setting of [
    `DateStyle = 'SQL, DMY'`,
    `TimeZone = 'Asia/Tashkent'`,
    `default_transaction_isolation = 'serializable'`,
    'statement_timeout = 100',
    'lock_timeout = 100',
  ]) {
    await query(odd, `ALTER ROLE app IN DATABASE ${name} SET ${setting}`);
  }
  const target = parseDatabaseUrl(pooler.through(odd));
  const slow: Migration = {
    name: '0001-slow',
    up: async (trx) => {
      await trx.raw('SELECT pg_sleep(0.3)');
    },
    down: async () => undefined,
  };
  assert.deepEqual((await migrateDatabase(target, [{ migrations: [slow] }])).applied, ['0001-slow']);
  await usingDatabase(target, async (database) => {
    const { rows } = await database.transaction((trx) =>
      trx.raw(`SELECT now()::text AS now, current_setting('transaction_isolation') AS isolation`),
    );
    assert.match(rows[0].now, /^\d{4}-.*\+00$/);
    assert.equal(rows[0].isolation, 'read committed');
  });
});

test('a schema that the URL asks for and PgBouncer cannot pass on is a 503, never another schema', {
  skip,
}, async () => {
  // One refuses it; the other, as many are set up, says nothing and goes without.
  const silent = await startPgBouncer(server, 'ignore_startup_parameters = options');
  try {
    for (const through of [pooler.through(url), silent.through(url)]) {
      for (const parameter of [
        'options=-csearch_path%3Dshop',
        'options=--search-path%3Dshop',
        'search_path=shop',
      ]) {
        const other = await startSidecar({
          DATABASE_URL: `${through}?${parameter}`,
          MIGRATE_ON_START: 'false',
        });
        try {
          const { status } = await api('GET', `${other.url}/api/products/1/reviews`);
          assert.equal(status, 503, parameter);
        } finally {
          await other.stop();
        }
      }
    }
    // Where the database's own default is the one that is asked for, all is well.
    const same = await startSidecar({
      DATABASE_URL: `${silent.through(url)}?search_path=%22$user%22,%20public`,
      MIGRATE_ON_START: 'false',
    });
    assert.equal((await api('GET', `${same.url}/api/products/1/reviews`)).status, 200);
    await same.stop();
  } finally {
    await silent.stop();
  }
});

test('sidecars that start at once migrate exactly once through it', { skip }, async () => {
  const fresh = await server.createDatabase();
  await createBackendTables(fresh);
  const env = { DATABASE_URL: pooler.through(fresh), MIGRATE_ON_START: 'true' };
  const sidecars = await Promise.all([1, 2, 3, 4].map(() => startProcess(env)));
  try {
    await untilMigrated(fresh);
    for (const { url: at } of sidecars) {
      // Another of them may still be putting something right.
      const answer = await untilAvailable(() =>
        api('POST', `${at}/api/products/1/reviews`, { user: 1, json: { rating: 3 } }),
      );
      assert.equal(answer.status, 200, JSON.stringify(answer.body));
    }
  } finally {
    await Promise.all(sidecars.map((one) => one.end()));
  }
  const applied = sidecars
    .flatMap((one) => one.log())
    .flatMap((line) => (line.msg === 'database migrated' ? line.applied : []));
  assert.deepEqual(
    applied.toSorted(),
    migrationsOf(schema)
      .map(({ name }) => name)
      .toSorted(),
  );
});

test('a migration is taken back and applied again through it, and figures that went wrong are rebuilt', {
  skip,
}, async () => {
  const target = parseDatabaseUrl(pooler.through(url));
  const names = migrationsOf(schema).map(({ name }) => name);
  assert.deepEqual((await rollBackDatabase(target, schema)).undone, names.slice(-1));
  assert.deepEqual((await schemaStatus(target, schema)).pending, names.slice(-1));
  assert.deepEqual((await migrateDatabase(target, schema)).applied, names.slice(-1));
  await query(
    url,
    `BEGIN; SET LOCAL session_replication_role = replica;
     INSERT INTO product_reviews (product_id, author_id, author_name, rating) VALUES ('1', '9', 'x', 1);
     COMMIT`,
  );
  assert.deepEqual(await longTransaction(target, 'rollback', findDrift), { reviews: 1, products: 1 });
  await longWork(target, {}, recountEverything);
  assert.deepEqual(await longTransaction(target, 'rollback', findDrift), { reviews: 0, products: 0 });
});
