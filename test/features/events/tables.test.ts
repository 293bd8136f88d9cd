/** The outbox as part of the schema. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { query, startTestDatabase, type TestDatabaseServer } from '../../../scripts/lab/database.ts';
import { parseDatabaseUrl } from '../../../src/config/database-url.ts';
import { eventTables } from '../../../src/features/events/tables.ts';
import { migrateDatabase, schemaStatus } from '../../../src/infra/postgres/migrate.ts';
import { createOutboxDatabase, record, rows } from '../../support/outbox.ts';

let server: TestDatabaseServer;
before(async () => {
  server = await startTestDatabase();
});
after(() => server.stop());

test('an outbox that a restored backup lacks, or one of its indexes, is found and made again', async () => {
  const url = await createOutboxDatabase(server);
  const target = parseDatabaseUrl(url);
  for (const [what, problem] of Object.entries({
    'TABLE sidecar_events': 'sidecar_events is missing',
    'INDEX sidecar_events_due': 'sidecar_events_due is missing',
  })) {
    await query(url, `DROP ${what}`);
    assert.equal((await schemaStatus(target, [eventTables])).problems[0], problem);
    assert.equal((await migrateDatabase(target, [eventTables])).repaired[0], problem);
    assert.deepEqual((await schemaStatus(target, [eventTables])).problems, []);
  }
  await record(url, [{ subject: 'upload:1', type: 'upload.ready', data: {} }]);
  assert.equal((await rows(url))[0]?.state, 'waiting');
});

test('numbers behind those of the rows, as after a logical replication, are found and put right', async () => {
  const url = await createOutboxDatabase(server);
  const target = parseDatabaseUrl(url);
  const event = { subject: 'upload:1', type: 'upload.ready', data: {} };
  await record(url, [event, event]);
  await query(url, `SELECT setval(pg_get_serial_sequence('sidecar_events', 'seq'), 1, false)`);
  const problem = 'the sequence of sidecar_events.seq is behind';
  assert.deepEqual((await schemaStatus(target, [eventTables])).problems, [problem]);
  assert.deepEqual((await migrateDatabase(target, [eventTables])).repaired, [problem]);
  await record(url, [event]);
  const [latest] = await query(
    url,
    'SELECT rank() OVER (ORDER BY seq)::integer AS place FROM sidecar_events ORDER BY occurred_at DESC LIMIT 1',
  );
  assert.equal(latest?.place, 3);
});

test('an outbox that was copied back without its defaults is refused, not written to in vain', async () => {
  const url = await createOutboxDatabase(server);
  await query(
    url,
    `CREATE TABLE copied AS TABLE sidecar_events; DROP TABLE sidecar_events; ALTER TABLE copied RENAME TO sidecar_events`,
  );
  await assert.rejects(migrateDatabase(parseDatabaseUrl(url), [eventTables]), /has lost its defaults/);
});

test('the indexes by which people are found are made beside writers, anew when a killed process has left one invalid', async () => {
  const url = await createOutboxDatabase(server);
  const valid = () =>
    query(
      url,
      `SELECT relname AS name, indisvalid AS valid FROM pg_index JOIN pg_class ON oid = indexrelid
        WHERE relname IN ('sidecar_events_author', 'sidecar_events_actor') ORDER BY relname`,
    );
  const right = [
    { name: 'sidecar_events_actor', valid: true },
    { name: 'sidecar_events_author', valid: true },
  ];
  assert.deepEqual(await valid(), right);
  await query(
    url,
    `UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'sidecar_events_author'::regclass; DROP INDEX sidecar_events_actor`,
  );
  await migrateDatabase(parseDatabaseUrl(url), [eventTables]);
  assert.deepEqual(await valid(), right);
});
