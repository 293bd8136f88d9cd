/** Whether the backend's tables are missing because there is no backend, or because something is wrong. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  createBackendTables,
  query,
  startTestDatabase,
  type TestDatabaseServer,
} from '../../scripts/lab/database.ts';
import { parseDatabaseUrl } from '../../src/config/database-url.ts';
import { migrateDatabase } from '../../src/infra/postgres/migrate.ts';
import { schema } from '../../src/schema.ts';
import { api, untilReady } from '../support/api.ts';
import { startSidecar } from '../support/start-sidecar.ts';

let server: TestDatabaseServer;
before(async () => {
  server = await startTestDatabase();
});
after(() => server.stop());

const ALL = 'users, products, orders, order_items';
const ACTIVE = 1;
const BLOCKED = 3;
const INACTIVE = 4;

/** What a fresh sidecar answers to a user's POST and to a GET. */
async function answers(url: string, user: number): Promise<number[]> {
  const sidecar = await startSidecar({ DATABASE_URL: url, MIGRATE_ON_START: 'false' });
  try {
    const reviews = `${sidecar.url}/api/products/1/reviews`;
    // Not ready, but connected.
    await api('GET', `${sidecar.url}/readyz`);
    const posted = await api('POST', reviews, { user, json: { rating: 5 } });
    return [posted.status, (await api('GET', reviews)).status];
  } finally {
    await sidecar.stop();
  }
}

async function migratedDatabase(prepare: (url: string) => Promise<unknown>): Promise<string> {
  const url = await server.createDatabase();
  await prepare(url);
  await migrateDatabase(parseDatabaseUrl(url), schema);
  return url;
}

async function moveToShop(url: string): Promise<void> {
  await query(url, 'CREATE SCHEMA shop');
  for (const table of ALL.split(', ')) await query(url, `ALTER TABLE ${table} SET SCHEMA shop`);
}

test('a database that has lost the backend’s tables is 503, for a running sidecar and for a new one', async () => {
  const url = await migratedDatabase(createBackendTables);
  const sidecar = await startSidecar({ DATABASE_URL: url });
  try {
    const reviews = `${sidecar.url}/api/products/1/reviews`;
    await untilReady(sidecar);
    assert.equal((await api('POST', reviews, { user: ACTIVE, json: { rating: 5 } })).status, 200);
    await query(url, `DROP TABLE ${ALL}`);
    assert.equal((await api('POST', reviews, { user: BLOCKED, json: { rating: 1 } })).status, 503);
    assert.equal((await api('GET', reviews)).status, 503);
  } finally {
    await sidecar.stop();
  }
  assert.deepEqual(await answers(url, BLOCKED), [503, 503]);
  await query(url, 'DELETE FROM gogomarket_sidecar_migrations');
  await migrateDatabase(parseDatabaseUrl(url), schema);
  assert.deepEqual(await answers(url, BLOCKED), [503, 503], 'also when the migrations run once more');
});

test('a database that is only half restored is 503', async () => {
  const url = await migratedDatabase((at) => query(at, 'CREATE TABLE orders (id serial PRIMARY KEY)'));
  assert.deepEqual(await answers(url, BLOCKED), [503, 503]);
  // Users are back, products not yet: a review of any product would be taken.
  await query(
    url,
    `CREATE TABLE users (id serial PRIMARY KEY, name text, avatar_url text, is_active boolean);
                    INSERT INTO users (name) VALUES ('Anna')`,
  );
  assert.deepEqual(await answers(url, ACTIVE), [503, 200]);
});

