/** A database that is not as we left it: what is missing or wrong is found, and put right at the start. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { after, before, test } from 'node:test';
import {
  query,
  startTestDatabase,
  type TestDatabaseServer,
  usingDatabase,
} from '../../../scripts/lab/database.ts';
import { runNode } from '../../../scripts/lab/sidecar.ts';
import { parseDatabaseUrl } from '../../../src/config/database-url.ts';
import { FUNCTIONS } from '../../../src/features/reviews/tables/functions.ts';
import { OWN_TABLES } from '../../../src/features/reviews/tables/own-tables.ts';
import { reviewTables } from '../../../src/features/reviews/tables/review-tables.ts';
import {
  ADD_COLUMNS,
  CREATE_REVIEWS,
  INDEXES,
  TRIGGERS,
} from '../../../src/features/reviews/tables/wanted.ts';
import { migrateDatabase, rollBackDatabase, schemaStatus } from '../../../src/infra/postgres/migrate.ts';
import { migrationsOf } from '../../../src/infra/postgres/schema-parts.ts';
import { schema } from '../../../src/schema.ts';
import { createAdoptedTable, createOldTable, oldInsert, statsAgree } from '../../support/old-reviews.ts';
import { reviewWriter } from '../../support/put-review.ts';
import { newestReviews } from '../../support/review-reader.ts';

let server: TestDatabaseServer;

before(async () => {
  server = await startTestDatabase();
});

after(() => server.stop());

const target = (url: string) => parseDatabaseUrl(url);
const migrate = (url: string) => migrateDatabase(target(url), schema);
const problems = async (url: string) => (await schemaStatus(target(url), schema)).problems;

const migrated = () => createAdoptedTable(server);

const COPY_BACK = `
  INSERT INTO product_reviews SELECT * FROM backup;
  DROP TABLE backup CASCADE`;
const ALL_FUNCTIONS = `
  DO $$ DECLARE f regprocedure; BEGIN
    FOR f IN SELECT oid FROM pg_proc WHERE proname ~ '^product_review' LOOP EXECUTE 'DROP FUNCTION ' || f || ' CASCADE'; END LOOP;
  END $$`;

const DAMAGES: Record<string, string> = {
  'the stats are gone': 'DROP TABLE product_review_stats',
  'the stats came back as a bare copy': `CREATE TABLE copy AS TABLE product_review_stats;
     DROP TABLE product_review_stats; ALTER TABLE copy RENAME TO product_review_stats`,
  'a column of the stats has another type': 'ALTER TABLE product_review_stats ALTER review_count TYPE bigint',
  'the notes are gone': 'DROP TABLE product_reviews_unsettled',
  'the functions are gone, and the triggers with them': ALL_FUNCTIONS,
  'a function is an older one': `CREATE OR REPLACE FUNCTION product_reviews_promote(products text[], authors text[])
     RETURNS void LANGUAGE sql AS 'SELECT'`,
  'a function has lost its settings': 'ALTER FUNCTION product_reviews_after_insert() RESET search_path',
  'everybody may call a function': 'GRANT EXECUTE ON FUNCTION product_reviews_after_delete() TO PUBLIC',
  'a trigger is gone': 'DROP TRIGGER product_reviews_after_delete ON product_reviews',
  'a trigger is another one': `DROP TRIGGER product_reviews_hold ON product_reviews;
     CREATE TRIGGER product_reviews_hold BEFORE INSERT ON product_reviews FOR EACH ROW EXECUTE FUNCTION product_reviews_hold()`,
  'a restore with --disable-triggers broke off': 'ALTER TABLE product_reviews DISABLE TRIGGER ALL',
  'the triggers of the stats are off': 'ALTER TABLE product_review_stats DISABLE TRIGGER ALL',
  'an index is gone': 'DROP INDEX product_reviews_current_page',
  'an index of that name is another one': `DROP INDEX product_reviews_author;
     CREATE INDEX product_reviews_author ON product_reviews (author_id)`,
  'an index is not valid': `UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'product_reviews_current'::regclass`,
  'our columns are gone': 'ALTER TABLE product_reviews DROP COLUMN edited_at, DROP COLUMN superseded_at',
  'the default of superseded_at is gone': 'ALTER TABLE product_reviews ALTER superseded_at DROP DEFAULT',
  'the table was renamed and copied back with all that it includes': `ALTER TABLE product_reviews RENAME TO backup;
     CREATE TABLE product_reviews (LIKE backup INCLUDING ALL);
     CREATE SEQUENCE moved OWNED BY product_reviews.id;
     ALTER TABLE product_reviews ALTER id SET DEFAULT nextval('moved'); ${COPY_BACK}`,
  'the table was renamed, copied back and the other kept': `ALTER TABLE product_reviews RENAME TO backup;
     CREATE TABLE product_reviews (LIKE backup INCLUDING DEFAULTS); INSERT INTO product_reviews SELECT * FROM backup`,
  'the table was renamed and copied back bare': `ALTER TABLE product_reviews RENAME TO backup;
     CREATE TABLE product_reviews AS TABLE backup; DROP TABLE backup CASCADE`,
  'the table was restored as it was before us': `DROP TABLE product_reviews;
     CREATE TABLE product_reviews (id serial PRIMARY KEY, product_id text NOT NULL, author_id text NOT NULL,
       author_name text, rating integer, text text, created_at timestamptz);
     INSERT INTO product_reviews (product_id, author_id, rating) VALUES ('1', '7', 2), ('1', '7', 4), ('1', '8', 5)`,
  'a figure of the stats is gone': 'ALTER TABLE product_review_stats DROP COLUMN rating_3',
  'the votes are gone': 'DROP TABLE product_review_votes',
  'a column of the votes is gone': 'ALTER TABLE product_review_votes DROP COLUMN product_id',
  'the history came back as a bare copy': `CREATE TABLE copy AS TABLE product_review_history;
     DROP TABLE product_review_history; ALTER TABLE copy RENAME TO product_review_history`,
  'the sequence is behind': `SELECT setval('product_reviews_id_seq', 1, false)`,
  'our tables are gone, and the record of the migrations is there': `DROP TABLE product_reviews, product_review_stats,
     product_reviews_unsettled; ${ALL_FUNCTIONS}`,
};

test('with nothing damaged nothing is found, and a start repairs nothing', async () => {
  const url = await migrated();
  assert.deepEqual(await problems(url), []);
  assert.deepEqual(await migrate(url), { applied: [], repaired: [], advice: [] });
});

for (const [damage, sql] of Object.entries(DAMAGES)) {
  test(`${damage}: it is found, and the next start puts it right`, async () => {
    const url = await migrated();
    await query(url, sql);
    assert.notDeepEqual(await problems(url), []);
    const { repaired } = await migrate(url);
    assert.notDeepEqual(repaired, []);
    await statsAgree(url);
    await oldInsert(url, ['1', '7', 'Ann', 1, null, new Date()]);
    await usingDatabase(url, async (database) => {
      await reviewWriter(database)('1', { id: 5, name: 'Vera' }, { rating: 5, text: null });
      const { items } = await newestReviews(database, '1', 2);
      assert.deepEqual(
        items.map(({ author_id, rating }) => [author_id, rating]),
        [
          ['5', 5],
          ['7', 1],
        ],
      );
    });
    await statsAgree(url);
    // What is left here is what the start after it would repair.
    assert.deepEqual(await problems(url), []);
  });
}

test('ids that other tables have, and their sequences are behind, as after a logical replication, are given to nobody', async () => {
  const url = await migrated();
  await query(
    url,
    `INSERT INTO product_review_history (review_id, product_id, action) VALUES (1, '1', 'hide'), (1, '1', 'publish');
     INSERT INTO product_reviews_unsettled (product_id) VALUES ('8'), ('9');
     SELECT setval(pg_get_serial_sequence('product_review_history', 'id'), 1, false),
            setval(pg_get_serial_sequence('product_reviews_unsettled', 'id'), 1, false)`,
  );
  assert.deepEqual(await problems(url), [
    'the sequence of product_reviews_unsettled.id is behind',
    'the sequence of product_review_history.id is behind',
  ]);
  await migrate(url);
  assert.deepEqual(await problems(url), []);
  await query(
    url,
    `INSERT INTO product_review_history (review_id, product_id, action) VALUES (1, '1', 'hide')`,
  );
});

test('an upgrade works where the sequence of the record of migrations is behind it', async () => {
  const url = await migrated();
  await query(
    url,
    `DELETE FROM gogomarket_sidecar_migrations WHERE name LIKE 'events-%';
     SELECT setval(pg_get_serial_sequence('gogomarket_sidecar_migrations', 'id'), 1, false)`,
  );
  assert.deepEqual((await migrate(url)).applied, ['events-0001-outbox']);
});

test('what nobody can compute is never made anew: a wrong type in it is left to an operator', async () => {
  const url = await migrated();
  await query(
    url,
    `INSERT INTO product_review_votes (review_id, user_id, product_id) VALUES (3, 1, '1');
     ALTER TABLE product_review_votes ALTER product_id TYPE varchar(9)`,
  );
  await assert.rejects(migrate(url), /product_review_votes is not as it must be/);
  await query(url, 'ALTER TABLE product_review_votes ALTER product_id TYPE text');
  await migrate(url);
  assert.equal((await query(url, 'SELECT FROM product_review_votes')).length, 1);
});

test('without the record of the migrations, as after a restore of single tables, it is made again', async () => {
  for (const sql of [
    'DROP TABLE gogomarket_sidecar_migrations, gogomarket_sidecar_migrations_lock',
    'DELETE FROM gogomarket_sidecar_migrations; DELETE FROM gogomarket_sidecar_migrations_lock',
  ]) {
    const url = await migrated();
    await query(url, sql);
    const { applied, repaired } = await migrate(url);
    assert.deepEqual([applied.length, repaired], [migrationsOf(schema).length, []]);
    await statsAgree(url);
  }
});

test('a database of release 0.1.0 is brought up to date, its rows without a rating left out', async () => {
  const url = await createOldTable(server);
  await oldInsert(url, ['1', '8', 'Bob', null, 'no stars', new Date()]);
  await query(url, await readFile(resolve(import.meta.dirname, 'schema-0.1.0.sql'), 'utf8'));
  assert.notDeepEqual(await problems(url), []);
  const { applied } = await migrate(url);
  assert.deepEqual(applied.slice(0, 2), ['0004-superseded-by-default', '0005-reviews-settled-later']);
  assert.deepEqual(await problems(url), []);
  await oldInsert(url, ['1', '9', 'Cy', 3, null, new Date()]);
  await statsAgree(url);
  assert.deepEqual(await query(url, `SELECT review_count FROM product_review_stats WHERE product_id = '1'`), [
    { review_count: 3 },
  ]);
});

test('whoever changes what must be there adds a migration, and then this fingerprint', () => {
  const wanted = JSON.stringify([ADD_COLUMNS, CREATE_REVIEWS, FUNCTIONS, INDEXES, OWN_TABLES, TRIGGERS]);
  const newest = reviewTables.migrations.at(-1)?.name;
  // Without a new name an older release would take the change for damage, and repair it.
  assert.deepEqual(
    [newest, createHash('sha256').update(wanted).digest('hex').slice(0, 8)],
    ['0014-reviews-deleted-for-sure', 'debbecb5'],
  );
});

test('what a newer release has made is left alone, and found right', async () => {
  const url = await migrated();
  await query(
    url,
    `INSERT INTO gogomarket_sidecar_migrations (name) VALUES ('9999-newer');
     ALTER TABLE product_review_stats ADD COLUMN histogram integer[];
     DROP TRIGGER product_reviews_take_turns ON product_reviews`,
  );
  assert.deepEqual(await problems(url), []);
  assert.deepEqual(await migrate(url), { applied: [], repaired: [], advice: [] });
  await assert.rejects(migrateDatabase(target(url), schema, { repair: true }), /A newer release/);
  assert.deepEqual(await query(url, 'SELECT histogram FROM product_review_stats LIMIT 0'), []);
});

test('a repair in the middle of writing loses and doubles nothing', async () => {
  const url = await migrated();
  let writing = true;
  const writes = (async () => {
    for (let n = 0; writing; n += 1)
      await oldInsert(url, ['1', String(n % 7), 'x', 1 + (n % 5), null, new Date()]);
  })();
  for (let n = 0; n < 3; n += 1) await migrateDatabase(target(url), schema, { repair: true });
  writing = false;
  await writes;
  await statsAgree(url);
});

const command = (url: string, ...args: string[]) =>
  runNode(resolve(import.meta.dirname, '../../../src/migrate.ts'), args, { DATABASE_URL: url });

test('npm run migrate -- --status says what is wrong, --repair also what cannot be seen', async () => {
  const url = await migrated();
  await query(
    url,
    `ALTER TABLE product_reviews ALTER text TYPE varchar(500);
     BEGIN; SET LOCAL session_replication_role = replica;
     INSERT INTO product_reviews (product_id, author_id, author_name, rating) VALUES ('1', '9', 'x', 1);
     COMMIT`,
  );
  const unseen = await command(url, '--status');
  assert.equal(unseen.status, 0, unseen.stderr);
  assert.match(unseen.stdout, /^applied {2}0001-product-reviews$/m);
  assert.match(unseen.stdout, /^note {5}reviews longer than 500 characters are refused/m);
  await query(url, 'DROP TRIGGER product_reviews_after_insert ON product_reviews');
  const seen = await command(url, '--status');
  assert.deepEqual([seen.status, /^wrong {4}the trigger .* is missing$/m.test(seen.stdout)], [3, true]);
  const repaired = await command(url, '--repair');
  assert.equal(repaired.status, 0, repaired.stderr);
  assert.match(repaired.stdout, /^repaired {2}the trigger product_reviews_after_insert is missing$/m);
  await statsAgree(url);
  assert.match((await command(url, '--repair')).stdout, /^Everything is right\.$/m);
});

test('before the first migration --status does not list as wrong what is yet to be made', async () => {
  const { status, stdout } = await command(await server.createDatabase(), '--status');
  assert.match(
    stdout,
    /^wrong {4}\d+ parts are missing or of another release, as long as migrations are pending\n$/m,
  );
  assert.deepEqual([status, stdout.match(/^wrong/gm)?.length], [3, 1]);
});

test('triggers and indexes of the backend’s own stay as they are, through repairs and the way back', async () => {
  const url = await createOldTable(server);
  await query(
    url,
    `CREATE FUNCTION product_reviews_touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
     CREATE TRIGGER product_reviews_touch BEFORE INSERT ON product_reviews FOR EACH ROW EXECUTE FUNCTION product_reviews_touch();
     ALTER TABLE product_reviews DISABLE TRIGGER product_reviews_touch;
     CREATE INDEX own_index ON product_reviews (product_id, author_id, id)`,
  );
  await migrateDatabase(target(url), schema);
  await migrateDatabase(target(url), schema, { repair: true });
  for (const _ of migrationsOf(schema)) await rollBackDatabase(target(url), schema);
  const left = `SELECT tgname AS name, tgenabled AS state FROM pg_trigger WHERE tgrelid = 'product_reviews'::regclass
     UNION ALL SELECT indexrelid::regclass::text, '' FROM pg_index WHERE indrelid = 'product_reviews'::regclass ORDER BY 1`;
  assert.deepEqual(
    (await query<{ name: string; state: string }>(url, left)).map(({ name, state }) =>
      `${name} ${state}`.trim(),
    ),
    ['ix_product_reviews', 'own_index', 'product_reviews_pkey', 'product_reviews_touch D'],
  );
});
