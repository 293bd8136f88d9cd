/** Demo data: a shop that looks real, the same every time, with every count right; kept in sets, and taken away again. */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { createDemoData } from '../../scripts/dev/demo/data.ts';
import { fillDemo } from '../../scripts/dev/demo/fill.ts';
import { createSets } from '../../scripts/dev/demo/sets.ts';
import { makeShop } from '../../scripts/dev/demo/shop.ts';
import { query, startTestDatabase } from '../../scripts/lab/database.ts';
import { startDemoBackend } from '../../scripts/lab/demo-backend/server.ts';
import { makeScratchFolder } from '../../scripts/lab/scratch-folder.ts';
import { startTestObjectStore } from '../../scripts/lab/throwaway-object-store.ts';
import { parseDatabaseUrl } from '../../src/config/database-url.ts';
import { findDrift } from '../../src/features/reviews/tables/figures.ts';
import { longTransaction, migrateDatabase } from '../../src/infra/postgres/migrate.ts';
import { schema } from '../../src/schema.ts';

const parts = new AsyncDisposableStack();
const folder = makeScratchFolder('demo-data');
let url: string;
let fill: () => ReturnType<typeof fillDemo>;
let server: Awaited<ReturnType<typeof startTestDatabase>>;
const said: [share: number, text: string][] = [];

before(async () => {
  parts.defer(folder.remove);
  server = parts.use(await startTestDatabase());
  url = await server.createDatabase();
  await migrateDatabase(parseDatabaseUrl(url), schema);
  const options = { port: 0, databaseUrl: url, jwtSecret: 'x'.repeat(32), mediaDir: folder.at('media') };
  const backend = await startDemoBackend(options);
  parts.defer(() => backend.stop());
  const store = await startTestObjectStore();
  parts.defer(() => store.stop());
  fill = () =>
    fillDemo({
      ...{ databaseUrl: url, storage: store.config, isTold: true },
      onProgress: (share, text) => said.push([share, text]),
    });
});
after(() => parts.disposeAsync());

const one = async (sql: string) =>
  Number((await query<{ n: string }>(url, `SELECT (${sql})::text AS n`))[0]?.n);
const figures = () =>
  query(
    url,
    `SELECT (SELECT count(*) FROM product_reviews) AS reviews, (SELECT count(*) FROM sidecar_uploads) AS uploads,
            (SELECT count(*) FROM product_review_votes) AS votes, (SELECT count(*) FROM orders) AS orders,
            (SELECT count(*) FROM users) AS users, (SELECT count(*) FROM product_review_media) AS media,
            (SELECT sum(report_count) FROM product_reviews) AS reports`,
  );

test('the shop is the same every time, and in three languages', () => {
  const [shop, again] = [makeShop(), makeShop()];
  assert.deepEqual(shop, again);
  assert.notDeepEqual(makeShop(2).reviews, shop.reviews);
  assert.equal(shop.products.length, 50);
  assert.equal(shop.reviews.length, 2_000);
  const texts = shop.reviews.flatMap(({ text }) => text ?? []);
  const inCyrillic = texts.filter((text) => /[а-яё]{3}/i.test(text)).length;
  const inUzbek = texts.filter(
    (text) => /[a-z]/i.test(text) && /ʻ|ʼ|yapti|juda|rahmat|keldi/i.test(text),
  ).length;
  const inEnglish = texts.filter((text) => /\b(the|and|my|is|in)\b/.test(text)).length;
  for (const count of [inCyrillic, inUzbek, inEnglish]) assert.ok(count > 150, `${count} of ${texts.length}`);
  // People do not all say the same.
  assert.ok(new Set(texts).size > 0.7 * texts.length, `${new Set(texts).size} of ${texts.length}`);
  const pairs = new Set(shop.reviews.map(({ product, author }) => `${product} ${author}`));
  assert.equal(pairs.size, 2_000);
});

