/** GET and HEAD /api/products/{id}/reviews: order, filters, cursors, the summary, and what need not be sent again. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { query } from '../../../scripts/lab/database.ts';
import { api, untilReady } from '../../support/api.ts';
import { sidecarWithDatabase } from '../../support/sidecar-with-database.ts';
import { startSidecar, type TestSidecar } from '../../support/start-sidecar.ts';

let url: string;
let sidecar: TestSidecar;
sidecarWithDatabase((started) => {
  ({ url, sidecar } = started);
});

interface Item {
  readonly id: number;
  readonly rating: number;
  readonly helpful_count: number;
  readonly verified_purchase: boolean;
  /** Added by the test: without a storage an answer shows no files. */
  hasMedia?: boolean;
}

const reviewsUrl = (queryString = '', { url: at } = sidecar) => `${at}/api/products/1/reviews${queryString}`;
const get = (queryString = '', headers: Record<string, string> = {}) =>
  api('GET', reviewsUrl(queryString), { headers });

/** One that has just asked for the mean of all ratings: for 40 s the tags of its pages do not change by that. */
async function freshSidecar(t: TestContext): Promise<TestSidecar> {
  const fresh = await startSidecar({ DATABASE_URL: url, MIGRATE_ON_START: 'false' });
  t.after(() => fresh.stop());
  await untilReady(fresh);
  return fresh;
}

/** Ids from 1; what is not given is as in a row of the old module. */
async function fill(count: number): Promise<void> {
  await query(url, 'TRUNCATE product_reviews RESTART IDENTITY');
  await query(url, 'TRUNCATE product_review_votes, product_review_moderated');
  await query(
    url,
    `INSERT INTO product_reviews (product_id, author_id, author_name, rating, verified, media)
     SELECT '1', (1000 + n)::text, 'x', 1 + hashint4(n) & 7, nullif(hashint4(n + 1) % 2 = 0, false),
            CASE WHEN hashint4(n + 2) % 2 = 0
                 THEN '[{"upload_id":"u","type":"image","key":"a.jpg","content_type":"image/jpeg"}]'::jsonb END
       FROM generate_series(1, ${count}) AS n`,
  );
  await query(
    url,
    `INSERT INTO product_review_votes (review_id, user_id, product_id)
     SELECT r.id, v, '1' FROM product_reviews r, generate_series(1, 3) AS v WHERE v <= hashint8(r.id) & 3`,
  );
}

/** Every page of a list, to its end. @param between runs after each page */
async function walk(list: string, limit: number, between?: (page: number) => Promise<unknown>) {
  const seen: Item[] = [];
  let cursor = '';
  for (let page = 1; ; page += 1) {
    const { status, body } = await get(`?${list}&limit=${limit}${cursor}`);
    assert.equal(status, 200, JSON.stringify(body));
    seen.push(...body.items);
    if (body.next_cursor === null) return seen;
    assert.equal(body.items.length, limit);
    cursor = `&cursor=${encodeURIComponent(body.next_cursor)}`;
    await between?.(page);
  }
}

type Order = (a: Item, b: Item) => number;
const newest: Order = (a, b) => b.id - a.id;
const ORDERS: Record<string, Order> = {
  newest,
  oldest: (a, b) => a.id - b.id,
  highest: (a, b) => b.rating - a.rating || newest(a, b),
  lowest: (a, b) => a.rating - b.rating || newest(a, b),
  helpful: (a, b) => b.helpful_count - a.helpful_count || newest(a, b),
};
const FILTERS: Record<string, (item: Item) => boolean> = {
  'rating=5': ({ rating }) => rating === 5,
  'rating=4,1,4': ({ rating }) => rating === 4 || rating === 1,
  'rating=1,2,3,4,5': () => true,
  'verified=1': (item) => item.verified_purchase,
  'has_media=1': ({ hasMedia }) => hasMedia === true,
};
const ids = (items: readonly Item[]) => items.map(({ id }) => id);

test('each sort with each filter, and each pair of filters, lists exactly its reviews, in order, whatever the page', async () => {
  await fill(60);
  const all: Item[] = (await get('?limit=200')).body.items;
  assert.equal(all.length, 60);
  const withMedia = await query<{ id: string }>(
    url,
    'SELECT id FROM product_reviews WHERE media IS NOT NULL',
  );
  for (const item of all) item.hasMedia = withMedia.some(({ id }) => id === String(item.id));
  const names = ['', ...Object.keys(FILTERS)];
  for (const [sort, order] of Object.entries(ORDERS)) {
    for (const [at, one] of names.entries()) {
      for (const two of names.slice(at)) {
        const parts = [...new Set([one, two])].filter((part) => part !== '');
        if (parts.filter((part) => part.startsWith('rating')).length > 1) continue;
        const wanted = all.filter((item) => parts.every((part) => FILTERS[part]?.(item))).sort(order);
        const list = [`sort=${sort}`, ...parts].join('&');
        assert.deepEqual(ids(await walk(list, 7)), ids(wanted), list);
      }
    }
  }
});

