/** POST /api/products/{id}/reviews, PATCH and DELETE …/me: an author's one review. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  ANNA,
  OTHER_SELLER,
  type ReviewScene,
  reviewScene,
  SELLER,
  VERA,
} from '../../../support/review-scene.ts';
import { WEBHOOK_SECRET } from '../../../support/webhook-receiver.ts';

let scene: ReviewScene;
reviewScene(
  (started) => {
    scene = started;
  },
  // Nobody listens there: the events stay in the outbox.
  { EVENTS_WEBHOOK_URL: 'http://127.0.0.1:9/', EVENTS_WEBHOOK_SECRET: WEBHOOK_SECRET },
);

const post = (user: number, json: unknown, product: string | number = 1) =>
  scene.ask('POST', `products/${product}/reviews`, user, json);
const patch = (user: number, json: unknown, product: string | number = 1) =>
  scene.ask('PATCH', `products/${product}/reviews/me`, user, json);
const remove = (user: number, product: string | number = 1) =>
  scene.ask('DELETE', `products/${product}/reviews/me`, user);
const shown = async (product: string | number = 1) =>
  (await scene.ask('GET', `products/${product}/reviews`)).body;
/** Types and what matters of their data, oldest first; then the outbox is empty. */
async function told(): Promise<[type: string, status: string, actor: number | null][]> {
  const rows = await scene.sql('SELECT type, data FROM sidecar_events ORDER BY seq');
  await scene.sql('TRUNCATE sidecar_events');
  return rows.map(({ type, data }) => [type, data.status, data.actor_id]);
}
/** An order with these products. */
async function order(buyer: number, status: string, products: number[]): Promise<number> {
  const [{ id }] = await scene.sql(
    `INSERT INTO orders (buyer_id, seller_id, status) VALUES ($1, ${SELLER}, $2) RETURNING id`,
    [buyer, status],
  );
  for (const product of products)
    await scene.sql('INSERT INTO order_items (order_id, product_id, quantity) VALUES ($1, $2, 1)', [
      id,
      product,
    ]);
  return id;
}

test('a title and a short name are kept; left out they stay, null clears them, while a missing text is none', async () => {
  await scene.empty();
  const first = await post(ANNA, { rating: 4, text: 'a', title: ' Warm ', display_name: 'short' });
  assert.equal(first.status, 200, JSON.stringify(first.body));
  assert.deepEqual(
    [first.body.review.title, first.body.review.text, first.body.review.author_name],
    ['Warm', 'a', 'Anna'],
  );
  await scene.sql(`UPDATE users SET name = 'Anna Maria Berg' WHERE id = ${ANNA}`);
  const kept = (await post(ANNA, { rating: 5 })).body.review;
  assert.deepEqual([kept.title, kept.text, kept.author_name], ['Warm', null, 'Anna M.']);
  const cleared = (await post(ANNA, { rating: 5, title: null, display_name: null })).body.review;
  assert.deepEqual([cleared.title, cleared.author_name], [null, 'Anna Maria Berg']);
  await scene.sql(`UPDATE users SET name = 'Anna' WHERE id = ${ANNA}`);
});

test('a PATCH changes what it names, and nothing else', async () => {
  await scene.empty();
  assert.equal((await patch(ANNA, { rating: 1 })).status, 404);
  const { review } = (await post(ANNA, { rating: 4, text: 'text', title: 'title' })).body;
  const steps: [unknown, object][] = [
    [{ rating: 2 }, { rating: 2, text: 'text', title: 'title' }],
    [{ text: null }, { rating: 2, text: null, title: 'title' }],
    [{ title: ' ' }, { rating: 2, text: null, title: null }],
    [
      { text: 'new', unknown: 1 },
      { rating: 2, text: 'new', title: null },
    ],
    [{}, { rating: 2, text: 'new', title: null }],
    [{ rating: null }, { rating: 2, text: 'new', title: null }],
  ];
  for (const [json, wanted] of steps) {
    const { status, body } = await patch(ANNA, json);
    assert.equal(status, 200, JSON.stringify(body));
    const { id, created_at, rating, text, title } = body.review;
    assert.deepEqual(
      { id, created_at, rating, text, title },
      { ...wanted, id: review.id, created_at: review.created_at },
    );
    assert.equal(body.summary.avg_rating, rating);
  }
});

