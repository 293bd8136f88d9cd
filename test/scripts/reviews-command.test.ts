/** npm run reviews: out of a database, into another, and again. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { after, before, test } from 'node:test';
import { query, startTestDatabase, type TestDatabaseServer } from '../../scripts/lab/database.ts';
import { makeScratchFolder } from '../../scripts/lab/scratch-folder.ts';
import { runNode } from '../../scripts/lab/sidecar.ts';
import { oldInsert, statsAgree } from '../support/old-reviews.ts';
import { allTables } from '../support/sidecar-with-database.ts';

const SCRIPT = resolve(import.meta.dirname, '../../scripts/reviews.ts');
const folder = makeScratchFolder('reviews-command');
let server: TestDatabaseServer;
before(async () => {
  server = await startTestDatabase();
});
after(async () => {
  await server.stop();
  folder.remove();
});

const reviews = (url: string, ...args: string[]) =>
  runNode(SCRIPT, args, { DATABASE_URL: url, S3_PUBLIC_BASE_URL: 'https://cdn.example.com' });

const migrated = () => server.createDatabase(allTables);

let files = 0;
function fileOf(lines: readonly unknown[]): string {
  files += 1;
  const path = folder.at(`${files}.ndjson`);
  writeFileSync(
    path,
    lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n'),
  );
  return path;
}

const exported = async (url: string, ...args: string[]) => {
  const run = await reviews(url, 'export', ...args);
  assert.equal(run.status, 0, run.stderr);
  return run.stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
};
const imported = async (url: string, lines: readonly unknown[], ...args: string[]) =>
  reviews(url, 'import', fileOf(lines), ...args);
const line = (id: number, more: object = {}) => ({
  ...{
    id,
    product_id: '1',
    author_id: String(1000 + id),
    author_name: 'Ann',
    rating: 1 + (id % 5),
    text: `text ${id}`,
  },
  ...{ created_at: '2026-01-31T12:00:00.123Z' },
  ...more,
});

/** One of each: every column, every status, a row that another has replaced, a deleted user's. */
async function full(): Promise<string> {
  const url = await migrated();
  const media = JSON.stringify([
    {
      upload_id: '11111111-1111-4111-8111-111111111111',
      type: 'image',
      key: 'a/b.png',
      content_type: 'image/png',
    },
  ]);
  const insert = (row: Record<string, unknown>) => {
    const all = {
      product_id: '1',
      author_id: '1',
      author_name: 'Ann',
      rating: 5,
      created_at: '2026-01-01T00:00:00.001Z',
      ...row,
    };
    const names = Object.keys(all);
    return query(
      url,
      `INSERT INTO product_reviews (${names}) VALUES (${names.map((_, i) => `$${i + 1}`)})`,
      Object.values(all),
    );
  };
  await insert({ text: 'first, "quoted"\n\u2028' });
  await insert({
    text: 'second',
    title: 'T',
    verified: true,
    incentivized: true,
    display_short: true,
    edited_at: '2026-02-01Z',
    media,
    created_at: '2026-01-02T00:00:00.001Z',
    reply: JSON.stringify({
      text: 'thanks',
      created_at: '2026-01-03T00:00:00.000Z',
      edited_at: null,
      author_id: 2,
    }),
  });
  await insert({
    author_id: '5',
    status: 'pending',
    rating: 1,
    pending_edit: JSON.stringify({ rating: 2, text: 'new', title: null, media: JSON.parse(media) }),
  });
  await insert({ author_id: '77', status: 'hidden', status_reason: 'spam', text: null });
  await insert({ author_id: '5', product_id: '2', status: 'held', status_reason: 'fake' });
  await insert({ author_id: 'x', product_id: '2', rating: 3 });
  return url;
}