test('a page is cut between its reviews, whatever is written in them', async () => {
  await fill(0);
  const cut = ',{"id":2,"product_id":"1"}],"next_cursor":';
  await query(url, `UPDATE users SET name = $1, avatar_url = $1 WHERE id = 1`, [cut]);
  const at = '2026-01-01T00:00:00.000Z';
  const reply = JSON.stringify({ text: cut, created_at: at, edited_at: null, author_id: 2 });
  await query(
    url,
    `INSERT INTO product_reviews (product_id, author_id, author_name, rating, text, title, reply)
     SELECT '1', author, $1, 5, $1, $1, $2::jsonb FROM unnest(ARRAY['1', $1, '1' || $1]) AS author`,
    [cut, reply],
  );
  const whole: Item[] = (await get()).body.items;
  assert.equal(whole.length, 3);
  assert.deepEqual(await walk('sort=newest', 1), whole);
  assert.deepEqual(await walk('sort=newest', 2), whole);
  const author = { author_name: cut, author_avatar_url: cut };
  assert.partialDeepStrictEqual(whole[2], { ...author, text: cut, title: cut, reply: { text: cut } });
});

test('the shown of each pair are listed, and nothing of what is pending, held or hidden', async () => {
  await fill(4);
  await query(
    url,
    `UPDATE product_reviews SET status = CASE id WHEN 1 THEN 'hidden' WHEN 2 THEN 'held' ELSE 'published' END`,
  );
  const { body } = await get('?sort=oldest');
  assert.deepEqual(ids(body.items), [3, 4]);
  assert.equal(body.summary.count, 2);
});

for (const sort of Object.keys(ORDERS)) {
  test(`a walk by ${sort} shows each review that stays exactly once, while others come and go`, async () => {
    await fill(40);
    const stayed = ids((await get('?limit=200')).body.items).filter((id) => id % 4 !== 0);
    const seen = ids(
      await walk(`sort=${sort}&rating=1,2,3,4,5`, 3, async (page) => {
        await query(url, 'DELETE FROM product_reviews WHERE id = $1', [page * 4]);
        await query(
          url,
          `INSERT INTO product_reviews (product_id, author_id, author_name, rating) VALUES ('1', $1, 'x', $2)`,
          [String(2000 + page), 1 + (page % 5)],
        );
      }),
    );
    assert.deepEqual(
      seen.filter((id) => stayed.includes(id)).sort((a, b) => a - b),
      stayed.sort((a, b) => a - b),
    );
  });
}

/** The position is (votes, id): who keeps both is met once, whatever the others do. */
test('votes during a walk by helpful cost or double only the reviews that they move across its position', async () => {
  await fill(40);
  const before: Item[] = (await get('?sort=helpful&limit=200')).body.items;
  const [rising, falling] = [before.at(-1)?.id ?? 0, before[0]?.id ?? 0];
  const seen = ids(
    await walk('sort=helpful', 10, async (page) => {
      if (page !== 2) return;
      await query(
        url,
        `INSERT INTO product_review_votes (review_id, user_id, product_id) SELECT $1, v, '1' FROM generate_series(11, 20) v`,
        [rising],
      );
      await query(url, 'DELETE FROM product_review_votes WHERE review_id = $1', [falling]);
    }),
  );
  assert.deepEqual(
    seen.filter((id) => id !== rising && id !== falling).sort((a, b) => a - b),
    ids(before)
      .filter((id) => id !== rising && id !== falling)
      .sort((a, b) => a - b),
  );
  assert.equal(seen.includes(rising), false, 'it went past the position');
  assert.equal(seen.filter((id) => id === falling).length, 2, 'it fell behind it again');
});