test('a users table that is not itself yet logs nobody out and lets nobody in', async () => {
  const url = await migratedDatabase(createBackendTables);
  await query(url, 'CREATE TABLE kept AS TABLE users; TRUNCATE users CASCADE');
  assert.deepEqual(await answers(url, ACTIVE), [503, 200], 'empty, as a restore has it for a while');
  await query(
    url,
    'INSERT INTO users SELECT * FROM kept WHERE id <> 1; INSERT INTO products (id) VALUES (1)',
  );
  assert.deepEqual(await answers(url, ACTIVE), [401, 200], 'this user alone is gone');
  // Without the column nobody would be inactive.
  await query(url, 'ALTER TABLE users RENAME is_active TO enabled');
  assert.deepEqual(await answers(url, INACTIVE), [503, 200]);
  await query(url, 'DROP TABLE users CASCADE; CREATE TABLE users (id uuid PRIMARY KEY, is_active boolean)');
  assert.deepEqual(await answers(url, ACTIVE), [503, 503], 'of another kind than the backend’s');
});

test('tables that the role does not find, in another schema or for want of a right, are 503', async () => {
  const elsewhere = await migratedDatabase(createBackendTables);
  await moveToShop(elsewhere);
  assert.deepEqual(await answers(elsewhere, BLOCKED), [503, 503]);

  await query(
    elsewhere,
    `CREATE ROLE limited LOGIN PASSWORD 'word'; GRANT USAGE ON SCHEMA public TO limited;
     GRANT ALL ON ALL TABLES IN SCHEMA public TO limited; GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO limited;
     ALTER ROLE limited SET search_path = shop, public`,
  );
  const limited = new URL(elsewhere);
  limited.username = 'limited';
  limited.password = 'word';
  assert.deepEqual(await answers(limited.href, BLOCKED), [503, 503], 'no right on the schema');
  await query(elsewhere, 'GRANT USAGE ON SCHEMA shop TO limited');
  assert.deepEqual(await answers(limited.href, BLOCKED), [503, 503], 'no right on the tables');
  await query(elsewhere, 'GRANT SELECT ON ALL TABLES IN SCHEMA shop TO limited');
  assert.deepEqual(await answers(limited.href, BLOCKED), [403, 200]);
  assert.deepEqual(await answers(limited.href, ACTIVE), [200, 200]);
  await query(
    elsewhere,
    `ALTER TABLE shop.users ENABLE ROW LEVEL SECURITY; CREATE POLICY blocked ON shop.users USING (id = ${BLOCKED})`,
  );
  assert.deepEqual(await answers(limited.href, ACTIVE), [503, 200], 'hidden by row level security, not gone');
});

test('a search_path in DATABASE_URL leads to the backend’s tables, and ours are made beside them', async () => {
  const url = await server.createDatabase();
  await createBackendTables(url);
  await moveToShop(url);
  const ours = `SELECT DISTINCT relnamespace::regnamespace::text AS schema FROM pg_class
                 WHERE relname ~ '^(product_review|gogomarket)'`;
  await assert.rejects(migrateDatabase(parseDatabaseUrl(url), schema), /users.*shop.*search path/);
  assert.deepEqual(await query(url, ours), [], 'none where the backend is not');
  const honoured = `${url}?search_path=shop`;
  await migrateDatabase(parseDatabaseUrl(honoured), schema);
  assert.deepEqual(await answers(honoured, BLOCKED), [403, 200]);
  assert.deepEqual(await answers(honoured, ACTIVE), [200, 200]);
  assert.deepEqual(await query(url, ours), [{ schema: 'shop' }]);
});

test('a standalone database becomes the backend’s when its tables come, and is so from then on', async () => {
  const url = await migratedDatabase(async () => undefined);
  assert.deepEqual(await answers(url, BLOCKED), [200, 200]);
  await createBackendTables(url);
  assert.deepEqual(await answers(url, BLOCKED), [403, 200]);
  await query(url, `DROP TABLE ${ALL}`);
  assert.deepEqual(await answers(url, BLOCKED), [503, 503]);
});

test('a database that nobody has set up yet lets nobody in', async () => {
  const url = await server.createDatabase();
  assert.deepEqual(await answers(url, BLOCKED), [503, 503]);
});
