/** DATABASE_URL with several hosts: which of them a connection goes to, and what it does when that one no longer will do. */
import assert from 'node:assert/strict';
import { createServer, type Socket } from 'node:net';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { query, usingDatabase } from '../../scripts/lab/database.ts';
import { type PostgresPair, startPostgresPair } from '../../scripts/lab/postgres-pair.ts';
import { parseDatabaseUrl } from '../../src/config/database-url.ts';
import { createConnector } from '../../src/infra/postgres/connection.ts';
import type { Database } from '../../src/infra/postgres/database.ts';

let pair: PostgresPair;
before(async () => {
  pair = await startPostgresPair({ isSynchronous: false });
});
after(() => pair[Symbol.asyncDispose]());

/** Nothing listens there: port 9 is discard. */
const NOBODY = 9;

const urlOf = (ports: readonly number[], parameters = '') =>
  pair.primary.url.replace(
    /@.*/,
    `@${ports.map((port) => `127.0.0.1:${port}`).join(',')}/first?${parameters}`,
  );

const serverOf = (database: Database) =>
  database.run(async (knex) => {
    const { rows } = await knex.raw(`SELECT current_setting('port')::int AS port, pg_backend_pid() AS pid`);
    return rows[0] as { port: number; pid: number };
  });

const portBy = (url: string) => usingDatabase(url, async (database) => (await serverOf(database)).port);

const reasonOf = (url: string): Promise<string> =>
  portBy(url).then(
    (port) => assert.fail(`connected to ${port}`),
    (error: Error & { status?: number }) => {
      assert.equal(error.status, 503);
      return String(error.cause);
    },
  );

/** Listens, and answers every login with an error of this SQLSTATE; '' never answers. */
async function startRefusing(state: string) {
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket.on('error', () => undefined));
    socket.on('data', (data) => {
      if (state === '') return;
      const fields = Buffer.from(`SFATAL\0C${state}\0Mnot you\0\0`);
      const head = Buffer.from([69, 0, 0, 0, 4 + fields.length]);
      // 80877103: "may I have TLS?" (https://www.postgresql.org/docs/current/protocol-message-formats.html)
      if (data.readInt32BE(4) === 80_877_103) socket.write('N');
      else socket.end(Buffer.concat([head, fields]));
    });
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    [Symbol.dispose]() {
      for (const socket of open) socket.destroy();
      server.close();
    },
  };
}

test('target_session_attrs chooses as libpq does, whatever the order', async () => {
  const [primary, standby] = [pair.primary.port, pair.standby.port];
  const chosen: [word: string, primaryFirst: number, standbyFirst: number][] = [
    ['any', primary, standby],
    ['read-write', primary, primary],
    ['primary', primary, primary],
    ['read-only', standby, standby],
    ['standby', standby, standby],
    ['prefer-standby', standby, standby],
  ];
  for (const [word, primaryFirst, standbyFirst] of chosen) {
    const parameter = `target_session_attrs=${word}`;
    assert.equal(await portBy(urlOf([primary, standby], parameter)), primaryFirst, word);
    assert.equal(await portBy(urlOf([standby, primary], parameter)), standbyFirst, word);
  }
  assert.equal(await portBy(urlOf([primary], 'target_session_attrs=prefer-standby')), primary);
});

test('when no host will do, the reason of each is told', async () => {
  const reason = await reasonOf(urlOf([NOBODY, pair.standby.port], 'target_session_attrs=read-write'));
  assert.match(reason, /127\.0\.0\.1:9: connect ECONNREFUSED.*; 127\.0\.0\.1:\d+: it takes no writes/);
  assert.match(
    await reasonOf(urlOf([pair.primary.port], 'target_session_attrs=standby')),
    /it is no standby/,
  );
});

test('a session that may only read is not read-write, although its server is the primary', async () => {
  const closed = 'options=-cdefault_transaction_read_only%3Don&target_session_attrs=';
  assert.match(await reasonOf(urlOf([pair.primary.port], `${closed}read-write`)), /takes no writes/);
  assert.equal(await portBy(urlOf([pair.primary.port], `${closed}primary`)), pair.primary.port);
});

test('a host that is closed, hangs or is only starting leaves time for the next one', async () => {
  using hanging = await startRefusing('');
  using starting = await startRefusing('57P03');
  for (const port of [NOBODY, hanging.port, starting.port]) {
    assert.equal(await portBy(urlOf([port, pair.primary.port])), pair.primary.port);
  }
});

test('a host that refuses the login ends the search, as with libpq', async () => {
  using refusing = await startRefusing('28P01');
  assert.match(await reasonOf(urlOf([refusing.port, pair.primary.port])), /not you/);
});

test('load_balance_hosts=random uses all of them', async () => {
  const url = urlOf([pair.primary.port, pair.standby.port], 'load_balance_hosts=random');
  const found = new Set<number>();
  const connector = createConnector(parseDatabaseUrl(url));
  for (let i = 0; i < 60 && found.size < 2; i += 1) {
    const client = await connector.open();
    found.add(client.port);
    await client.end();
  }
  assert.equal(found.size, 2);
});

test('a statement is cancelled at the host that runs it', async () => {
  const connector = createConnector(parseDatabaseUrl(urlOf([NOBODY, pair.primary.port])));
  const client = await connector.open();
  const sleeping = assert.rejects(client.query('SELECT pg_sleep(60)'), { code: '57014' });
  const isRunning = `SELECT 1 FROM pg_stat_activity WHERE pid = $1 AND wait_event = 'PgSleep'`;
  while ((await query(pair.primary.url, isRunning, [client.processID])).length === 0) await sleep(20);
  await connector.cancel(client);
  await sleeping;
  await client.end();
});

test('a connection on which a write met a standby is not used again', async () => {
  await usingDatabase(
    pair.standby.url,
    async (database) => {
      const write = 'CREATE TABLE refused (id integer)';
      const pids = [(await serverOf(database)).pid];
      assert.equal((await serverOf(database)).pid, pids[0], 'kept otherwise');
      for (const run of [
        () => database.run((knex) => knex.raw(write)),
        () => database.query({ name: 'refused', text: write, values: [] }),
        () => database.transaction((trx) => trx.raw(write)),
      ]) {
        await assert.rejects(run(), { status: 503 });
        pids.push((await serverOf(database)).pid);
      }
      assert.equal(new Set(pids).size, pids.length);
    },
    { poolMax: 1 },
  );
});