test('a cursor belongs to its sort and filters, and an id is one of the plain list alone', async () => {
  await fill(10);
  const cursorOf = async (list: string) =>
    encodeURIComponent((await get(`?limit=2&${list}`)).body.next_cursor);
  const lists = ['sort=newest', 'sort=helpful', 'sort=highest', 'rating=1,2,3', 'verified=1', 'has_media=1'];
  for (const mine of lists) {
    const cursor = await cursorOf(mine);
    for (const other of lists) {
      const { status, body } = await get(`?limit=2&${other}&cursor=${cursor}`);
      assert.equal(status, mine === other ? 200 : 422, `${mine} → ${other}: ${cursor}`);
      if (status === 422) assert.match(body.detail, /^cursor: /);
    }
  }
  assert.equal((await get(`?rating=3,2,1&cursor=${await cursorOf('rating=1,2,3')}`)).status, 200);
  assert.equal((await get('?rating=5,4,3,2,1&cursor=5')).status, 200, 'all ratings are no filter');
});

test('a parameter without a value is left out, as dio writes null', async () => {
  await fill(3);
  const plain = await get('');
  const empty = await get('?limit&cursor&sort&rating=&verified=&has_media');
  assert.deepEqual([empty.status, empty.body], [200, plain.body]);
});

test('hostile values of every parameter are 422, with a sentence', async () => {
  await fill(3);
  const real = (await get('?limit=1&sort=helpful')).body.next_cursor;
  const forged = (text: string) => Buffer.from(text).toString('base64url');
  const bad = [
    'sort=best',
    'sort=NEWEST',
    'sort=newest&sort=oldest',
    'sort=__proto__',
    'sort=newest%00',
    'rating=0',
    'rating=6',
    'rating=4,',
    'rating=4.5',
    'rating=4;5',
    'rating=%D9%A4',
    'rating=4&rating=5',
    'rating=1%20OR%201=1',
    `rating=${'5,'.repeat(2000)}x`,
    'verified=0',
    'verified=true',
    'verified=1&verified=1',
    'has_media=yes',
    'has_media=-1',
    'limit=1e1',
    'limit=0x10',
    'limit=%C2%B2',
    'cursor=1.5',
    'cursor=%00',
    'sort=helpful&cursor=7',
    `sort=helpful&cursor=${real}=`,
    `sort=helpful&cursor=${real}x`,
    `sort=helpful&cursor=%0A${real}`,
    `sort=helpful&cursor=${forged('helpful...1.x')}`,
    `sort=helpful&cursor=${forged('helpful...2147483648.1')}`,
    `sort=helpful&cursor=${forged('helpful...1.9223372036854775808')}`,
    `sort=helpful&cursor=${forged('helpful...01.1')}`,
    `sort=helpful&cursor=${forged('helpful..v.1.1')}`,
    `sort=helpful&cursor=${forged("helpful...1.1'--")}`,
    `cursor=${forged('newest...0.5')}`,
    `sort=helpful&cursor=${'A'.repeat(5000)}`,
  ];
  for (const queryString of bad) {
    const { status, body } = await get(`?${queryString}`);
    assert.equal(status, 422, queryString);
    assert.equal(typeof body.detail, 'string');
    assert.equal(typeof body.code, 'string');
  }
  const extremes = [forged('helpful...0.0'), forged('helpful...2147483647.9223372036854775807')];
  for (const cursor of extremes) assert.equal((await get(`?sort=helpful&cursor=${cursor}`)).status, 200);
  assert.equal((await get('?sort[]=x&constructor=1&limit[]=9')).status, 200, 'unknown names are nobody’s');
});

test('the summary is of everything that is shown, whatever the filter', async () => {
  await query(url, 'TRUNCATE product_reviews');
  await query(
    url,
    `INSERT INTO product_reviews (product_id, author_id, author_name, rating, verified, media) VALUES
       ('1', 'a', 'x', 5, true, '[]'), ('1', 'b', 'x', 4, NULL, NULL), ('1', 'c', 'x', 4, true, NULL), ('1', 'd', 'x', 9, false, NULL),
       ('2', 'a', 'x', 1, NULL, NULL)`,
  );
  const { body } = await get('?rating=1&has_media=1');
  assert.deepEqual(body.items, []);
  const { score, ...rest } = body.summary;
  assert.deepEqual(rest, {
    ...{ avg_rating: 4.5, count: 4, histogram: { 1: 0, 2: 0, 3: 0, 4: 2, 5: 2 } },
    ...{ verified_count: 2, media_count: 1 },
  });
  // m is (18 + 1) / 5, or what it was up to a minute ago.
  assert.ok(score >= (10 + 18) / 14 && score <= (50 + 18) / 14, String(score));
});

