/** What a seller sees of reviews, what a buyer has not reviewed yet, and what the shop says about its reviews. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfig } from '../../../src/config/config.ts';
import { policyOf } from '../../../src/features/reviews/policy/routes.ts';
import { api } from '../../support/api.ts';
import {
  ANNA,
  OTHER_SELLER,
  type ReviewScene,
  reviewScene,
  SELLER,
  VERA,
} from '../../support/review-scene.ts';
import { startSidecar } from '../../support/start-sidecar.ts';

let scene: ReviewScene;
reviewScene((started) => {
  scene = started;
});

const ofSeller = (query = '', user = SELLER) => scene.ask('GET', `product-reviews/seller${query}`, user);
const idsOf = ({ body }: { body: { items: { id: number }[] } }) => body.items.map(({ id }) => id);

test('a seller sees what is shown under the own products, newest first, and nothing that is kept back', async () => {
  await scene.empty();
  const first = await scene.insert({ product_id: '1', rating: 2 });
  const second = await scene.insert({
    product_id: '2',
    rating: 5,
    reply: JSON.stringify({
      ...{ text: 'ok', author_id: SELLER },
      ...{ created_at: '2026-11-26T08:00:00.000Z', edited_at: null },
    }),
  });
  await scene.insert({ product_id: '9', rating: 1 });
  await scene.insert({ product_id: '3', status: 'hidden' });
  await scene.insert({ product_id: 'x', rating: 1 });
  const third = await scene.insert({ product_id: '1', author_id: String(VERA), rating: 2 });
  assert.deepEqual(idsOf(await ofSeller()), [third, second, first]);
  assert.deepEqual(idsOf(await ofSeller('?unreplied=1')), [third, first]);
  assert.deepEqual(idsOf(await ofSeller('?rating=4,5,5,5,5,5')), [second]);
  const page = await ofSeller('?rating=2&limit=1');
  assert.deepEqual(idsOf(page), [third]);
  assert.deepEqual(idsOf(await ofSeller(`?rating=2&limit=1&cursor=${page.body.next_cursor}`)), [first]);
  assert.equal('status' in page.body.items[0], false);
  assert.deepEqual(idsOf(await ofSeller('', ANNA)), []);
  assert.equal((await scene.ask('GET', 'product-reviews/seller')).status, 401);
  for (const wrong of ['?rating=6', '?unreplied=yes', '?limit=0', '?cursor=-1'])
    assert.equal((await ofSeller(wrong)).status, 422, wrong);
});

const order = async (buyer: number, status: string, products: number[], at: string) => {
  const [{ id }] = await scene.sql(
    'INSERT INTO orders (buyer_id, status, created_at) VALUES ($1, $2, $3) RETURNING id',
    [buyer, status, at],
  );
  for (const product of products)
    await scene.sql('INSERT INTO order_items (order_id, product_id, quantity, price) VALUES ($1, $2, 1, 1)', [
      id,
      product,
    ]);
};
const awaiting = async (query = '', user = ANNA) =>
  (await scene.ask('GET', `product-reviews/awaiting${query}`, user)).body;

test('a buyer’s delivered products without a review are listed once each, last delivered first', async () => {
  await scene.empty();
  await order(ANNA, 'delivered', [1, 2], '2026-01-01T10:00:00Z');
  await order(ANNA, 'delivered', [3, 1], '2026-02-01T10:00:00.123456Z');
  await order(ANNA, 'pending', [9], '2026-03-01T10:00:00Z');
  await order(VERA, 'delivered', [9], '2026-03-01T10:00:00Z');
  await order(SELLER, 'delivered', [1], '2026-03-01T10:00:00Z');
  await scene.sql(`UPDATE products SET image_url = 'https://example.com/1.png' WHERE id = 1`);
  const { items, next_cursor: next } = await awaiting();
  assert.equal(next, null);
  assert.deepEqual(items, [
    { product_id: '3', product_name: 'Table', image_url: null, delivered_at: '2026-02-01T10:00:00.123Z' },
    {
      product_id: '1',
      product_name: 'Lamp',
      image_url: 'https://example.com/1.png',
      delivered_at: '2026-02-01T10:00:00.123Z',
    },
    { product_id: '2', product_name: 'Chair', image_url: null, delivered_at: '2026-01-01T10:00:00.000Z' },
  ]);
  const walked: string[] = [];
  for (let cursor = ''; ; ) {
    const page = await awaiting(`?limit=1${cursor}`);
    walked.push(...page.items.map((item: { product_id: string }) => item.product_id));
    if (page.next_cursor === null) break;
    cursor = `&cursor=${page.next_cursor}`;
  }
  assert.deepEqual(walked, ['3', '1', '2']);
  await scene.insert({ product_id: '3' });
  await scene.insert({ product_id: '2', status: 'hidden' });
  assert.deepEqual(
    (await awaiting()).items.map((item: { product_id: string }) => item.product_id),
    ['1'],
  );
  assert.deepEqual((await awaiting('', SELLER)).items, [], 'not one’s own product');
  assert.equal((await scene.ask('GET', 'product-reviews/awaiting?cursor=5', ANNA)).status, 422);
  assert.equal((await scene.ask('GET', 'product-reviews/awaiting')).status, 401);
});

test('orders of any time can be walked through, one of no time is as of 1970', async () => {
  await scene.empty();
  await order(ANNA, 'delivered', [1], 'infinity');
  await order(ANNA, 'delivered', [2], '1500-01-01T00:00:00Z');
  await order(ANNA, 'delivered', [3], '2026-01-01T00:00:00Z');
  const walked: string[] = [];
  let next: string | null = null;
  do {
    const page = await awaiting(`?limit=1${next === null ? '' : `&cursor=${next}`}`);
    walked.push(page.items[0].product_id);
    next = page.next_cursor;
  } while (next !== null);
  assert.deepEqual(walked, ['3', '1', '2']);
});

test('in a database without the backend’s tables nobody sells or awaits anything', async () => {
  const url = await scene.server.createDatabase();
  const sidecar = await startSidecar({ DATABASE_URL: url });
  try {
    const ask = (path: string) =>
      api('GET', `${sidecar.url}/api/product-reviews/${path}`, { user: OTHER_SELLER });
    let seller = await ask('seller');
    // Until it has migrated.
    while (seller.status === 503) seller = await ask('seller');
    for (const answer of [seller, await ask('awaiting')])
      assert.deepEqual([answer.status, answer.body], [200, { items: [], next_cursor: null }]);
  } finally {
    await sidecar.stop();
  }
});

test('the policy says in public what the settings do', async () => {
  const { body, status, headers } = await scene.ask('GET', 'product-reviews/policy');
  assert.deepEqual(
    [status, Object.keys(body)],
    [200, ['verification', 'moderation', 'order', 'scoring', 'incentives']],
  );
  assert.match(headers.get('cache-control') ?? '', /public/);
  const from = (env: Record<string, string>) =>
    policyOf(
      parseConfig({ JWT_SECRET: 'x'.repeat(40), DATABASE_URL: 'postgresql://u:p@127.0.0.1/d', ...env })
        .reviews,
      'en',
    );
  assert.deepEqual(body, from({}));
  assert.match(body.moderation, /shown at once/);
  assert.match(body.verification, /whether or not it was bought here/);
  assert.match(body.scoring, /10 × m/);
  const strict = from({
    REVIEWS_REQUIRE_PURCHASE: 'true',
    REVIEWS_MODERATION: 'pre',
    REVIEWS_HOLD_AFTER_REPORTS: '3',
  });
  assert.match(strict.verification, /^Only customers who have bought/);
  assert.match(
    strict.moderation,
    /read by a moderator before it is shown.* 3 buyers of the product have reported/,
  );
  assert.doesNotMatch(body.moderation, /reported is held back/);
});