test('it fills database and bucket, with every count right', async () => {
  const filled = await fill();
  assert.deepEqual([filled.products, filled.reviews, filled.known], [50, 2_000, 0]);
  assert.equal(await one('SELECT count(*) FROM product_reviews'), 2_000);
  assert.deepEqual(await longTransaction(parseDatabaseUrl(url), 'rollback', findDrift), {
    reviews: 0,
    products: 0,
  });
  assert.equal(await one(`SELECT count(*) FROM sidecar_uploads WHERE status = 'ready'`), filled.pictures);
  assert.equal(
    await one(`SELECT count(*) FROM sidecar_upload_usage AS u WHERE bytes <> (
      SELECT sum(size_bytes) FROM sidecar_uploads AS up WHERE up.user_id = u.user_id)`),
    0,
  );
  assert.equal(
    await one(`SELECT count(*) FROM product_reviews AS r WHERE coalesce(helpful_count, 0) <> (
      SELECT count(*) FROM product_review_votes AS v WHERE v.review_id = r.id)`),
    0,
  );
  assert.equal(
    await one(
      `SELECT count(*) FROM product_reviews WHERE verified AND NOT product_review_bought(product_id, author_id::bigint)`,
    ),
    0,
  );
  for (const status of ['held', 'hidden', 'pending'])
    assert.ok((await one(`SELECT count(*) FROM product_reviews WHERE status = '${status}'`)) >= 5, status);
  assert.ok((await one('SELECT count(*) FROM product_reviews WHERE report_count > 0')) >= 3);
  const [product] = await query<{ image_url: string }>(
    url,
    'SELECT image_url FROM products WHERE image_url IS NOT NULL',
  );
  const picture = await fetch(product?.image_url ?? '');
  assert.deepEqual([picture.status, picture.headers.get('content-type')], [200, 'image/png']);
  const shares = said.map(([share]) => share);
  assert.deepEqual(
    shares.toSorted((a, b) => a - b),
    shares,
    'progress never goes back',
  );
  assert.equal(shares.at(-1), 1);
});

test('a second time changes nothing, and what was interrupted is finished', async () => {
  const before = await figures();
  assert.equal((await fill()).known, 2_000);
  assert.deepEqual(await figures(), before);
  await query(url, 'DELETE FROM product_reviews WHERE id % 2 = 0');
  await fill();
  assert.deepEqual(await figures(), before);
  assert.deepEqual(await longTransaction(parseDatabaseUrl(url), 'rollback', findDrift), {
    reviews: 0,
    products: 0,
  });
});

test('it keeps away from a database of somebody else’s', async () => {
  const other = await server.createDatabase();
  const fillOther = () =>
    fillDemo({ databaseUrl: other, storage: null, isTold: false, onProgress: () => undefined });
  await assert.rejects(fillOther, /no accounts of the demo backend/);
  await query(other, 'CREATE TABLE users (id serial PRIMARY KEY, email text, name text)');
  await assert.rejects(fillOther, /not the demo’s/);
});

test('sets bring back what was there, to the last file; reset is as after the first start', async () => {
  const objects = folder.at('objects');
  mkdirSync(join(objects, 'multiparts'), { recursive: true });
  writeFileSync(join(objects, 'a'), 'file of then');
  const sets = createSets({ databaseUrl: url, objects, folder: folder.at('sets') });
  const data = createDemoData({ databaseUrl: url, storage: null, isTold: false, sets });
  const before = await figures();
  assert.equal(await data.run('save', 'full'), 'The set "full" is saved.');
  assert.deepEqual(await figures(), before, 'whoever was connected connects again');

  await query(url, 'DELETE FROM product_reviews WHERE id % 3 = 0');
  rmSync(join(objects, 'a'));
  writeFileSync(join(objects, 'b'), 'file of now');
  await data.run('load', 'full');
  assert.deepEqual(await figures(), before);
  assert.deepEqual(readdirSync(objects).sort(), ['a', 'multiparts']);

  await data.run('reset');
  assert.deepEqual(await one('SELECT count(*) FROM product_reviews'), 0);
  assert.deepEqual(await one('SELECT count(*) FROM products'), 3);
  assert.deepEqual(readdirSync(objects), ['multiparts']);
  assert.deepEqual(
    (await data.sets())?.map(({ name }) => name),
    ['full'],
  );
  await data.run('load', 'full');
  assert.deepEqual(await figures(), before);
  await data.run('remove', 'full');
  assert.deepEqual(await data.sets(), []);
});

test('a set that cannot be is refused with a sentence, and so is a database of one’s own', async () => {
  const sets = createSets({ databaseUrl: url, objects: null, folder: folder.at('sets') });
  const data = createDemoData({ databaseUrl: url, storage: null, isTold: false, sets });
  await assert.rejects(() => data.run('load', 'none'), /There is no set "none"/);
  for (const name of ['', '../x', 'a"; DROP', 'A'.repeat(40)])
    await assert.rejects(() => data.run('save', name), /name of a set/);
  assert.equal(data.task()?.state, 'failed');
  const own = createDemoData({ databaseUrl: url, storage: null, isTold: false, sets: null });
  for (const action of ['save', 'load', 'remove', 'reset'] as const)
    await assert.rejects(() => own.run(action, 'x'), /database of your own/);
  const [first, second] = [data.run('save', 'one'), data.run('save', 'two')];
  await assert.rejects(() => second, /under way/);
  await first;
});
