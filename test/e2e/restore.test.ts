/** pg_dump and pg_restore as an operator uses them, on the system's own PostgreSQL, which is an older one than npm's. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { globSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { query, startTestDatabase, type TestDatabaseServer } from '../../scripts/lab/database.ts';
import { parseDatabaseUrl } from '../../src/config/database-url.ts';
import { migrateDatabase, schemaStatus } from '../../src/infra/postgres/migrate.ts';
import { schema } from '../../src/schema.ts';
import { documented } from '../support/documented.ts';
import { createOldTable, oldInsert, statsAgree } from '../support/old-reviews.ts';
import { skipWithout } from '../support/requirements.ts';

const skip = skipWithout(['PostgreSQL with pg_dump']);
const bin = globSync('/usr/lib/postgresql/*/bin').toSorted().at(-1) ?? '';
const run = promisify(execFile);
let server: TestDatabaseServer;
let folder: string;
/** Of a database that is as it must be: old rows, a row without a rating, an edit. */
let original: string;
let dumps = 0;

before(async () => {
  if (skip) return;
  folder = await mkdtemp(join(tmpdir(), 'sidecar-dump-'));
  server = await startTestDatabase({ installed: bin });
  original = await createOldTable(server);
  await oldInsert(original, ['1', '9', 'Cy', null, 'no stars', new Date()]);
  await migrate(original);
  await query(original, 'UPDATE product_reviews SET rating = 3, edited_at = now() WHERE id = 2');
});

after(async () => {
  await server?.stop();
  if (folder) await rm(folder, { recursive: true, force: true });
});

const migrate = (url: string) => migrateDatabase(parseDatabaseUrl(url), schema);
const problems = async (url: string) => (await schemaStatus(parseDatabaseUrl(url), schema)).problems;

async function dump(...args: string[]): Promise<string> {
  dumps += 1;
  const file = join(folder, `${dumps}.dump`);
  await run(join(bin, 'pg_dump'), ['--format=custom', `--file=${file}`, `--dbname=${original}`, ...args]);
  return file;
}

/** What pg_restore cannot do it says, and goes on. */
const restore = (file: string, url: string, ...args: string[]) =>
  run(join(bin, 'pg_restore'), [`--dbname=${url}`, ...args, file]).catch(() => undefined);

const REVIEWS =
  'SELECT id, author_id, rating, text, edited_at, superseded_at IS NULL AS shown FROM product_reviews ORDER BY id';

async function isAsBefore(url: string): Promise<void> {
  assert.deepEqual(await problems(url), []);
  assert.deepEqual(await query(url, REVIEWS), await query(original, REVIEWS));
  await statsAgree(url);
  await oldInsert(url, ['1', '7', 'Ann', 1, null, new Date()]);
  await statsAgree(url);
}

test('a database that is restored whole is right at once', { skip }, async () => {
  const file = await dump();
  const empty = await server.createDatabase();
  await restore(file, empty, '--no-owner');
  await isAsBefore(empty);
});

test('one that is restored over a live one (--clean) is right at once', { skip }, async () => {
  const url = await server.createDatabase();
  await migrate(url);
  await oldInsert(url, ['5', '5', 'x', 5, null, new Date()]);
  await restore(await dump(), url, '--clean', '--if-exists');
  await isAsBefore(url);
});

for (const options of [[], ['--disable-triggers']]) {
  test(`data alone ${options} into tables that the sidecar has made is right`, { skip }, async () => {
    // Empty, and of the old module's definition: rows without a rating fit.
    const url = await createOldTable(server);
    await migrate(url);
    await query(
      url,
      'TRUNCATE product_reviews, gogomarket_sidecar_migrations, gogomarket_sidecar_migrations_lock, gogomarket_sidecar_database',
    );
    await restore(await dump('--data-only'), url, ...options);
    await isAsBefore(url);
  });
}

const PARTS: Record<string, string[]> = {
  'the reviews alone, as docs/operations.md backs them up': ['--table=product_reviews'],
  'the reviews and their stats': ['--table=product_review*'],
  'the definitions alone': ['--schema-only'],
  'everything but the functions': ['--section=pre-data', '--section=data'],
};
for (const [part, options] of Object.entries(PARTS)) {
  test(`${part}: the next start makes the rest`, { skip }, async () => {
    const url = await server.createDatabase();
    await restore(await dump(...options), url);
    await oldInsert(url, ['1', '8', 'Bob', 4, null, new Date()]);
    await migrate(url);
    assert.deepEqual(await problems(url), []);
    await statsAgree(url);
    await oldInsert(url, ['1', '7', 'Ann', 1, null, new Date()]);
    await statsAgree(url);
  });
}

test('the definitions are told right from wrong on this PostgreSQL as well, also after the backend’s own DDL', {
  skip,
}, async () => {
  const url = await createOldTable(server);
  await migrate(url);
  assert.deepEqual(await problems(url), []);
  await query(url, 'ALTER TABLE product_reviews ALTER id TYPE integer, ALTER author_id TYPE varchar(64)');
  assert.deepEqual(await problems(url), []);
  await oldInsert(url, ['1', '7', 'Ann', 1, null, new Date()]);
  await statsAgree(url);
});

test('the reviews as docs/operations.md copies them before the first start come back as it says, over the live table', {
  skip,
}, async () => {
  const url = await createOldTable(server);
  const OLD = 'SELECT id, product_id, author_id, rating, text, created_at FROM product_reviews ORDER BY id';
  const rows = await query(url, OLD);
  const folderOfCopy = await mkdtemp(join(folder, 'copy-'));
  const paste = (command: string) =>
    run('bash', ['-c', `cd '${folderOfCopy}' && ${command}`], {
      env: { PATH: `${bin}:${process.env.PATH}`, database: url },
    });
  await paste(documented('pg_dump --format=custom --table=product_reviews '));
  assert.match((await paste(documented('pg_restore --list'))).stdout, /TABLE DATA public product_reviews/);
  await migrate(url);
  await query(url, "UPDATE product_reviews SET text = 'spoilt', rating = 1");
  await query(url, 'DELETE FROM product_reviews WHERE id = 1');
  await oldInsert(url, ['9', '9', 'New', 3, 'since then', new Date()]);

  await paste(documented("pg_dump --format=custom --table='product_review*'"));
  await paste(documented('pg_restore --clean'));
  assert.deepEqual(await query(url, OLD), rows);
  assert.notDeepEqual(await problems(url), []);
  const { args } = /^sidecar (?<args>.*)$/.exec(documented('sidecar src/migrate.ts --repair'))?.groups ?? {};
  await run(process.execPath, String(args).split(' '), {
    cwd: resolve(import.meta.dirname, '../..'),
    env: { DATABASE_URL: url },
  });
  assert.deepEqual(await problems(url), []);
  assert.deepEqual(await query(url, OLD), rows);
  await statsAgree(url);
});
