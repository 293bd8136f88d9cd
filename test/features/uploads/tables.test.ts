/** The uploads' tables as part of the schema. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, test } from 'node:test';
import { query, startTestDatabase, type TestDatabaseServer } from '../../../scripts/lab/database.ts';
import { parseDatabaseUrl } from '../../../src/config/database-url.ts';
import { uploadTables, WANTED } from '../../../src/features/uploads/tables/upload-tables.ts';
import { migrateDatabase, schemaStatus } from '../../../src/infra/postgres/migrate.ts';

let server: TestDatabaseServer;
before(async () => {
  server = await startTestDatabase();
});
after(() => server.stop());

const KEEP = 'sidecar_keep_upload_usage()';
const ISSUE = 'sidecar_issue_uploads(bigint, json, integer, integer, bigint)';

test('whatever is not this release’s is found and made again, also in a schema with an odd name', async () => {
  const url = await server.createDatabase();
  await query(url, 'CREATE SCHEMA "Odd one"');
  const target = parseDatabaseUrl(`${url}?options=-csearch_path%3D%22Odd%5C%20one%22`);
  const odd = (sql: string) => query(url, `SET search_path = "Odd one"; ${sql}`);
  await migrateDatabase(target, [uploadTables]);
  assert.deepEqual((await schemaStatus(target, [uploadTables])).problems, []);
  for (const [damage, problem] of Object.entries({
    'DROP INDEX sidecar_uploads_due': 'sidecar_uploads_due is missing',
    'DROP TRIGGER sidecar_uploads_usage ON sidecar_uploads': 'sidecar_uploads_usage is missing',
    'ALTER TABLE sidecar_uploads DISABLE TRIGGER sidecar_uploads_usage':
      'sidecar_uploads_usage is switched off',
    [`DROP TRIGGER sidecar_uploads_usage ON sidecar_uploads;
      CREATE TRIGGER sidecar_uploads_usage AFTER UPDATE ON sidecar_uploads
        FOR EACH ROW EXECUTE FUNCTION ${KEEP}`]: 'sidecar_uploads_usage is not this release’s',
    [`CREATE OR REPLACE FUNCTION sidecar_keep_upload_usage() RETURNS trigger LANGUAGE plpgsql
        AS 'BEGIN RETURN NULL; END'`]: `${KEEP} is not this release’s`,
    [`ALTER FUNCTION ${KEEP} RESET search_path`]: `${KEEP} is not this release’s`,
    [`ALTER FUNCTION ${ISSUE} SECURITY DEFINER`]: `${ISSUE} is not this release’s`,
    [`DROP FUNCTION ${ISSUE}`]: `${ISSUE} is missing`,
  })) {
    await odd(damage);
    const wanted = problem.replace('’', "'");
    assert.deepEqual((await schemaStatus(target, [uploadTables])).problems, [wanted], damage);
    assert.deepEqual((await migrateDatabase(target, [uploadTables])).repaired, [wanted], damage);
    assert.deepEqual((await schemaStatus(target, [uploadTables])).problems, [], damage);
  }
});

test('whoever changes what must be there adds a migration, and then this fingerprint', () => {
  const newest = uploadTables.migrations.at(-1)?.name;
  const wanted = createHash('sha256').update(JSON.stringify(WANTED)).digest('hex').slice(0, 8);
  // Without a new name an older release would take the change for damage, and repair it. (Until the first release: the same name.)
  assert.deepEqual([newest, wanted], ['uploads-0001-life-of-an-upload', '383a64d8']);
});
