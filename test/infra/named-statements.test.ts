/** Statements that the server keeps prepared, and servers that do not keep them. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  query,
  startTestDatabase,
  type TestDatabaseServer,
  usingDatabase,
} from '../../scripts/lab/database.ts';
import { startPgBouncer } from '../../scripts/lab/pgbouncer.ts';
import { until } from '../../scripts/lab/programs.ts';
import type { Database } from '../../src/infra/postgres/database.ts';
import { skipWithout } from '../support/requirements.ts';

let server: TestDatabaseServer;
before(async () => {
  server = await startTestDatabase();
});
after(() => server.stop());

const ADD = { name: 'add', text: 'SELECT $1::integer + $2::integer AS sum' };
const add = (database: Database, a: number, b: number) =>
  database.query<{ sum: number }>({ ...ADD, values: [a, b] });
/** On the only connection of a pool of one. */
const kept = async (database: Database) => {
  const { rows } = await database.run((knex) => knex.raw('SELECT name FROM pg_prepared_statements'));
  return rows as { name: string }[];
};
const onOneConnection = (work: (database: Database) => Promise<void>) =>
  usingDatabase(server.url, work, { poolMax: 1 });

test('a statement is prepared once for a connection and then only run', async () => {
  await onOneConnection(async (database) => {
    // A constant from when the statement is prepared (https://www.postgresql.org/docs/current/functions-datetime.html#FUNCTIONS-DATETIME-CURRENT).
    const ask = () =>
      database.query({ name: 'when', text: `SELECT (timestamptz 'now')::text AS prepared`, values: [] });
    const first = await ask();
    for (let i = 0; i < 2; i += 1) assert.deepEqual(await ask(), first);
    const [statement, ...more] = await kept(database);
    assert.match(statement?.name ?? '', /^when_/);
    assert.deepEqual(more, []);
  });
});

test('two texts of one name are two statements', async () => {
  await onOneConnection(async (database) => {
    await add(database, 1, 2);
    const other = { name: 'add', text: 'SELECT $1::text AS sum', values: ['x'] };
    assert.deepEqual(await database.query(other), [{ sum: 'x' }]);
    assert.equal((await kept(database)).length, 2);
  });
});

test('a server that has lost a statement, or has it from somebody else, is sent whole ones from then on', async () => {
  await onOneConnection(async (database) => {
    await add(database, 1, 2);
    await database.run((knex) => knex.raw('DEALLOCATE ALL'));
    assert.deepEqual(await add(database, 2, 3), [{ sum: 5 }]);
    assert.deepEqual(await add(database, 3, 4), [{ sum: 7 }]);
    assert.deepEqual(await kept(database), []);
  });
  await onOneConnection(async (database) => {
    await add(database, 1, 2);
    const name = (await kept(database))[0]?.name;
    await usingDatabase(
      server.url,
      async (another) => {
        await another.run((knex) => knex.raw(`PREPARE "${name}" AS SELECT 'not ours' AS sum`));
        assert.deepEqual(await add(another, 2, 3), [{ sum: 5 }]);
        assert.deepEqual(await add(another, 2, 4), [{ sum: 6 }]);
      },
      { poolMax: 1 },
    );
  });
});

test('a column that changes its type under a prepared statement harms no request', async () => {
  const url = await server.createDatabase();
  await query(url, 'CREATE TABLE t (n integer); INSERT INTO t VALUES (1)');
  await usingDatabase(
    url,
    async (database) => {
      const read = () => database.query({ name: 't', text: 'SELECT n FROM t WHERE n = $1', values: [1] });
      assert.deepEqual(await read(), [{ n: 1 }]);
      await query(url, 'ALTER TABLE t ALTER COLUMN n TYPE text');
      assert.deepEqual(await read(), [{ n: '1' }]);
      assert.deepEqual(await read(), [{ n: '1' }]);
      assert.equal((await kept(database)).length, 1, 'prepared anew, on a new connection');
    },
    { poolMax: 1 },
  );
});

test('errors of the statement pass, and it stays prepared', async () => {
  await onOneConnection(async (database) => {
    const divide = (by: number) =>
      database.query({ name: 'd', text: 'SELECT 1 / $1::integer AS q', values: [by] });
    await divide(1);
    await assert.rejects(divide(0), { code: '22012' });
    await divide(1);
    assert.equal((await kept(database)).length, 1);
  });
});

test('through PgBouncer in transaction mode all answers are right', {
  skip: skipWithout(['pgbouncer']),
}, async () => {
  const pooler = await startPgBouncer(server);
  try {
    await usingDatabase(
      pooler.through(server.url),
      async (database) => {
        await until('a first connection', () => database.ping());
        const sums = await Promise.all(Array.from({ length: 60 }, (_, i) => add(database, i, i)));
        assert.deepEqual(
          sums.map(([row]) => row?.sum),
          Array.from({ length: 60 }, (_, i) => 2 * i),
        );
      },
      { poolMax: 5 },
    );
  } finally {
    await pooler.stop();
  }
});
