/** GET, HEAD and POST /api/products/{id}/reviews as the clients use them (docs/contract.md, 3). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { query } from '../../../scripts/lab/database.ts';
import { api, untilAvailable } from '../../support/api.ts';
import { sidecarWithDatabase } from '../../support/sidecar-with-database.ts';
import type { TestSidecar } from '../../support/start-sidecar.ts';

let url: string;
let sidecar: TestSidecar;

sidecarWithDatabase((started) => {
  ({ url, sidecar } = started);
});

const reviewsUrl = (productId: string | number, query = '') =>
  `${sidecar.url}/api/products/${productId}/reviews${query}`;
const post = (user: number, productId: string | number, json: unknown) =>
  api('POST', reviewsUrl(productId), { user, json });
const empty = () => query(url, 'TRUNCATE product_reviews');

test('a product without reviews has an empty list, an average of 0 and a count of 0', async () => {
  await empty();
  const answer = await api('GET', reviewsUrl(1));
  assert.equal(answer.status, 200);
  assert.partialDeepStrictEqual(answer.body, {
    items: [],
    next_cursor: null,
    summary: { count: 0, avg_rating: 0 },
  });
});

test('an unknown product, also one with a strange id, has no reviews and is never 404', async () => {
  for (const id of ['999', '99999999999999999999', 'abc', '01', '-1', '%D0%BA']) {
    const answer = await api('GET', reviewsUrl(id));
    assert.equal(answer.status, 200, id);
    assert.deepEqual(answer.body.items, []);
  }
});

test('a posted review is returned, listed and averaged', async () => {
  await empty();
  const posted = await post(1, 1, { rating: 5, text: '  Warm and soft \n' });
  assert.equal(posted.status, 200);
  const { review, summary } = posted.body;
  assert.partialDeepStrictEqual(summary, { count: 1, avg_rating: 5 });
  assert.equal(typeof review.id, 'number');
  assert.match(review.created_at, /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
  const { id: _, created_at: __, ...rest } = review;
  assert.deepEqual(rest, {
    product_id: '1',
    author_id: '1',
    author_name: 'Anna',
    author_avatar_url: 'https://example.com/anna.png',
    rating: 5,
    title: null,
    text: 'Warm and soft',
    verified_purchase: false,
    incentivized: false,
    media: [],
    helpful_count: 0,
    reply: null,
    edited_at: null,
    ...{ status: 'published', reason: null, pending_edit: null },
  });
  const listed = await api('GET', reviewsUrl(1));
  assert.deepEqual([listed.body.items[0].id, listed.body.summary], [review.id, summary]);
});

test('posting again edits the same review and answers 200', async () => {
  await empty();
  const first = await post(1, 1, { rating: 1, text: 'Bad' });
  const second = await post(1, 1, { rating: 4 });
  assert.equal(second.status, 200);
  assert.equal(second.body.review.id, first.body.review.id);
  assert.equal(second.body.review.created_at, first.body.review.created_at);
  assert.equal(second.body.review.text, null);
  assert.notEqual(second.body.review.edited_at, null);
  assert.partialDeepStrictEqual(second.body.summary, { count: 1, avg_rating: 4 });
});

test('the average has two decimals', async () => {
  await empty();
  await post(1, 1, { rating: 5 });
  await query(url, `INSERT INTO users (id, email, name) VALUES (6, 'six', 'Six') ON CONFLICT DO NOTHING`);
  await post(6, 1, { rating: 4 });
  const { body } = await post(5, 1, { rating: 4 });
  assert.partialDeepStrictEqual(body.summary, { count: 3, avg_rating: 4.33 });
});

test('pages follow each other without gap or overlap, and the last one says so, also when it is full', async () => {
  await empty();
  await query(
    url,
    `INSERT INTO product_reviews (product_id, author_id, author_name, rating, text, created_at)
     SELECT '2', (1000 + n)::text, 'x', 1 + n % 5, NULL, now() FROM generate_series(1, 6) n`,
  );
  const seen: number[] = [];
  let cursor = '';
  for (let page = 1; ; page += 1) {
    const { body } = await api('GET', reviewsUrl(2, `?limit=3${cursor}`));
    seen.push(...body.items.map((item: { id: number }) => item.id));
    assert.equal(body.summary.count, 6);
    if (body.next_cursor === null) {
      assert.equal(page, 2);
      break;
    }
    assert.equal(typeof body.next_cursor, 'string');
    cursor = `&cursor=${encodeURIComponent(body.next_cursor)}`;
  }
  assert.equal(new Set(seen).size, 6);
  assert.deepEqual(
    seen,
    seen.toSorted((a, b) => b - a),
  );
  const middle = await api('GET', reviewsUrl(2, `?cursor=${seen[2]}`));
  assert.deepEqual(
    middle.body.items.map((item: { id: number }) => item.id),
    seen.slice(3),
    'a review id is a cursor',
  );
});

test('HEAD has the headers of GET and no body', async () => {
  const [get, head] = [await api('GET', reviewsUrl(1)), await api('HEAD', reviewsUrl(1))];
  assert.equal(head.status, 200);
  assert.equal(head.headers.get('content-length'), get.headers.get('content-length'));
  assert.equal(head.body, '');
});

test('a GET ignores a bad token', async () => {
  assert.equal((await api('GET', reviewsUrl(1), { token: 'nonsense' })).status, 200);
});

test('an unknown product cannot be reviewed', async () => {
  for (const id of ['999', '0', '01', 'abc', '99999999999']) {
    const answer = await post(1, id, { rating: 5 });
    assert.equal(answer.status, 404, id);
    assert.equal(answer.body.detail, 'Product not found');
  }
});

test('bad bodies are 422 with a sentence', async () => {
  const bad: unknown[] = [
    {},
    [],
    null,
    'x',
    { rating: 0 },
    { rating: 6 },
    { rating: 4.5 },
    { rating: '5' },
    { rating: true },
    { rating: 1e30 },
    { rating: 5, text: 7 },
    { rating: 5, text: 'a\0b' },
    { rating: 5, text: 'a\u0007b' },
    { rating: 5, text: 'a\u007fb' },
    { rating: 5, text: 'a\u0085b' },
    { rating: 5, text: '\ud800' },
    { rating: 5, text: 'x'.repeat(1001) },
  ];
  for (const json of bad) {
    const answer = await post(1, 1, json);
    assert.equal(answer.status, 422, JSON.stringify(json));
    assert.equal(typeof answer.body.detail, 'string');
  }
});

test('a body that is no JSON, not UTF-8, of another type or too large gets its own status', async () => {
  const send = (rawBody: string | Buffer, headers: Record<string, string> = {}) =>
    api('POST', reviewsUrl(1), { user: 1, rawBody, headers });
  assert.equal((await send('{"rating":')).status, 422);
  assert.equal((await send('')).status, 422);
  assert.equal((await send(Buffer.from([0x22, 0xff, 0x22]))).status, 422);
  assert.equal((await send('{"rating":5}', { 'content-type': 'text/plain' })).status, 415);
  assert.equal((await send('{"rating":5}', { 'content-encoding': 'gzip' })).status, 415);
  assert.equal((await send(JSON.stringify({ rating: 5, pad: 'x'.repeat(70_000) }))).status, 413);
});

test('a body in another charset than UTF-8 is 415', async () => {
  const type = (charset: string) => ({ 'content-type': `application/json; charset=${charset}` });
  const json = '{"rating":5}';
  for (const [charset, encoding] of [
    ['utf-16le', 'utf16le'],
    ['UTF-16', 'utf16le'],
    ['utf-7', 'latin1'],
    ['"iso-8859-1"', 'latin1'],
    ['utf-8; charset=utf-16le', 'utf16le'],
  ] as const) {
    const rawBody = Buffer.from(json, encoding);
    const answer = await api('POST', reviewsUrl(1), { user: 1, rawBody, headers: type(charset) });
    assert.deepEqual([answer.status, answer.body.detail], [415, 'The charset must be UTF-8.'], charset);
  }
  for (const charset of ['utf-8', 'UTF-8', '"utf-8"', 'utf8', 'UTF8', '"Utf8"']) {
    const answer = await api('POST', reviewsUrl(1), { user: 1, rawBody: json, headers: type(charset) });
    assert.equal(answer.status, 200, charset);
  }
});

test('1000 characters count as people count them, after trimming; blank text is none', async () => {
  const long = await post(1, 1, { rating: 5, text: ` ${'😀'.repeat(1000)} ` });
  assert.equal(long.status, 200);
  assert.equal([...long.body.review.text].length, 1000);
  assert.equal((await post(1, 1, { rating: 5, text: ' \u00a0\n ' })).body.review.text, null);
});

test('a text is kept in one form: NFC, LF at the ends of its lines, tabs as they are', async () => {
  const { body } = await post(1, 1, { rating: 5, text: 'Cafe\u0301\r\n\tnew\rline\n\nend' });
  assert.equal(body.review.text, 'Caf\u00e9\n\tnew\nline\n\nend');
});

test('absurd limits, cursors and ids are 422', async () => {
  for (const bad of ['limit=0', 'limit=201', 'limit=x', 'limit=-1', 'limit=1.5', 'limit=1&limit=2']) {
    assert.equal((await api('GET', reviewsUrl(1, `?${bad}`))).status, 422, bad);
  }
  for (const bad of [
    'cursor=x',
    'cursor=-1',
    'cursor=99999999999999999999',
    'cursor=1&cursor=2',
    'cursor=1e3',
  ]) {
    assert.equal((await api('GET', reviewsUrl(1, `?${bad}`))).status, 422, bad);
  }
  for (const id of ['%00', 'a%0Ab', 'x'.repeat(65), '%20']) {
    const answer = await api('GET', reviewsUrl(id));
    assert.deepEqual([answer.status, answer.body.detail], [422, 'The product id is not valid.'], id);
  }
  assert.equal((await api('GET', reviewsUrl('%zz'))).status, 400);
  assert.deepEqual((await api('GET', reviewsUrl(1, '?cursor=0'))).body.items, []);
  assert.equal((await api('GET', reviewsUrl(1, '?cursor=9223372036854775807'))).status, 200);
});

test('fifty posts of one author at once leave one review', async () => {
  await empty();
  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, i) => untilAvailable(() => post(1, 1, { rating: 1 + (i % 5) }))),
  );
  assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]));
  const rows = await query<{ n: string }>(url, 'SELECT count(*) AS n FROM product_reviews');
  assert.equal(rows[0]?.n, '1');
  assert.equal((await api('GET', reviewsUrl(1))).body.summary.count, 1);
});

test('posts of fifty authors at once are all counted', async () => {
  await empty();
  await query(
    url,
    `INSERT INTO users (id, email, name) SELECT 100 + n, 'u' || n, 'User' || n FROM generate_series(1, 50) n ON CONFLICT DO NOTHING`,
  );
  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, i) => untilAvailable(() => post(101 + i, 1, { rating: 1 + (i % 5) }))),
  );
  assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]));
  assert.partialDeepStrictEqual((await api('GET', reviewsUrl(1))).body.summary, { count: 50, avg_rating: 3 });
});

test('names and pictures are the users’ of today, whatever else their rows hold', async () => {
  await empty();
  // A json column keeps an escaped NUL that jsonb refuses.
  await query(
    url,
    `ALTER TABLE users ADD COLUMN settings json; UPDATE users SET settings = '{"bio":"a\\u0000b"}'`,
  );
  await query(
    url,
    `INSERT INTO users (id, name, email) VALUES (2147483647, 'Last', 'last@demo.com'), (2147483646, '', 'x@demo.com')`,
  );
  for (const user of [1, 2147483647, 2147483646])
    assert.equal((await post(user, 1, { rating: 5 })).status, 200);
  await query(url, `UPDATE users SET name = 'Anna B.' WHERE id = 1`);
  await query(
    url,
    `INSERT INTO product_reviews (product_id, author_id, author_name, rating) VALUES ('1', 'x7', 'Nobody', 1)`,
  );
  const { body } = await api('GET', reviewsUrl(1));
  assert.deepEqual(
    body.items.map((item: { author_name: string }) => item.author_name),
    ['Nobody', 'User 2147483646', 'Last', 'Anna B.'],
  );
  assert.equal(body.items[3].author_avatar_url, 'https://example.com/anna.png');
  await query(url, 'ALTER TABLE users DROP COLUMN avatar_url');
  assert.equal((await api('GET', reviewsUrl(1))).body.items[3].author_avatar_url, null);
  assert.equal((await post(5, 1, { rating: 5 })).status, 200);
});

test('pages follow each other also where ids are beyond what a number can tell apart', async () => {
  await empty();
  await query(
    url,
    `INSERT INTO product_reviews (id, product_id, author_id, author_name, rating)
     SELECT 9007199254740990 + n, '3', n::text, 'x', 5 FROM generate_series(1, 6) n`,
  );
  const { body } = await api('GET', reviewsUrl(3, '?limit=2'));
  assert.equal(body.next_cursor, '9007199254740995');
  const next = await api('GET', reviewsUrl(3, `?limit=2&cursor=${body.next_cursor}`));
  assert.equal(next.body.next_cursor, '9007199254740993');
});