test('a page that is known already is 304, until anything that it shows has changed', async (t) => {
  await fill(5);
  const address = reviewsUrl('', await freshSidecar(t));
  const first = await api('GET', address);
  const etag = first.headers.get('etag') ?? '';
  assert.match(etag, /^W\/"[^"]+"$/);
  assert.equal(first.headers.get('cache-control'), 'no-cache');
  const statusFor = async (known: string, method = 'GET') =>
    (await api(method, address, { headers: { 'if-none-match': known } })).status;
  for (const known of [etag, etag.slice(2), `"x", ${etag}`, `"x",${etag},"y"`, '*'])
    assert.equal(await statusFor(known), 304, known);
  assert.equal(await statusFor(etag, 'HEAD'), 304);
  for (const unknown of ['"x"', '', 'W/', `${etag}x`]) assert.equal(await statusFor(unknown), 200, unknown);
  const notModified = await api('GET', address, { headers: { 'if-none-match': etag } });
  assert.deepEqual(
    [notModified.body, notModified.headers.get('etag'), notModified.headers.get('cache-control')],
    ['', etag, 'no-cache'],
  );
  const changes = [
    `UPDATE product_reviews SET text = 'edited' WHERE id = 1`,
    `UPDATE product_reviews SET title = 'title' WHERE id = 1`,
    `UPDATE product_reviews SET reply = '{"text":"thanks","created_at":"2026-01-01T00:00:00.000Z","edited_at":null,"author_id":2}' WHERE id = 1`,
    `UPDATE product_reviews SET rating = 3 WHERE id = 2`,
    `INSERT INTO product_review_votes (review_id, user_id, product_id) VALUES (3, 77, '1')`,
    `UPDATE product_reviews SET status = 'hidden' WHERE id = 3`,
    `DELETE FROM product_reviews WHERE id = 4`,
    `INSERT INTO product_reviews (product_id, author_id, author_name, rating) VALUES ('1', 'new', 'x', 5)`,
  ];
  let last = etag;
  for (const change of changes) {
    await query(url, change);
    const answer = await api('GET', address, { headers: { 'if-none-match': last } });
    assert.equal(answer.status, 200, change);
    last = answer.headers.get('etag') ?? '';
  }
  assert.equal(await statusFor(last), 304);
});

test('what the triggers have only noted is in the page, and is no 304', async () => {
  await fill(2);
  const etag = (await get()).headers.get('etag') ?? '';
  await query(
    url,
    `BEGIN ISOLATION LEVEL REPEATABLE READ;
     INSERT INTO product_reviews (product_id, author_id, author_name, rating) VALUES ('1', 'late', 'x', 5); COMMIT`,
  );
  const [note] = await query(url, 'SELECT product_id FROM product_reviews_unsettled');
  assert.deepEqual(note, { product_id: '1' });
  const { status, body } = await get('', { 'if-none-match': etag });
  assert.deepEqual([status, body.summary.count, body.items.length], [200, 3, 3]);
});

test('HEAD has the headers of GET and no body, with every sort', async (t) => {
  await fill(3);
  const fresh = await freshSidecar(t);
  for (const sort of Object.keys(ORDERS)) {
    const address = reviewsUrl(`?sort=${sort}`, fresh);
    const [got, head] = [await api('GET', address), await api('HEAD', address)];
    for (const name of ['content-length', 'content-type', 'etag', 'cache-control'])
      assert.equal(head.headers.get(name), got.headers.get(name), name);
    assert.equal(head.body, '');
  }
});

const summaries = (list: string) =>
  api('GET', `${sidecar.url}/api/product-reviews/summary?product_ids=${list}`);

test('summaries of many products come in one answer, repeated ones once, unknown ones empty', async () => {
  await fill(5);
  const page = (await get()).body.summary;
  const { status, body } = await summaries('1,77,1,abc,%D0%BA,__proto__');
  assert.equal(status, 200);
  assert.deepEqual(new Set(Object.keys(body.summaries)), new Set(['1', '77', 'abc', 'к', '__proto__']));
  assert.deepEqual({ ...body.summaries[1], score: 0 }, { ...page, score: 0 });
  assert.deepEqual([body.summaries[77].count, body.summaries[77].avg_rating], [0, 0]);
  assert.ok(body.summaries[77].score > 0, 'a product without reviews has the mean of all');
  const many = Array.from({ length: 201 }, (_, i) => i);
  assert.equal((await summaries(many.slice(1).join())).status, 200);
  for (const bad of ['', ',', '1,', '1,,2', many.join(), '1&product_ids=2', '%00', 'x'.repeat(65), '%20']) {
    assert.equal((await summaries(bad)).status, 422, bad);
  }
  assert.equal((await api('GET', `${sidecar.url}/api/product-reviews/summary`)).status, 422);
});