test('the same once more is no edit, and no event', async () => {
  await scene.empty();
  const content = { rating: 4, text: 'text', title: 'title' };
  const first = await post(ANNA, content);
  assert.deepEqual((await post(ANNA, content)).body, first.body);
  assert.deepEqual((await patch(ANNA, {})).body, first.body);
  assert.deepEqual(await told(), [['review.created', 'published', ANNA]]);
  const { edited_at } = (await post(ANNA, { ...content, rating: 5 })).body.review;
  assert.ok(edited_at >= first.body.review.created_at);
  assert.deepEqual(await told(), [['review.updated', 'published', ANNA]]);
});

test('a deleted review is gone with all rows of its author, from list and figures, and again is the same', async () => {
  await scene.empty();
  await scene.insert({ rating: 1 });
  await scene.insert({ rating: 2 });
  await post(VERA, { rating: 5 });
  await told();
  const gone = await remove(ANNA);
  assert.deepEqual(
    [gone.status, gone.body.deleted, gone.body.summary.count, gone.body.summary.avg_rating],
    [200, true, 1, 5],
  );
  assert.deepEqual((await remove(ANNA)).body, gone.body);
  assert.deepEqual(await told(), [['review.deleted', 'published', ANNA]]);
  assert.deepEqual((await shown()).items.length, 1);
  assert.equal((await remove(ANNA, 999)).body.summary.count, 0);
});

test('a purchase is verified when the review is written, and again when it is edited; nobody can claim it', async () => {
  await scene.empty();
  const verified = async (json: object) => (await post(ANNA, json)).body.review.verified_purchase;
  assert.equal(await verified({ rating: 5, verified: true, verified_purchase: true }), false);
  const id = await order(ANNA, 'shipped', [1, 2]);
  await order(ANNA, 'delivered', [2]);
  await order(VERA, 'delivered', [1]);
  assert.equal(await verified({ rating: 4 }), false);
  await scene.sql(`UPDATE orders SET status = 'delivered' WHERE id = $1`, [id]);
  assert.equal((await shown()).items.length, 1);
  assert.equal(await verified({ rating: 4 }), true);
  await scene.sql('TRUNCATE orders CASCADE');
  assert.equal((await scene.ask('GET', 'products/1/reviews/me', ANNA)).body.review.verified_purchase, true);
  assert.equal(await verified({ rating: 3 }), false);
});

test('a seller cannot review an own product, whoever sold it when the review was written', async () => {
  await scene.empty();
  for (const ask of [post, patch]) {
    const refused = await ask(SELLER, { rating: 5 });
    assert.deepEqual([refused.status, refused.body.code], [403, 'own_product']);
  }
  assert.equal((await post(SELLER, { rating: 5 }, 9)).status, 200);
  await scene.sql(`UPDATE products SET seller_id = ${SELLER} WHERE id = 9`);
  assert.equal((await post(SELLER, { rating: 4 }, 9)).body.code, 'own_product');
  assert.equal((await post(OTHER_SELLER, { rating: 4 }, 9)).status, 200);
  assert.equal((await remove(SELLER, 9)).status, 200);
  await scene.sql(`UPDATE products SET seller_id = ${OTHER_SELLER} WHERE id = 9`);
});

test('a product that is deleted cannot be reviewed any more; its review can be deleted', async () => {
  await scene.empty();
  await scene.sql(`INSERT INTO products (id, seller_id, name) VALUES (77, ${SELLER}, 'x')`);
  assert.equal((await post(ANNA, { rating: 5 }, 77)).status, 200);
  await scene.sql('DELETE FROM products WHERE id = 77');
  assert.deepEqual((await post(ANNA, { rating: 4 }, 77)).body.detail, 'Product not found');
  assert.equal((await patch(ANNA, { rating: 4 }, 77)).status, 404);
  assert.equal((await remove(ANNA, 77)).body.summary.count, 0);
});

test('products with the numbers of a bigint are reviewed, sold and awaited as others', async () => {
  await scene.empty();
  const big = 7_215_403_918_776_320;
  await scene.sql(
    'ALTER TABLE products ALTER id TYPE bigint; ALTER TABLE order_items ALTER product_id TYPE bigint',
  );
  await scene.sql(
    `INSERT INTO products (id, seller_id, name) VALUES (${big}, ${SELLER}, 'Star'), (${big + 1}, ${SELLER}, 'Sun')`,
  );
  await order(ANNA, 'delivered', [big, big + 1]);
  const first = (await scene.ask('GET', 'product-reviews/awaiting?limit=1', ANNA)).body;
  const second = await scene.ask('GET', `product-reviews/awaiting?limit=1&cursor=${first.next_cursor}`, ANNA);
  assert.deepEqual(
    [first, second.body].map(({ items }) => items[0].product_id),
    [`${big + 1}`, `${big}`],
  );
  const { body } = await scene.ask('POST', `products/${big}/reviews`, ANNA, { rating: 5 });
  assert.equal(body.review.verified_purchase, true);
  assert.equal((await scene.ask('POST', `products/${big}/reviews`, SELLER, { rating: 5 })).status, 403);
  await scene.sql(`DELETE FROM order_items; DELETE FROM products WHERE id >= ${big}`);
});

