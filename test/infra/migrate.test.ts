/** Migrations beside others: locks held by somebody else, processes that stop or die, tables that cannot be adopted. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { query, startTestDatabase, type TestDatabaseServer } from '../../scripts/lab/database.ts';
import { until } from '../../scripts/lab/programs.ts';
import { parseDatabaseUrl } from '../../src/config/database-url.ts';
import { createLogger } from '../../src/infra/logger.ts';
import { migrateDatabase, rollBackDatabase, schemaStatus } from '../../src/infra/postgres/migrate.ts';
import { type Migration, migrationsOf } from '../../src/infra/postgres/schema-parts.ts';
import { startMigrations } from '../../src/infra/postgres/start-migrations.ts';
import { schema } from '../../src/schema.ts';
import { createOldTable, oldInsert, statsAgree } from '../support/old-reviews.ts';

const ADVISORY_LOCK = 7_206_150_331;
const silent = createLogger('silent');
let server: TestDatabaseServer;

before(async () => {
  server = await startTestDatabase();
});

after(() => server.stop());

/** Runs work while another session has done `sql` in a transaction that stays open. */
async function whileHeld<T>(url: string, sql: string, work: () => Promise<T>): Promise<T> {
  const holder = new pg.Client({ connectionString: url });
  await holder.connect();
  try {
    await holder.query('BEGIN');
    await holder.query(sql);
    return await work();
  } finally {
    await holder.end();
  }
}

/** Waits until the sidecar has a session there whose last statement matches. */
async function untilRunning(url: string, statement: RegExp): Promise<void> {
  await until(`somebody to run ${statement}`, async () => {
    const sessions = await query<{ query: string }>(
      url,
      `SELECT query FROM pg_stat_activity WHERE application_name = 'gogomarket-sidecar' AND datname = current_database()`,
    );
    return sessions.some((session) => statement.test(session.query));
  });
}

const sleepy: Migration = {
  name: '0001-sleepy',
  up: async (trx) => {
    await trx.raw('CREATE TABLE half_made (n integer)');
    await trx.raw('SELECT pg_sleep(60)');
  },
  down: async () => undefined,
};