test('what is exported is imported as it was, and the second time there is nothing to do', async () => {
  const lines = await exported(await full());
  assert.deepEqual(
    lines.map(({ id, status, display_name: name }) => [id, status, name]),
    [
      [1, 'published', 'full'],
      [2, 'published', 'short'],
      [3, 'pending', 'full'],
      [4, 'hidden', 'full'],
      [5, 'held', 'full'],
      [6, 'published', 'full'],
    ],
  );
  assert.deepEqual(lines[1].media, [
    { type: 'image', url: 'https://cdn.example.com/a/b.png', content_type: 'image/png' },
  ]);
  assert.equal(lines[3].author_name, 'Deleted user');
  const url = await migrated();
  const run = await imported(url, lines);
  assert.deepEqual(
    [run.status, run.stdout],
    [0, '6 reviews were added; 0 are there already; 0 lines were not taken.\n'],
    run.stderr,
  );
  assert.deepEqual(await exported(url), lines);
  const moderated = await query(
    url,
    'SELECT product_id, author_id, status FROM product_review_moderated ORDER BY 1, 2',
  );
  assert.deepEqual(moderated, [
    { product_id: '1', author_id: '77', status: 'hidden' },
    { product_id: '2', author_id: '5', status: 'held' },
  ]);
  const media = await query(url, 'SELECT review_id::integer FROM product_review_media ORDER BY 1');
  assert.deepEqual(media, [{ review_id: 2 }, { review_id: 3 }]);
  await query(
    url,
    `INSERT INTO product_reviews (product_id, author_id, author_name, rating) VALUES ('9', '1', 'x', 1)`,
  );
  const again = await imported(url, lines);
  assert.equal(again.stdout, '0 reviews were added; 6 are there already; 0 lines were not taken.\n');
  const ids = await query(url, 'SELECT max(id)::integer AS id FROM product_reviews');
  assert.deepEqual(ids, [{ id: 7 }], 'the next id is behind those of the file');
});

test('an export is of one product, and of what was written or edited since', async () => {
  const url = await full();
  const ids = async (...args: string[]) => (await exported(url, ...args)).map(({ id }) => id);
  assert.deepEqual(await ids('--product', '2'), [5, 6]);
  assert.deepEqual(await ids('--since', '2026-01-15'), [2]);
  assert.deepEqual(await ids('--since', '2026-01-01T00:00:00Z', '--product', '1'), [1, 2, 3, 4]);
});

test('one bad line never stops the others, and each is listed with its number', async () => {
  const url = await migrated();
  await query(
    url,
    `ALTER TABLE product_reviews ADD CONSTRAINT polite CHECK (text <> 'rude');
     CREATE FUNCTION keep_out() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
       IF NEW.text = 'odd' THEN RAISE EXCEPTION 'too odd' USING ERRCODE = '45000'; END IF;
       RETURN NULL; END $$;
     CREATE TRIGGER keep_out BEFORE INSERT ON product_reviews FOR EACH ROW
       WHEN (NEW.text IN ('odd', 'unheard')) EXECUTE FUNCTION keep_out()`,
  );
  const lines = [
    line(1),
    '{"id":',
    line(3, { rating: 6 }),
    '',
    line(5, { text: 'a\u0000b' }),
    line(6, { text: 'rude' }),
    line(7, { created_at: '2026-02-30' }),
    line(8, { status: 'gone' }),
    '[]',
    `{"pad":"${'x'.repeat(1_100_000)}"}`,
    line(11),
    line(12, { text: 'odd' }),
    line(13, { text: 'unheard' }),
  ];
  const run = await imported(url, lines);
  assert.equal(run.status, 3);
  assert.equal(run.stdout, '2 reviews were added; 0 are there already; 10 lines were not taken.\n');
  const listed = [...run.stderr.matchAll(/^line (\d+): (.+)$/gm)].map(([, number, why]) => [
    Number(number),
    why,
  ]);
  assert.deepEqual(
    listed.toSorted(([a], [b]) => Number(a) - Number(b)),
    [
      [2, 'it is not valid JSON'],
      [3, 'rating: must be a whole number from 1 to 5'],
      [5, 'text: must not contain a NUL character'],
      [6, 'new row for relation "product_reviews" violates check constraint "polite"'],
      [7, 'created_at: must be a time with a zone, e.g. 2026-01-31T12:00:00Z'],
      [8, 'status: must be a status of a review'],
      [9, 'must be a JSON object'],
      [10, 'it is longer than 1048576 bytes, or not valid UTF-8'],
      [12, 'too odd'],
      [13, 'a trigger of product_reviews keeps it out'],
    ],
  );
  assert.deepEqual(await query(url, 'SELECT id::integer FROM product_reviews ORDER BY id'), [
    { id: 1 },
    { id: 11 },
  ]);
});

