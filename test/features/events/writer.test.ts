/** How events get into the outbox: with the change that they tell of, or not at all. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  query,
  startTestDatabase,
  type TestDatabaseServer,
  usingDatabase,
} from '../../../scripts/lab/database.ts';
import { createEventWriter } from '../../../src/features/events/writer.ts';
import { createOutboxDatabase } from '../../support/outbox.ts';

let server: TestDatabaseServer;
before(async () => {
  server = await startTestDatabase();
});
after(() => server.stop());

async function withThings(): Promise<string> {
  const url = await createOutboxDatabase(server);
  await query(
    url,
    `CREATE TABLE things (id integer, status text); INSERT INTO things VALUES (1, 'new'), (2, 'new')`,
  );
  return url;
}

const subjects = async (url: string) =>
  (await query<{ subject: string }>(url, 'SELECT subject FROM sidecar_events ORDER BY seq')).map(
    (row) => row.subject,
  );

const change = (insertFrom: (select: string) => string) => `
  WITH changed AS (UPDATE things SET status = ? WHERE status = 'new' RETURNING *),
       told AS (${insertFrom(`
         SELECT 'thing:' || id, ?::text, json_build_object('id', id, 'status', status), timestamptz '2026-01-01Z'
           FROM changed ORDER BY id`)})
  SELECT id FROM changed`;

test('an event is there when its change is, and gone with it', async () => {
  const url = await withThings();
  const sql = change(createEventWriter(true).insertFrom);
  await usingDatabase(url, async (database) => {
    const failing = database.transaction(async (trx) => {
      await trx.raw(sql, ['old', 'thing.old']);
      throw new Error('changed my mind');
    });
    await assert.rejects(failing, /changed my mind/);
    assert.deepEqual(await subjects(url), []);
    await database.transaction((trx) => trx.raw(sql, ['old', 'thing.old']));
  });
  assert.deepEqual(await subjects(url), ['thing:1', 'thing:2']);
});

test('a change writes its events in the same statement', async () => {
  const url = await withThings();
  const sql = change(createEventWriter(true).insertFrom);
  await usingDatabase(url, (database) => database.run((knex) => knex.raw(sql, ['old', 'thing.old'])));
  const rows = await query(
    url,
    `SELECT subject, type, data::text, occurred_at AT TIME ZONE 'UTC' = '2026-01-01' AS at FROM sidecar_events ORDER BY seq`,
  );
  assert.deepEqual(rows[1], {
    subject: 'thing:2',
    type: 'thing.old',
    data: '{"id" : 2, "status" : "old"}',
    at: true,
  });
  assert.equal(rows.length, 2);
});

test('without a webhook the change is made and no event is written', async () => {
  const url = await withThings();
  const sql = change(createEventWriter(false).insertFrom);
  const { rows } = await usingDatabase(url, (database) =>
    database.run((knex) => knex.raw<{ rows: unknown[] }>(sql, ['old', 'thing.old'])),
  );
  assert.equal(rows.length, 2);
  assert.deepEqual(await subjects(url), []);
});
