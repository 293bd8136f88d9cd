/** How connections are opened: TLS as libpq means it, session options, poolers, and errors that say why. */
import assert from 'node:assert/strict';
import { resolve } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Knex } from 'knex';
import {
  query,
  startTestDatabase,
  type TestDatabaseServer,
  usingDatabase,
} from '../../scripts/lab/database.ts';
import { runNode } from '../../scripts/lab/sidecar.ts';
import { type DatabaseTarget, parseDatabaseUrl, type TlsMode } from '../../src/config/database-url.ts';
import { createConnector } from '../../src/infra/postgres/connection.ts';
import type { Database } from '../../src/infra/postgres/database.ts';
import { explained, isUnavailable as isLost } from '../../src/infra/postgres/failure.ts';
import { migrateDatabase } from '../../src/infra/postgres/migrate.ts';
import { migrationsOf } from '../../src/infra/postgres/schema-parts.ts';
import { schema } from '../../src/schema.ts';
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
    for (const mode of ['prefer', 'require'] as const) {
      assert.equal(await usingDatabase(withTls(tls.url, mode), encrypted), true, mode);
    }
    for (const mode of ['allow', 'disable'] as const) {
      assert.equal(await usingDatabase(withTls(tls.url, mode), encrypted), false, mode);
    }
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

test('sslrootcert=system takes what the system trusts, not Node’s own list', async (t) => {
  if (!requireTools(t, ['openssl'])) return;
  const tls = await startTestDatabase({ tls: true });
  const migrate = resolve(import.meta.dirname, '../../src/migrate.ts');
  const DATABASE_URL = `${tls.url}?sslrootcert=system`;
  const told = async (SSL_CERT_FILE: string) =>
    (await runNode(migrate, ['--status'], { DATABASE_URL, SSL_CERT_FILE, SSL_CERT_DIR: '/none' })).status;
  try {
    assert.deepEqual([await told(tls.caPath ?? ''), await told('/none')], [3, 1], 'found something, refused');
  } finally {
    await tls.stop();
  }
});