test('an id that another review has is replaced, and nothing that is there changes', async () => {
  const url = await migrated();
  await oldInsert(url, ['3', '1', 'Old', 2, 'mine', '2025-01-01Z']);
  const run = await imported(url, [
    line(1),
    line(1, { author_id: '50' }),
    line(2),
    line(9007199254740991, { author_id: '51' }),
  ]);
  assert.equal(
    run.stdout,
    '4 reviews were added, 3 of them with a new id; 0 are there already; 0 lines were not taken.\n',
  );
  const rows = await query(url, 'SELECT id::integer, author_id FROM product_reviews ORDER BY id');
  assert.deepEqual(rows.slice(0, 2), [
    { id: 1, author_id: '1' },
    { id: 2, author_id: '1002' },
  ]);
  assert.deepEqual(rows.length, 5);
  assert.equal(
    (await imported(url, [line(1), line(1, { author_id: '50' })])).stdout,
    '0 reviews were added; 2 are there already; 0 lines were not taken.\n',
  );
  await statsAgree(url);
});

test('of an author’s rows the newest is shown, whatever becomes of their ids, and none is lost', async () => {
  const url = await migrated();
  await oldInsert(url, ['3', '1', 'Old', 2, 'has the id', '2025-01-01Z']);
  await oldInsert(url, ['1', '1500', 'Ann', 2, 'of today', '2026-06-01Z']);
  const [at, later] = ['2026-01-31T12:00:00.123Z', '2026-02-01T00:00:00.000Z'];
  const of = (author: string, id: number, created_at: string, text: string) =>
    line(id, { author_id: author, created_at, text });
  const twins = [of('70', 20, at, 'first tap'), of('70', 21, at, 'second tap')];
  const renumbered = [of('60', 1, at, 'older'), of('60', 9, later, 'newer')];
  const apart = [of('61', 1, at, 'older'), of('61', 10, later, 'newer')] as const;
  const outdated = of('1500', 500, at, 'of last year');
  await imported(url, [...twins, ...renumbered, apart[0], outdated]);
  await imported(url, [apart[1]]);
  const again = await imported(url, [...twins, ...renumbered, ...apart, outdated]);
  assert.match(again.stdout, /^0 reviews were added; 7 are there already; 0 lines/);
  const shown = await query(
    url,
    'SELECT author_id, text FROM product_reviews WHERE superseded_at IS NULL ORDER BY author_id COLLATE "C"',
  );
  assert.deepEqual(
    shown.map(({ author_id, text }) => [author_id, text]),
    [
      ['1', 'has the id'],
      ['1500', 'of today'],
      ['60', 'newer'],
      ['61', 'newer'],
      ['70', 'second tap'],
    ],
  );
  assert.equal((await query(url, 'SELECT FROM product_reviews')).length, 8);
  await statsAgree(url);
});

test('--dry-run tells the same and changes nothing', async () => {
  const url = await migrated();
  const lines = [line(1), line(2, { rating: 0 }), line(3, { status: 'hidden' })];
  const run = await imported(url, lines, '--dry-run');
  assert.deepEqual(
    [run.status, run.stdout],
    [3, '2 reviews would be added; 0 are there already; 1 lines cannot be taken.\n'],
  );
  for (const table of ['product_reviews', 'product_review_moderated', 'product_review_stats'])
    assert.deepEqual(await query(url, `SELECT FROM ${table}`), [], table);
});

test('what a moderator has kept back does not come back with a file', async () => {
  const url = await migrated();
  await query(url, `INSERT INTO product_review_moderated VALUES ('1', '1001', 'held')`);
  await imported(url, [line(1), line(2)]);
  const rows = await query(
    url,
    'SELECT id::integer, status, superseded_at IS NULL AS shown FROM product_reviews ORDER BY id',
  );
  assert.deepEqual(rows, [
    { id: 1, status: 'held', shown: false },
    { id: 2, status: 'published', shown: true },
  ]);
});

