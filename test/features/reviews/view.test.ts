/** The JSON of a review, as PostgreSQL makes it out of whatever the table holds. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  createBackendTables,
  query,
  startTestDatabase,
  type TestDatabaseServer,
} from '../../../scripts/lab/database.ts';
import { parseDatabaseUrl } from '../../../src/config/database-url.ts';
import { createReviewViews, type ReviewViews } from '../../../src/features/reviews/view.ts';
import { createDatabase, type Database } from '../../../src/infra/postgres/database.ts';

const BASE = `https://cdn.example.com/a?b='c'&d=\\e`;
const COLUMNS = `author_name text, rating integer, text text, edited_at timestamptz, superseded_at timestamptz, title text,
  status text, status_reason text, verified boolean, incentivized boolean, display_short boolean, media jsonb,
  helpful_count integer, report_count integer, reply jsonb, pending_edit jsonb`;
let server: TestDatabaseServer;
let url: string;
let database: Database;
let views: ReviewViews;

before(async () => {
  server = await startTestDatabase();
  url = await server.createDatabase();
  await createBackendTables(url);
  await query(url, 'CREATE TABLE gogomarket_sidecar_database AS SELECT false AS is_standalone');
  database = createDatabase(parseDatabaseUrl(url), { poolMax: 1 });
  views = createReviewViews(database, BASE);
});

after(async () => {
  await database?.close();
  await server.stop();
});

const withTable = (id = 'bigint', createdAt = 'timestamptz', text = 'text') =>
  query(
    url,
    `DROP TABLE IF EXISTS product_reviews;
     CREATE TABLE product_reviews (id ${id}, product_id ${text}, author_id ${text}, created_at ${createdAt}, ${COLUMNS})`,
  );

async function viewOf(row: Record<string, unknown>, which: 'publicJson' | 'ownJson' = 'publicJson') {
  const all = { id: '1', product_id: '1', author_id: '1', author_name: 'Old', rating: 5, ...row };
  const names = Object.keys(all);
  await query(url, 'TRUNCATE product_reviews');
  await query(
    url,
    `INSERT INTO product_reviews (${names}) VALUES (${names.map((_, i) => `$${i + 1}`)})`,
    Object.values(all),
  );
  return views.using(async (view) => {
    const { rows } = await database.run((knex) =>
      knex.raw(`SELECT ${view[which]} AS review FROM product_reviews AS r ${view.joinAuthor}`),
    );
    return JSON.parse(rows[0].review);
  });
}

test('a row of the old module has every field, as the clients know it', async () => {
  await withTable();
  assert.deepEqual(await viewOf({ text: 'a "b"\n\\ \u0001 😀', created_at: '2024-05-01T10:00:00.123456Z' }), {
    id: 1,
    product_id: '1',
    author_id: '1',
    author_name: 'Anna',
    author_avatar_url: 'https://example.com/anna.png',
    rating: 5,
    title: null,
    text: 'a "b"\n\\ \u0001 😀',
    verified_purchase: false,
    incentivized: false,
    media: [],
    helpful_count: 0,
    reply: null,
    created_at: '2024-05-01T10:00:00.123Z',
    edited_at: null,
  });
});

test('what is new in a row is shown: title, marks, files with their URLs, a reply without its author', async () => {
  await withTable();
  const files = [
    { upload_id: 'u1', type: 'video', key: 'uploads/1/b.mp4', content_type: 'video/mp4' },
    { upload_id: 'u2', type: 'image', key: 'uploads/1/a.jpg', content_type: 'image/jpeg' },
  ];
  const reply = { text: 'Thanks "you"', created_at: '2024-05-01T10:00:00.000Z', edited_at: null };
  const view = await viewOf({
    ...{ title: 'Ti"tle', verified: true, incentivized: true, helpful_count: 3, rating: 9 },
    ...{ edited_at: '2024-05-01T10:00:00Z', media: JSON.stringify(files) },
    reply: JSON.stringify({ ...reply, author_id: 2 }),
  });
  assert.deepEqual(
    [view.title, view.verified_purchase, view.incentivized, view.helpful_count, view.rating, view.edited_at],
    ['Ti"tle', true, true, 3, 5, '2024-05-01T10:00:00.000Z'],
  );
  assert.deepEqual(view.reply, reply);
  assert.deepEqual(view.media, [
    { type: 'video', url: `${BASE}/uploads/1/b.mp4`, content_type: 'video/mp4' },
    { type: 'image', url: `${BASE}/uploads/1/a.jpg`, content_type: 'image/jpeg' },
  ]);
  assert.equal('status' in view, false);
});

test('the author and admins see status, reason and the edit that waits', async () => {
  await withTable();
  const plain = await viewOf({}, 'ownJson');
  assert.deepEqual([plain.status, plain.reason, plain.pending_edit], ['published', null, null]);
  const edit = { rating: 2, text: 'x', title: null };
  const media = [{ upload_id: 'u', type: 'image', key: 'k.png', content_type: 'image/png' }];
  const held = await viewOf(
    { status: 'held', status_reason: 'spam', pending_edit: JSON.stringify({ ...edit, media }) },
    'ownJson',
  );
  assert.deepEqual([held.status, held.reason], ['held', 'spam']);
  assert.deepEqual(held.pending_edit, {
    ...edit,
    media: [{ type: 'image', url: `${BASE}/k.png`, content_type: 'image/png' }],
  });
  const bare = await viewOf(
    { pending_edit: JSON.stringify({ rating: 2, text: null, title: null, media: null }) },
    'ownJson',
  );
  assert.deepEqual(bare.pending_edit, { rating: 2, text: null, title: null, media: [] });
});

test('names are the users’ of today, short where that was asked for, and never longer than 99', async () => {
  await withTable();
  const name = async (author: string, stored: string, short: boolean, ofToday?: string) => {
    if (ofToday !== undefined) await query(url, 'UPDATE users SET name = $1 WHERE id = 5', [ofToday]);
    return (await viewOf({ author_id: author, author_name: stored, display_short: short })).author_name;
  };
  assert.equal(await name('5', 'Old', false, ' Vera  Petrovna '), 'Vera  Petrovna');
  assert.equal(await name('5', 'Old', true, ' Vera \n Petrovna Ivanova'), 'Vera P.');
  assert.equal(await name('5', 'Old', true, 'Вера 😀x'), 'Вера 😀.');
  assert.equal(await name('5', 'Old', true, 'Vera'), 'Vera');
  assert.equal(await name('5', 'Old', true, `${'я'.repeat(120)} Petrovna`), `${'я'.repeat(96)} P.`);
  assert.equal(await name('5', 'Old', false, '😀'.repeat(120)), '😀'.repeat(99));
  assert.equal(await name('5', 'Old Name', true, ' '), 'Old N.');
  assert.equal(await name('5', ' ', false, ''), 'User 5');
  assert.equal(await name('5', ' ', true, ''), 'User 5', 'no name is not shortened');
  assert.equal(await name('5', 'User 5', true, ''), 'User 5', 'as the sidecar stores it');
  assert.equal(await name('5', 'User 5', true, 'User Unknown'), 'User U.', 'somebody may be called so');
  assert.equal(await name('77', 'Gone Person', true), 'Deleted user');
  assert.equal(await name('99999999999999', 'Gone', false), 'Deleted user');
  assert.equal(await name('x7', 'Nobody', false), 'Nobody', 'it never was a user');
});

test('without a users table, and where none has been, the stored name is shown; elsewhere its absence is an error', async () => {
  await withTable();
  await query(url, 'ALTER TABLE users RENAME TO elsewhere');
  try {
    await assert.rejects(viewOf({}));
    await query(url, 'UPDATE gogomarket_sidecar_database SET is_standalone = true');
    await query(
      url,
      'ALTER TABLE products RENAME TO p; ALTER TABLE orders RENAME TO o; ALTER TABLE order_items RENAME TO i',
    );
    const { author_name, author_avatar_url } = await viewOf({});
    assert.deepEqual([author_name, author_avatar_url], ['Old', null]);
  } finally {
    await query(url, 'ALTER TABLE elsewhere RENAME TO users');
  }
  assert.equal((await viewOf({})).author_name, 'Anna');
});

for (const type of ['timestamptz', 'timestamp', 'text', 'varchar(40)']) {
  test(`times are ISO 8601 in UTC out of a ${type}, whatever DateStyle and zone the database has`, async () => {
    await withTable('integer', type, 'varchar(64)');
    await query(url, `ALTER DATABASE ${new URL(url).pathname.slice(1)} SET "DateStyle" = 'German'`);
    await query(url, `ALTER DATABASE ${new URL(url).pathname.slice(1)} SET "TimeZone" = 'Asia/Tashkent'`);
    const time = async (text: string | null) => (await viewOf({ created_at: text })).created_at;
    assert.equal(await time('2024-05-01T10:00:00Z'), '2024-05-01T10:00:00.000Z');
    assert.equal(await time(null), '1970-01-01T00:00:00.000Z');
    if (type === 'timestamp') return;
    assert.equal(await time('2024-05-02 11:00:00.5+03:00'), '2024-05-02T08:00:00.500Z');
    if (type === 'timestamptz') assert.equal(await time('infinity'), '1970-01-01T00:00:00.000Z');
  });
}

const iso = (time: string) => `to_char(${time}, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;
type Shown = Readonly<Record<'json' | 'created' | 'edited', string>>;

for (const type of ['timestamptz', 'timestamp']) {
  test(`a ${type} is what to_char() makes of it, cut to milliseconds, from the first to the last that there is`, async () => {
    await withTable('bigint', type);
    const seconds = [
      '1999-12-31 23:59:59',
      '2000-01-01',
      '2001-01-01',
      '2024-02-29 23:59:59',
      '9999-12-30 12:00',
    ];
    const fractions = ['0', '1', '499', '500', '501', '999', '1000', '999000', '999499', '999500', '999999'];
    const ends = ['4713-01-01 BC', '0001-12-31 23:59:59.9999 BC', '0001-01-01', '1582-10-15', '9999-12-31'];
    const beyond = [
      '9999-12-31 23:59:59.999999',
      '10000-01-01',
      '294276-12-31 23:59:59.999999',
      'infinity',
      '-infinity',
    ];
    await query(
      url,
      `INSERT INTO product_reviews (id, product_id, author_id, created_at, edited_at)
       SELECT row_number() OVER (), '1', '1', time, time
         FROM (SELECT s::${type} + f::integer * interval '1 microsecond' AS time FROM unnest($1::text[]) AS s, unnest($2::text[]) AS f
                UNION ALL SELECT t::${type} FROM unnest($3::text[]) AS t
                UNION ALL SELECT '1990-01-01'::${type} + n * interval '9 days 7 hours 1.234567 seconds' FROM generate_series(1, 2000) AS n) AS times`,
      [seconds, fractions, [...ends, ...beyond]],
    );
    const shown = await views.using(async (view) => {
      const { rows } = await database.run((knex) =>
        knex.raw(`SELECT ${view.publicJson} AS json, ${iso('r.created_at')} AS created, ${iso('r.edited_at')} AS edited
                    FROM product_reviews AS r ${view.joinAuthor}`),
      );
      return rows.map((row: Shown) => ({ ...row, ...JSON.parse(row.json) }));
    });
    assert.equal(shown.length, 55 + 10 + 2000);
    for (const { created_at, edited_at, created, edited } of shown) {
      assert.equal(created_at, created ?? '1970-01-01T00:00:00.000Z');
      assert.equal(edited_at, edited);
    }
  });
}

test('a text that is no time is the epoch, and the others stay what they are', async () => {
  await withTable('integer', 'text');
  views = createReviewViews(database, BASE);
  const time = async (text: string) => (await viewOf({ created_at: text })).created_at;
  const EPOCH = '1970-01-01T00:00:00.000Z';
  for (const odd of [
    'yesterday-ish',
    '',
    '2024-02-30',
    '2024-13-01',
    '0000-01-01',
    '2024-05-01T25:00',
    '10:00',
  ]) {
    assert.equal(await time(odd), EPOCH, odd);
  }
  for (const [text, iso] of [
    ['2024-02-29', '2024-02-29T00:00:00.000Z'],
    [' 2024-05-01T10:00 ', '2024-05-01T10:00:00.000Z'],
    ['2024-05-01 10:00:00.1239-0330', '2024-05-01T13:30:00.123Z'],
    ['2024-05-01t10:00:00z', '2024-05-01T10:00:00.000Z'],
  ] as const) {
    assert.equal(await time(text), iso, text);
  }
});