test('a file of sslrootcert without a certificate is told as that', async (t) => {
  if (!requireTools(t, ['openssl'])) return;
  const tls = await startTestDatabase({ tls: true });
  try {
    const isReason = ({ cause }: Error) =>
      cause instanceof Error && /sslrootcert names has no certificate/.test(cause.message);
    await assert.rejects(
      usingDatabase(withTls(tls.url, 'verify-full', import.meta.filename), encrypted),
      isReason,
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

test('what a server without TLS has against a login is told alone, not that it has no TLS', async () => {
  for (const mode of ['prefer', 'allow'] as const) {
    const wrong = { ...withTls(plain.url, mode), database: 'nope' };
    const isReason = ({ cause }: Error) =>
      cause instanceof Error && cause.message === 'database "nope" does not exist';
    await assert.rejects(usingDatabase(wrong, encrypted), isReason, mode);
  }
});

/** Which logins a server takes, as lines of its pg_hba.conf; `app` always gets in for the test's own SQL. */
async function allowLogins(url: string, lines: string[]): Promise<void> {
  const [at] = await query<{ path: string }>(url, `SELECT current_setting('hba_file') AS path`);
  const rules = [...lines, 'host all app all scram-sha-256'].map((line) => `('${line}')`).join(', ');
  await query(
    url,
    `COPY (SELECT * FROM (VALUES ${rules}) AS rules) TO '${at?.path}'; SELECT pg_reload_conf()`,
  );
}

test('a role that may come only with TLS, or only without, is reached as libpq reaches it', async (t) => {
  if (!requireTools(t, ['openssl'])) return;
  const tls = await startTestDatabase({ tls: true });
  const by = (role: string, mode: TlsMode) => ({
    ...withTls(tls.url, mode),
    user: role,
    password: 'word',
  });
  try {
    for (const role of ['bare', 'safe', 'either']) {
      await query(tls.url, `CREATE ROLE ${role} LOGIN PASSWORD 'word'`);
    }
    await allowLogins(tls.url, [
      'hostnossl all bare all scram-sha-256',
      'hostssl all safe all scram-sha-256',
      'host all either all scram-sha-256',
    ]);
    const expected: [role: string, mode: TlsMode, isEncrypted: boolean][] = [
      ['bare', 'prefer', false],
      ['bare', 'allow', false],
      ['bare', 'disable', false],
      ['safe', 'prefer', true],
      ['safe', 'allow', true],
      ['safe', 'require', true],
      ['either', 'prefer', true],
      ['either', 'allow', false],
    ];
    for (const [role, mode, isEncrypted] of expected) {
      assert.equal(await usingDatabase(by(role, mode), encrypted), isEncrypted, `${role}, ${mode}`);
    }
    for (const [role, mode] of [
      ['bare', 'require'],
      ['safe', 'disable'],
    ] as const) {
      await assert.rejects(usingDatabase(by(role, mode), encrypted), isUnavailable, `${role}, ${mode}`);
    }
    // Both reasons, so that the log says which of the two is to be mended.
    const wrong = { ...by('safe', 'prefer'), password: 'wrong' };
    await assert.rejects(
      usingDatabase(wrong, encrypted),
      (error: Error) =>
        error.cause instanceof Error &&
        /password authentication failed.*no pg_hba.conf entry/.test(error.cause.message),
    );
  } finally {
    await tls.stop();
  }
});

test('a statement is cancelled over TLS as over plain TCP', async (t) => {
  if (!requireTools(t, ['openssl'])) return;
  const tls = await startTestDatabase({ tls: true });
  try {
    for (const mode of ['require', 'disable'] as const) {
      const connector = createConnector(withTls(tls.url, mode));
      const client = await connector.open();
      const sleeping = assert.rejects(client.query('SELECT pg_sleep(60)'), { code: '57014' }, mode);
      // A request that overtakes the statement would end nothing.
      const isRunning = `SELECT 1 FROM pg_stat_activity WHERE pid = $1 AND wait_event = 'PgSleep'`;
      while ((await query(tls.url, isRunning, [client.processID])).length === 0) await sleep(20);
      await connector.cancel(client);
      await sleeping;
      await client.end();
    }
  } finally {
    await tls.stop();
  }
});

test('whatever goes wrong before a session is usable is a 503', async () => {
  const url = await plain.createDatabase();
  const options = ['-cno_such_setting=1', '-cDateStyle=nonsense', '-c', 'nonsense', '-cstatement_timeout=x'];
  for (const word of options) {
    const target = { ...parseDatabaseUrl(url), options: word };
    await assert.rejects(
      usingDatabase(target, (database) => database.run((knex) => knex.raw('SELECT 1'))),
      isUnavailable,
      word,
    );
  }
});

test('what a trigger of the database does at a login is a 503', async (t) => {
  const url = await plain.createDatabase();
  const [server] = await query<{ number: number }>(
    url,
    `SELECT current_setting('server_version_num')::int AS number`,
  );
  if (server === undefined || server.number < 170_000) return t.skip('PostgreSQL 17 has them first');
  // Run by the server at the end of a login; the role that is let in can take it away again.
  for (const state of ['XX000', '42601', '22012']) {
    await query(
      url,
      `CREATE FUNCTION refuse() RETURNS event_trigger LANGUAGE plpgsql AS
         $$ BEGIN IF current_user <> 'app' THEN RAISE 'not today' USING ERRCODE = '${state}'; END IF; END $$;
       CREATE EVENT TRIGGER refuse ON login EXECUTE FUNCTION refuse();
       ALTER EVENT TRIGGER refuse ENABLE ALWAYS;
       CREATE ROLE visitor LOGIN PASSWORD 'word'`,
    );
    const visitor = { ...parseDatabaseUrl(url), user: 'visitor', password: 'word' };
    await assert.rejects(
      usingDatabase(visitor, (database) => database.run((knex) => knex.raw('SELECT 1'))),
      isUnavailable,
      state,
    );
    await query(url, 'DROP EVENT TRIGGER refuse; DROP FUNCTION refuse(); DROP ROLE visitor');
  }
});

test('what a role or a database sets for its sessions does not change what ours rely on', async () => {
  const url = await plain.createDatabase();
  await query(
    url,
    `CREATE ROLE odd LOGIN PASSWORD 'word';
     ALTER ROLE odd SET DateStyle = 'SQL, DMY';
     ALTER ROLE odd SET TimeZone = 'Asia/Tashkent';
     ALTER ROLE odd SET client_encoding = 'LATIN1';
     ALTER ROLE odd SET standard_conforming_strings = off;
     ALTER ROLE odd SET default_transaction_isolation = 'serializable';
     ALTER ROLE odd SET lock_timeout = 1;
     ALTER ROLE odd SET statement_timeout = 1`,
  );
  const settings = async (run: Pick<Knex, 'raw'>) =>
    (
      await run.raw(`SELECT current_setting('DateStyle') AS style, now()::text AS now, 'ї' AS letter, 'a\\b' AS plain,
                            current_setting('transaction_isolation') AS isolation,
                            current_setting('lock_timeout') AS lock_timeout FROM pg_sleep(0.01)`)
    ).rows[0];
  await usingDatabase({ ...parseDatabaseUrl(url), user: 'odd', password: 'word' }, async (database) => {
    for (const row of [await database.run(settings), await database.transaction(settings)]) {
      assert.match(row.style, /^ISO/);
      assert.match(row.now, /^\d{4}-.*\+00$/);
      assert.deepEqual(
        [row.letter, row.plain, row.isolation, row.lock_timeout],
        ['ї', 'a\\b', 'read committed', '0'],
      );
    }
  });
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
      await Promise.all([1, 2].map(() => database.run((knex) => knex.raw('SELECT pg_sleep(0.1)'))));
      assert.ok(pooler.refused() > 0);
    });
    await usingDatabase(target, async (database) => {
      const before = pooler.refused();
      assert.equal(await database.ping(), true);
      assert.equal(pooler.refused(), before + 1);
      await Promise.all([1, 2].map(() => database.run((knex) => knex.raw('SELECT pg_sleep(0.1)'))));
      assert.equal(pooler.refused(), before + 1, 'asked once, known for good');
    });
    assert.equal((await migrateDatabase(target, schema)).applied.length, migrationsOf(schema).length);
  } finally {
    pooler.stop();
  }
});

test('session options of the URL are in force: another search_path finds other tables', async () => {
  const url = await plain.createDatabase();
  await query(url, 'CREATE SCHEMA shop; CREATE TABLE shop.users (id integer)');
  await query(url, 'CREATE SCHEMA "My Shop"; CREATE TABLE "My Shop".orders (id integer)');
  for (const parameter of [
    'options=-csearch_path%3Dshop,%22My%5C%20Shop%22',
    'options=-c%20search_path%3Dpublic%20--search-path%3Dshop,%22My%5C%20Shop%22',
    'search_path=shop,%20%22My%20Shop%22',
  ]) {
    await usingDatabase(parseDatabaseUrl(`${url}?${parameter}`), async (database) => {
      await database.run((knex) => knex.raw('SELECT users.id FROM users, orders'));
    });
  }
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