test('a table of the old module’s takes an import, too: varchar columns, serial ids, times as text', async () => {
  const lines = [
    line(1, { author_name: 'N'.repeat(40) }),
    line(2, { text: 'too long '.repeat(10) }),
    line(3),
  ];
  const url = await server.createDatabase();
  await query(
    url,
    `CREATE TABLE product_reviews (id serial PRIMARY KEY, product_id varchar(64) NOT NULL, author_id varchar(64) NOT NULL,
    author_name varchar(20), rating smallint, text varchar(50), created_at varchar(40))`,
  );
  await allTables(url);
  const run = await imported(url, lines);
  assert.equal(
    run.stdout,
    '2 reviews were added; 0 are there already; 1 lines were not taken.\n',
    run.stderr,
  );
  assert.match(run.stderr, /line 2: value too long/);
  assert.equal(
    (await imported(url, lines)).stdout,
    '0 reviews were added; 2 are there already; 1 lines were not taken.\n',
  );
  const rows = await query(url, 'SELECT author_name, created_at FROM product_reviews ORDER BY id');
  assert.deepEqual(rows[0], { author_name: 'N'.repeat(20), created_at: '2026-01-31T12:00:00.123+00:00' });
});

test('many lines beside writers end with every figure right', async () => {
  const url = await migrated();
  const lines = Array.from({ length: 5_000 }, (_, i) =>
    line(i + 1, { product_id: String(i % 7), author_id: String(i % 3_000) }),
  );
  const file = fileOf(lines);
  // Older than the lines of the same authors, which therefore are added, whoever comes first.
  const writers = Array.from({ length: 20 }, (_, i) =>
    oldInsert(url, [String(i % 7), String(i), 'w', 1, null, new Date(0)]),
  );
  const [run] = await Promise.all([reviews(url, 'import', file), ...writers]);
  assert.equal(run.status, 0, run.stderr);
  assert.match(run.stderr, /100 % 5000 lines/);
  const [{ n }] = (await query(url, 'SELECT count(*)::integer AS n FROM product_reviews')) as [{ n: number }];
  assert.equal(n, 5_020);
  await statsAgree(url);
});

test('refresh-verified asks the orders, both ways, and needs them', async () => {
  const url = await migrated();
  await query(
    url,
    `INSERT INTO product_reviews (product_id, author_id, author_name, rating, verified) VALUES
      ('1', '1', 'x', 5, NULL), ('2', '1', 'x', 5, true), ('1', '5', 'x', 5, NULL), ('3', '5', 'x', 5, true), ('1', 'x', 'x', 5, NULL);
    INSERT INTO orders (buyer_id, status) VALUES (1, 'delivered'), (5, 'delivered'), (5, 'pending');
    INSERT INTO order_items (order_id, product_id) VALUES (1, 1), (2, 3), (3, 1)`,
  );
  const run = await reviews(url, 'refresh-verified');
  assert.deepEqual(
    [run.status, run.stdout],
    [0, '1 reviews are verified now that were not, 1 no longer.\n'],
    run.stderr,
  );
  const rows = await query(url, 'SELECT id::integer FROM product_reviews WHERE verified ORDER BY id');
  assert.deepEqual(rows, [{ id: 1 }, { id: 4 }]);
  const stats = await query(
    url,
    'SELECT product_id, verified_count FROM product_review_stats ORDER BY product_id',
  );
  assert.deepEqual(stats, [
    { product_id: '1', verified_count: 1 },
    { product_id: '2', verified_count: 0 },
    { product_id: '3', verified_count: 1 },
  ]);
  await query(url, 'DROP TABLE order_items');
  const failed = await reviews(url, 'refresh-verified');
  assert.deepEqual([failed.status, /order_items/.test(failed.stderr)], [1, true]);
});

test('it explains itself, and its errors are sentences without the password', async () => {
  assert.match((await reviews('', '--help')).stdout, /Usage: npm run reviews/);
  for (const args of [
    [],
    ['export', 'x'],
    ['import'],
    ['stats', '--product', '1'],
    ['export', '--since', 'may'],
    ['export', '--since', '2026-02-30'],
  ]) {
    assert.equal((await reviews('', ...args)).status, 2, args.join(' '));
  }
  assert.equal((await reviews('', 'export')).status, 78);
  const nobody = await reviews('postgresql://app:hidden-word@127.0.0.1:9/none', 'export');
  assert.deepEqual([nobody.status, nobody.stderr.includes('hidden-word')], [1, false]);
  const noFile = await reviews(server.url, 'import', folder.at('missing'));
  assert.deepEqual([noFile.status, /missing/.test(noFile.stderr)], [1, true]);
  const alias = JSON.parse(readFileSync(resolve(import.meta.dirname, '../../package.json'), 'utf8')).scripts;
  assert.equal(alias['rebuild-review-stats'], 'node scripts/reviews.ts stats');
});
