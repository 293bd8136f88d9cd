/** PostgreSQL as it behaves in production: restarting, hanging, full, out of bounds. */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import {
  query,
  startTestDatabase,
  type TestDatabaseServer,
  usingDatabase,
} from '../../scripts/lab/database.ts';
import { until } from '../../scripts/lab/programs.ts';
import { parseDatabaseUrl } from '../../src/config/database-url.ts';
import type { Database } from '../../src/infra/postgres/database.ts';

let plain: TestDatabaseServer;
before(async () => {
  plain = await startTestDatabase();
});
after(() => plain.stop());

const isUnavailable = (error: Error & { status?: number }) => error.status === 503;

test('errors of the SQL itself pass as they are', async () => {
  await usingDatabase(plain.url, async (database) => {
    await assert.rejects(
      database.run((knex) => knex.raw('SELECT 1/0')),
      { code: '22012' },
    );
  });
});

test('a transaction that was given up leaves nothing behind when its statements come to their end all the same', async () => {
  await usingDatabase(await plain.createDatabase(), async (database) => {
    await database.run((knex) => knex.raw('CREATE TABLE late (n integer)'));
    const { promise: over, resolve } = Promise.withResolvers<void>();
    const work = database.transaction(
      async (trx) => {
        await trx.raw('INSERT INTO late VALUES (1)');
        await trx.raw('SELECT pg_sleep(0.4)');
        resolve();
      },
      { untilMs: performance.now() + 200 },
    );
    assert.ok(
      isUnavailable(
        await work.then(
          () => assert.fail(),
          (error) => error,
        ),
      ),
    );
    await over;
    await database.transaction((trx) => trx.raw('LOCK TABLE late'));
    const { rows } = await database.run((knex) => knex.raw('SELECT n FROM late'));
    assert.deepEqual(rows, []);
  });
});

test('a transaction that fails leaves nothing behind', async () => {
  const url = await plain.createDatabase();
  await query(url, 'CREATE TABLE t (n integer)');
  await usingDatabase(url, async (database) => {
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
  await usingDatabase(plain.url, async (database) => {
    assert.equal(await database.ping(), true);
    const backends = await processesBelow(plain.pid);
    for (const pid of [plain.pid, ...backends]) process.kill(pid, 'SIGSTOP');
    // A timer of this process as its own limit is one: both are late together.
    const late = sleep(5_000, 'late', { ref: false });
    try {
      const failure = database.run((knex) => knex.raw('SELECT 1')).catch((error: unknown) => error);
      assert.ok(isUnavailable(await Promise.race([failure, late])));
      assert.equal(await database.ping(), false);
    } finally {
      for (const pid of [...backends, plain.pid]) process.kill(pid, 'SIGCONT');
    }
    await untilAlive(database);
  });
});

test('connections that the server ended are replaced without anyone noticing', async () => {
  await usingDatabase(plain.url, async (database) => {
    await database.ping();
    await query(
      plain.url,
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'gogomarket-sidecar'`,
    );
    // Its last words are sent before it leaves this list, and so they have come when we are told that it has.
    const sessions = `SELECT 1 FROM pg_stat_activity WHERE application_name = 'gogomarket-sidecar'`;
    await until('the session to end', async () => (await query(plain.url, sessions)).length === 0);
    assert.equal(await database.ping(), true);
  });
});

test('a pool that is used up is 503, not a queue without end', async () => {
  await usingDatabase(plain.url, async (database) => {
    const busy = [1, 2].map(() => database.run((knex) => knex.raw('SELECT pg_sleep(3)')));
    await assert.rejects(
      database.run((knex) => knex.raw('SELECT 1')),
      isUnavailable,
    );
    await Promise.allSettled(busy);
  });
});

test('a role with fewer connections than the pool may have serves a burst all the same', async () => {
  await query(plain.url, `CREATE ROLE few LOGIN PASSWORD 'word' CONNECTION LIMIT 2`);
  const few = plain.url.replace(/\/\/.*@/, '//few:word@');
  const select = (database: Database) => database.run((knex) => knex.raw('SELECT pg_sleep(0.05)'));
  await usingDatabase(
    few,
    async (database) => {
      for (let burst = 0; burst < 2; burst += 1)
        await Promise.all(Array.from({ length: 20 }, () => select(database)));
      // All that there are.
      await usingDatabase(few, async (other) => {
        await assert.rejects(select(other), ({ cause }) => /too many connections/.test(cause.message));
      });
    },
    { poolMax: 8 },
  );
});

test('a caller that gives up sooner is answered sooner', async () => {
  await usingDatabase(plain.url, async (database) => {
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

test('a role that may not read is 503: the part is missing, and no request is wrong', async () => {
  const url = await plain.createDatabase();
  await query(url, `CREATE TABLE users (id integer); CREATE ROLE stranger LOGIN PASSWORD 'word'`);
  await usingDatabase({ ...parseDatabaseUrl(url), user: 'stranger', password: 'word' }, async (database) => {
    await assert.rejects(
      database.run((knex) => knex.raw('SELECT id FROM users')),
      isUnavailable,
    );
  });
});

async function untilAlive(database: Database): Promise<void> {
  await until('the database to be used again', () => database.ping());
}

async function processesBelow(pid: number): Promise<number[]> {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(async () => {
    const { stdout } = await promisify(execFile)('pgrep', ['-P', String(pid)]);
    return stdout;
  });
  return children.split(/\s+/).filter(Boolean).map(Number);
}
