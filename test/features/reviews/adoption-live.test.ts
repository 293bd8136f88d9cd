/** A large table is adopted while the old module reads and writes, whatever kills the process that does it. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { adoptBeside } from '../../../scripts/adoption/adopt.ts';
import { makeOldTable, startOldModule } from '../../../scripts/adoption/old-module.ts';
import { query, startTestDatabase, type TestDatabaseServer } from '../../../scripts/lab/database.ts';
import { parseDatabaseUrl } from '../../../src/config/database-url.ts';
import { schemaStatus } from '../../../src/infra/postgres/migrate.ts';
import { schema } from '../../../src/schema.ts';
import { statsAgree } from '../../support/old-reviews.ts';

let server: TestDatabaseServer;

before(async () => {
  server = await startTestDatabase();
});

after(() => server.stop());

test('killed again and again it goes on where it was, and is right in the end', async () => {
  const url = await server.createDatabase();
  await makeOldTable(url, { rows: 60_000, hotRows: 20_000 });
  const load = startOldModule(url, { products: 1_200 });
  const lines: string[] = [];
  const { kills } = await adoptBeside(url, [900, 1_500, 2_500, 4_000], (line) => lines.push(line));
  const { writes } = await load.stop();
  assert.ok(kills > 0 && writes.count > 0);
  assert.match(lines.join('\n'), /making the index [\s\S]* of about 6\d,\d{3}/);
  assert.deepEqual((await schemaStatus(parseDatabaseUrl(url), schema)).problems, []);
  assert.deepEqual(await query(url, 'SELECT FROM product_reviews_unsettled'), []);
  const [rows] = await query<{ n: number }>(url, 'SELECT count(*)::integer AS n FROM product_reviews');
  assert.equal(rows?.n, 60_000 + writes.count);
  await statsAgree(url);
});
