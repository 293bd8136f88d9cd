/** How connections are opened: TLS as libpq means it, session options, poolers, and errors that say why. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  query,
  startTestDatabase,
  type TestDatabaseServer,
  usingDatabase,
} from '../../scripts/lab/database.ts';
import type { Database } from '../../src/infra/database.ts';
import { explained, isUnavailable as isLost } from '../../src/infra/database-failure.ts';
import { type DatabaseTarget, parseDatabaseUrl, type TlsMode } from '../../src/infra/database-url.ts';
import { migrateDatabase } from '../../src/infra/migrate.ts';
import { migrations } from '../../src/infra/migrations/index.ts';
import { requireTools } from '../support/requirements.ts';
import { startStrictPooler } from '../support/strict-pooler.ts';

let plain: TestDatabaseServer;
before(async () => {
  plain = await startTestDatabase();
});
after(() => plain.stop());

const withTls = (url: string, mode: TlsMode, rootCertPath: string | null = null): DatabaseTarget => ({
  ...parseDatabaseUrl(url),
  tls: { mode, rootCertPath, clientCert: null },
});

const encrypted = (database: Database) =>
  database.run(async (knex) => {
    const { rows } = await knex.raw('SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()');
    return rows[0].ssl as boolean;
  });

const isUnavailable = (error: Error & { status?: number }) => error.status === 503;

test('TLS modes mean what libpq says they mean', async (t) => {
  if (!requireTools(t, ['openssl'])) return;
  const tls = await startTestDatabase({ tls: true });
  try {
    for (const mode of ['prefer', 'allow', 'require'] as const) {
      assert.equal(await usingDatabase(withTls(tls.url, mode), encrypted), true, mode);
    }
    assert.equal(await usingDatabase(withTls(tls.url, 'disable'), encrypted), false);
    for (const mode of ['verify-ca', 'verify-full', 'require'] as const) {
      assert.equal(
        await usingDatabase(withTls(tls.url, mode, tls.caPath), encrypted),
        true,
        `${mode} with the right CA`,
      );
    }
    await assert.rejects(
      usingDatabase(withTls(tls.url, 'verify-full'), encrypted),
      isUnavailable,
      'unknown CA',
    );
    await assert.rejects(
      usingDatabase(withTls(tls.url, 'verify-ca'), encrypted),
      isUnavailable,
      'unknown CA',
    );
  } finally {
    await tls.stop();
  }
});

test('a server without TLS is used in plain by prefer, and never by require', async () => {
  assert.equal(await usingDatabase(withTls(plain.url, 'prefer'), encrypted), false);
  for (const mode of ['require', 'verify-ca', 'verify-full'] as const) {
    await assert.rejects(usingDatabase(withTls(plain.url, mode), encrypted), isUnavailable, mode);
  }
});

test('no error holds the password', async () => {
  const target = { ...withTls(plain.url, 'disable'), password: 'hunter2-secret' };
  await usingDatabase(target, async (database) => {
    const error = await database.run((knex) => knex.raw('SELECT 1')).catch((thrown) => thrown);
    assert.equal(error.status, 503);
    const { inspect } = await import('node:util');
    assert.doesNotMatch(inspect(error, { depth: 10, showHidden: true }), /hunter2-secret/);
  });
});

test('a pooler that refuses our startup parameters is used without them, for requests and migrations', async () => {
  const url = await plain.createDatabase();
  const pooler = await startStrictPooler(plain.port);
  const target = { ...withTls(url, 'disable'), port: pooler.port };
  try {
    await usingDatabase(target, async (database) => {
      assert.equal(await database.ping(), true);
      assert.equal(pooler.refused(), 1);
      await Promise.all([1, 2].map(() => database.run((knex) => knex.raw('SELECT pg_sleep(0.1)'))));
      assert.equal(pooler.refused(), 1, 'asked once, known for good');
    });
    assert.equal((await migrateDatabase(target, migrations)).applied.length, migrations.length);
  } finally {
    pooler.stop();
  }
});

test('session options of the URL are in force: another search_path finds other tables', async () => {
  const url = await plain.createDatabase();
  await query(url, 'CREATE SCHEMA shop; CREATE TABLE shop.users (id integer)');
  await usingDatabase(parseDatabaseUrl(`${url}?options=-csearch_path%3Dshop`), async (database) => {
    await database.run((knex) => knex.raw('SELECT id FROM users'));
  });
});

test('a certificate file that cannot be used is 503, and prefer does not ask for one', async (t) => {
  if (!requireTools(t, ['openssl'])) return;
  const tls = await startTestDatabase({ tls: true });
  try {
    for (const path of ['/', '/no/such/file.pem', import.meta.filename]) {
      await assert.rejects(
        usingDatabase(withTls(tls.url, 'verify-full', path), encrypted),
        isUnavailable,
        path,
      );
      assert.equal(await usingDatabase(withTls(tls.url, 'prefer', path), encrypted), true, path);
    }
  } finally {
    await tls.stop();
  }
});

test('a host with several addresses that all refuse says so, although Node’s own error says nothing', () => {
  const silent = Object.assign(
    new AggregateError([new Error('connect ECONNREFUSED ::1:1'), new Error('and so on')]),
    {
      code: 'ECONNREFUSED',
    },
  );
  const error = explained(silent);
  assert.ok(error instanceof Error && isLost(error));
  assert.equal(error.message, 'connect ECONNREFUSED ::1:1; and so on');
});