test('a role that may not change the database is told who can help, and how', async () => {
  const url = await createOldTable(server);
  await query(
    url,
    `CREATE ROLE guest LOGIN PASSWORD 'word'; GRANT ALL ON product_reviews TO guest; REVOKE CREATE ON SCHEMA public FROM PUBLIC`,
  );
  const migrate = () => migrateDatabase(parseDatabaseUrl(url.replace(/\/\/.*@/, '//guest:word@')), schema);
  await assert.rejects(
    migrate,
    /^Error: The role guest may not change .* \(GRANT CREATE ON SCHEMA public TO guest\)\.$/,
  );
  await query(url, 'GRANT CREATE ON SCHEMA public TO guest');
  await assert.rejects(
    migrate,
    /^Error: The role guest may not change the database: must be owner of table product_reviews \(/,
  );
  await query(url, 'ALTER TABLE product_reviews OWNER TO guest');
  assert.notDeepEqual((await migrate()).applied, []);
});

test('a database that ends transactions after a moment is migrated all the same', async (t) => {
  const url = await createOldTable(server);
  const [known] = await query(url, `SELECT FROM pg_settings WHERE name = 'transaction_timeout'`);
  if (known === undefined) return t.skip('before PostgreSQL 17 none does');
  await query(
    server.url,
    `ALTER DATABASE ${new URL(url).pathname.slice(1)} SET transaction_timeout = '100ms'`,
  );
  let migrating: Promise<unknown> = Promise.resolve();
  await whileHeld(url, 'SET LOCAL transaction_timeout = 0; SELECT FROM product_reviews', async () => {
    migrating = migrateDatabase(parseDatabaseUrl(url), schema);
    await Promise.race([migrating, untilRunning(url, /ALTER TABLE product_reviews/)]);
    await sleep(200);
  });
  await migrating;
  assert.deepEqual((await schemaStatus(parseDatabaseUrl(url), schema)).problems, []);
});

test('stopping does not wait for another process that migrates', async () => {
  const url = await server.createDatabase();
  await whileHeld(url, `SELECT pg_advisory_xact_lock(${ADVISORY_LOCK})`, async () => {
    const migrating = startMigrations(parseDatabaseUrl(url), schema, silent);
    await untilRunning(url, /pg_try_advisory_xact_lock/);
    await migrating.stop();
  });
});

test('stopping does not wait for a migration that waits for a table', async () => {
  const url = await createOldTable(server);
  await whileHeld(url, 'LOCK TABLE product_reviews', async () => {
    const migrating = startMigrations(parseDatabaseUrl(url), schema, silent);
    await untilRunning(url, /product_reviews/);
    await migrating.stop();
  });
});

test('a migration that is cut off has changed nothing, and the next process applies it', async () => {
  const url = await server.createDatabase();
  const stopping = new AbortController();
  const cut = migrateDatabase(parseDatabaseUrl(url), [{ migrations: [sleepy] }], { signal: stopping.signal });
  const failed = assert.rejects(cut);
  await untilRunning(url, /pg_sleep/);
  stopping.abort();
  await failed;
  // The server notices only when the statement ends.
  await query(
    url,
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query ~ 'pg_sleep' AND pid <> pg_backend_pid()`,
  );
  assert.deepEqual(await query(url, `SELECT to_regclass('half_made') AS made`), [{ made: null }]);
  const awake: Migration = {
    ...sleepy,
    up: async (trx) => void (await trx.raw('CREATE TABLE half_made (n integer)')),
  };
  assert.deepEqual((await migrateDatabase(parseDatabaseUrl(url), [{ migrations: [awake] }])).applied, [
    '0001-sleepy',
  ]);
});

test('stopping does not wait for a database that accepts and says nothing', async () => {
  const mute = createServer().listen(0, '127.0.0.1');
  await once(mute, 'listening');
  const connected = once(mute, 'connection');
  const { port } = mute.address() as AddressInfo;
  const migrating = startMigrations(parseDatabaseUrl(`postgresql://a:b@127.0.0.1:${port}/d`), schema, silent);
  const [socket] = (await connected) as [Socket];
  const gone = once(socket.resume(), 'close');
  await migrating.stop();
  await gone;
  mute.close();
});

test('a server older than the oldest that we promise is refused with a sentence and stays as it is', async () => {
  const url = await createOldTable(server);
  await query(
    url,
    `CREATE SCHEMA shadow; CREATE FUNCTION shadow.current_setting(name text) RETURNS text LANGUAGE sql AS
       $$ SELECT CASE name WHEN 'server_version' THEN '12.22' WHEN 'server_version_num' THEN '120022'
                           ELSE pg_catalog.current_setting(name) END $$`,
  );
  const target = { ...parseDatabaseUrl(url), options: '-csearch_path=shadow,pg_catalog,public' };
  const refusal = {
    message: 'The sidecar needs PostgreSQL 13 or newer, and this is 12.22: nothing was changed.',
  };
  await assert.rejects(migrateDatabase(target, schema), refusal);
  await assert.rejects(schemaStatus(target, schema), refusal);
  assert.deepEqual((await schemaStatus(parseDatabaseUrl(url), schema)).applied, []);
});

test('readers are not locked out while the current reviews are worked out', async () => {
  const url = await createOldTable(server);
  await migrateDatabase(parseDatabaseUrl(url), [{ migrations: migrationsOf(schema).slice(0, 1) }]);
  await whileHeld(url, 'SELECT * FROM product_reviews', async () => {
    // ACCESS EXCLUSIVE would have to wait for that reader, and give up.
    const { applied } = await migrateDatabase(parseDatabaseUrl(url), schema);
    assert.equal(applied.length, migrationsOf(schema).length - 1);
  });
  await statsAgree(url);
});

test('an author with very many reviews of one product does not hold the migration up', async () => {
  const url = await createOldTable(server);
  // Row by row against all newer ones this took 22 s, and four times that for each doubling.
  await query(
    url,
    `INSERT INTO product_reviews (product_id, author_id, rating)
     SELECT '1', '7', 1 + n % 5 FROM generate_series(1, 40000) n`,
  );
  await migrateDatabase(parseDatabaseUrl(url), schema);
  await statsAgree(url);
});

test('what was written while the triggers were away is put right when they come back', async () => {
  const url = await createOldTable(server);
  const target = parseDatabaseUrl(url);
  await migrateDatabase(target, schema);
  for (let undone = ''; undone !== '0002-product-review-stats'; ) {
    [undone = ''] = (await rollBackDatabase(target, schema)).undone;
  }
  await query(url, 'DELETE FROM product_reviews WHERE id = 3');
  await oldInsert(url, ['2', '7', 'Ann', 4, null, new Date()]);
  await migrateDatabase(target, schema);
  const current = await query(
    url,
    'SELECT id::integer FROM product_reviews WHERE superseded_at IS NULL ORDER BY id',
  );
  assert.deepEqual(current, [{ id: 1 }, { id: 2 }, { id: 5 }]);
  await statsAgree(url);
});

test('a table whose columns have other types is refused with a sentence and stays as it is', async () => {
  const url = await server.createDatabase();
  await query(
    url,
    `CREATE TABLE product_reviews (id serial PRIMARY KEY, product_id integer, author_id text, author_name text,
       rating numeric, created_at timestamptz)`,
  );
  await assert.rejects(migrateDatabase(parseDatabaseUrl(url), schema), {
    message:
      'The table product_reviews cannot be adopted, nothing was changed: product_id is integer instead of text, ' +
      'rating is numeric instead of integer, text is missing. To mend it: ' +
      'ALTER TABLE product_reviews ALTER COLUMN product_id TYPE text USING product_id::text; ' +
      'ALTER TABLE product_reviews ALTER COLUMN rating TYPE integer USING rating::integer; ' +
      'ALTER TABLE product_reviews ADD COLUMN text text.',
  });
  await query(url, `INSERT INTO product_reviews (product_id, author_id, rating) VALUES (1, '7', 4.5)`);
  assert.deepEqual((await schemaStatus(parseDatabaseUrl(url), schema)).applied, []);
});

test('a table that the sidecar makes has the old module’s index, should that come back', async () => {
  const url = await server.createDatabase();
  await migrateDatabase(parseDatabaseUrl(url), schema);
  const indexes = await query<{ indexdef: string }>(
    url,
    `SELECT indexdef FROM pg_indexes WHERE tablename = 'product_reviews'`,
  );
  assert.ok(indexes.some(({ indexdef }) => indexdef.endsWith('(product_id, id)')));
});