test('an author’s edit never brings back what is hidden or held, nor does a new review after deleting it', async () => {
  for (const status of ['hidden', 'held']) {
    await scene.empty();
    const { review } = (await post(ANNA, { rating: 1, text: 'rude' })).body;
    await scene.sql(`UPDATE product_reviews SET status = $1, status_reason = 'offensive'`, [status]);
    const edited = (await post(ANNA, { rating: 5, text: 'kind' })).body;
    assert.deepEqual(
      [
        edited.review.id,
        edited.review.status,
        edited.review.reason,
        edited.review.text,
        edited.summary.count,
      ],
      [review.id, status, 'offensive', 'kind', 0],
    );
    assert.equal(edited.code, status === 'held' ? 'held' : undefined);
    assert.deepEqual((await shown()).items, []);
    await remove(ANNA);
    const again = (await post(ANNA, { rating: 5, text: 'kind' })).body;
    assert.deepEqual([again.review.status, again.code, again.summary.count], ['held', 'held', 0]);
    assert.deepEqual((await shown()).items, []);
  }
});

test('hostile values of every field are 422 with a sentence, of POST and PATCH alike', async () => {
  await scene.empty();
  await post(ANNA, { rating: 3, text: 'stays' });
  const uuid = '140da8a4-0000-4000-8000-000000000000';
  const bad: Record<string, unknown[]> = {
    rating: [0, 6, 4.5, '5', true, 1e30, [], {}],
    text: [7, true, [], {}, 'a\0b', 'a\u001bb', '\u000ba', 'a\f', 'a\u009fb', '\ud800', 'x'.repeat(1001)],
    title: [7, false, ['x'], {}, 'a\0', '\udc00', 'x\u0008', 'x'.repeat(121), '😀'.repeat(121)],
    media_upload_ids: [
      'x',
      {},
      ['x'],
      [1],
      [null],
      [uuid, uuid.toUpperCase()],
      Array(7).fill(uuid),
      [uuid],
      [`${uuid} `],
    ],
    display_name: ['none', 1, true, [], 'FULL', ''],
  };
  for (const [name, values] of Object.entries(bad)) {
    for (const value of values) {
      for (const [ask, base] of [
        [post, { rating: 5 }],
        [patch, {}],
      ] as const) {
        const { status, body } = await ask(ANNA, { ...base, [name]: value });
        assert.equal(status, 422, `${name}: ${JSON.stringify(value)} ${JSON.stringify(body)}`);
        assert.ok(typeof body.detail === 'string' && body.detail.startsWith(name), body.detail);
      }
    }
  }
  assert.equal((await post(ANNA, { rating: null })).status, 422);
  for (const json of [null, [], 'x', 5]) assert.equal((await patch(ANNA, json)).status, 422);
  const { review } = (await scene.ask('GET', 'products/1/reviews/me', ANNA)).body;
  assert.deepEqual([review.rating, review.text, review.edited_at], [3, 'stays', null]);
});

test('the longest of everything is taken, as people count characters', async () => {
  await scene.empty();
  const answer = await post(ANNA, { rating: 5, text: '😀'.repeat(1000), title: `\r\n${'ё'.repeat(120)} ` });
  assert.deepEqual([answer.status, [...answer.body.review.title].length], [200, 120]);
});

test('events tell of what was done, with the public view, in the transaction that did it', async () => {
  await scene.empty();
  const { review } = (await post(ANNA, { rating: 4, text: 'a' })).body;
  const [row] = await scene.sql('SELECT subject, data FROM sidecar_events');
  const { status, reason: _, pending_edit: __, ...publicView } = review;
  assert.deepEqual(row, {
    subject: `review:${review.id}`,
    data: { product_id: '1', review: publicView, status, actor_id: ANNA },
  });
  await scene.sql('ALTER TABLE sidecar_events RENAME TO elsewhere');
  assert.equal((await patch(ANNA, { rating: 1 })).status, 503);
  await scene.sql('ALTER TABLE elsewhere RENAME TO sidecar_events');
  assert.equal((await shown()).summary.avg_rating, 4);
});
