/** PostgreSQL as it behaves in production: with and without TLS, restarting, hanging, full. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { createDatabase, type Database } from '../../src/infra/database.ts';
import { explained, isUnavailable as isLost } from '../../src/infra/database-failure.ts';
import { type DatabaseTarget, parseDatabaseUrl, type TlsMode } from '../../src/infra/database-url.ts';
import { migrateDatabase } from '../../src/infra/migrate.ts';
import { migrations } from '../../src/infra/migrations/index.ts';
import { query, startTestDatabase, type TestDatabaseServer } from '../support/database.ts';
import { requireTools } from '../support/requirements.ts';
import { startStrictPooler } from '../support/strict-pooler.ts';

let plain: TestDatabaseServer;
before(async () => {
  plain = await startTestDatabase();
});
after(() => plain.stop());

async function using<T>(target: DatabaseTarget, work: (database: Database) => Promise<T>): Promise<T> {
  const database = createDatabase(target, { poolMax: 2 });
  try {
    return await work(database);
  } finally {
    await database.close();
  }
}

const withTls = (
  url: string,
  mode: TlsMode,
  rootCertPath: string | null = null,
  host?: string,
): DatabaseTarget => {
  const target = parseDatabaseUrl(url);
  return { ...target, host: host ?? target.host, tls: { mode, rootCertPath, clientCert: null } };
};

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
      assert.equal(await using(withTls(tls.url, mode), encrypted), true, mode);
    }
    assert.equal(await using(withTls(tls.url, 'disable'), encrypted), false);
    for (const mode of ['verify-ca', 'verify-full', 'require'] as const) {
      assert.equal(
        await using(withTls(tls.url, mode, tls.caPath), encrypted),
        true,
        `${mode} with the right CA`,
      );
    }
    await assert.rejects(using(withTls(tls.url, 'verify-full'), encrypted), isUnavailable, 'unknown CA');
    await assert.rejects(using(withTls(tls.url, 'verify-ca'), encrypted), isUnavailable, 'unknown CA');
  } finally {
    await tls.stop();
  }
});

test('a server without TLS is used in plain by prefer, and never by require', async () => {
  assert.equal(await using(withTls(plain.url, 'prefer'), encrypted), false);
  for (const mode of ['require', 'verify-ca', 'verify-full'] as const) {
    await assert.rejects(using(withTls(plain.url, mode), encrypted), isUnavailable, mode);
  }
});

test('no error holds the password', async () => {
  const target = { ...withTls(plain.url, 'disable'), password: 'hunter2-secret' };
  await using(target, async (database) => {
    const error = await database.run((knex) => knex.raw('SELECT 1')).catch((thrown) => thrown);
    assert.equal(error.status, 503);
    const { inspect } = await import('node:util');
    assert.doesNotMatch(inspect(error, { depth: 10, showHidden: true }), /hunter2-secret/);
  });
});

test('errors of the SQL itself pass as they are', async () => {
  await using(withTls(plain.url, 'disable'), async (database) => {
    await assert.rejects(
      database.run((knex) => knex.raw('SELECT 1/0')),
      { code: '22012' },
    );
  });
});

test('a transaction that fails leaves nothing behind', async () => {
  const url = await plain.createDatabase();
  await query(url, 'CREATE TABLE t (n integer)');
  await using(parseDatabaseUrl(url), async (database) => {
    await assert.rejects(
      database.transaction(async (trx) => {
        await trx.raw('INSERT INTO t VALUES (1)');
        throw new Error('changed my mind');
      }),
      /changed my mind/,
    );
  });
  assert.deepEqual(await query(url, 'SELECT * FROM t'), []);
});

test('a server that hangs is given up within five seconds, and used again when it goes on', async () => {
  await using(withTls(plain.url, 'disable'), async (database) => {
    assert.equal(await database.ping(), true);
    const backends = await processesBelow(plain.pid);
    for (const pid of [plain.pid, ...backends]) process.kill(pid, 'SIGSTOP');
    const startedAt = performance.now();
    try {
      await assert.rejects(
        database.run((knex) => knex.raw('SELECT 1')),
        isUnavailable,
      );
      assert.ok(performance.now() - startedAt < 5_000);
      assert.equal(await database.ping(), false);
    } finally {
      for (const pid of [...backends, plain.pid]) process.kill(pid, 'SIGCONT');
    }
    await untilAlive(database);
  });
});

test('connections that the server ended are replaced without anyone noticing', async () => {
  await using(withTls(plain.url, 'disable'), async (database) => {
    await database.ping();
    await query(
      plain.url,
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'gogomarket-sidecar'`,
    );
    await new Promise((wake) => setTimeout(wake, 100));
    assert.equal(await database.ping(), true);
  });
});

test('a pool that is used up is 503, not a queue without end', async () => {
  await using(withTls(plain.url, 'disable'), async (database) => {
    const busy = [1, 2].map(() => database.run((knex) => knex.raw('SELECT pg_sleep(3)')));
    await assert.rejects(
      database.run((knex) => knex.raw('SELECT 1')),
      isUnavailable,
    );
    await Promise.allSettled(busy);
  });
});

test('a caller that gives up sooner is answered sooner', async () => {
  await using(withTls(plain.url, 'disable'), async (database) => {
    const sleeping = database.run((knex) => knex.raw('SELECT pg_sleep(2)').then(() => 'slept'), {
      untilMs: performance.now() + 100,
    });
    await assert.rejects(sleeping, isUnavailable);
    let ran = false;
    const late = database.run(
      async () => {
        ran = true;
      },
      { untilMs: performance.now() },
    );
    await assert.rejects(late, isUnavailable);
    assert.equal(ran, false, 'work whose time is up does not begin');
  });
});

test('a pooler that refuses our startup parameters is used without them, for requests and migrations', async () => {
  const url = await plain.createDatabase();
  const pooler = await startStrictPooler(plain.port);
  const target = { ...withTls(url, 'disable'), port: pooler.port };
  try {
    await using(target, async (database) => {
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
  await using(parseDatabaseUrl(`${url}?options=-csearch_path%3Dshop`), async (database) => {
    await database.run((knex) => knex.raw('SELECT id FROM users'));
  });
});

test('a role that may not read is 503: the part is missing, and no request is wrong', async () => {
  const url = await plain.createDatabase();
  await query(url, `CREATE TABLE users (id integer); CREATE ROLE stranger LOGIN PASSWORD 'word'`);
  await using({ ...parseDatabaseUrl(url), user: 'stranger', password: 'word' }, async (database) => {
    await assert.rejects(
      database.run((knex) => knex.raw('SELECT id FROM users')),
      isUnavailable,
    );
  });
});

test('a certificate file that cannot be used is 503, and prefer does not ask for one', async (t) => {
  if (!requireTools(t, ['openssl'])) return;
  const tls = await startTestDatabase({ tls: true });
  try {
    for (const path of ['/', '/no/such/file.pem', import.meta.filename]) {
      await assert.rejects(using(withTls(tls.url, 'verify-full', path), encrypted), isUnavailable, path);
      assert.equal(await using(withTls(tls.url, 'prefer', path), encrypted), true, path);
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

async function untilAlive(database: Database): Promise<void> {
  const giveUpAt = performance.now() + 15_000;
  while (!(await database.ping())) assert.ok(performance.now() < giveUpAt, 'did not recover');
}

async function processesBelow(pid: number): Promise<number[]> {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(async () => {
    const { stdout } = await promisify(execFile)('pgrep', ['-P', String(pid)]);
    return stdout;
  });
  return children.split(/\s+/).filter(Boolean).map(Number);
}
