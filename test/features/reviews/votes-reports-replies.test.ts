/** What others do to a review: votes, reports, the seller's reply; and its author's appeal. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { api } from '../../support/api.ts';
import {
  ADMIN,
  ANNA,
  OTHER_SELLER,
  type ReviewScene,
  reviewScene,
  SELLER,
  VERA,
} from '../../support/review-scene.ts';
import { startSidecar, type TestSidecar } from '../../support/start-sidecar.ts';
import { WEBHOOK_SECRET } from '../../support/webhook-receiver.ts';

let scene: ReviewScene;
/** Two reports by buyers hold a review there. */
let wary: TestSidecar;
const webhook = { EVENTS_WEBHOOK_URL: 'http://127.0.0.1:9/', EVENTS_WEBHOOK_SECRET: WEBHOOK_SECRET };
reviewScene(async (started) => {
  scene = started;
  await scene.sql(
    `INSERT INTO users (id, email, name) VALUES (20, 'u20', 'U'), (21, 'u21', 'V'), (22, 'u22', 'W')`,
  );
  wary = await startSidecar({ DATABASE_URL: scene.url, REVIEWS_HOLD_AFTER_REPORTS: '2', ...webhook });
}, webhook);
after(() => wary.stop());

const on = (method: string, rid: number | string, what: string, user?: number, json?: unknown, product = 1) =>
  scene.ask(method, `products/${product}/reviews/${rid}/${what}`, user, json);
const shown = async () => (await scene.ask('GET', 'products/1/reviews')).body.items;
const hide = (id: number, action = 'hide') =>
  scene.ask('POST', `product-reviews/${id}/moderation`, ADMIN, {
    action,
    ...(action === 'publish' ? {} : { reason: 'spam' }),
  });
const told = async () =>
  (await scene.sql('SELECT type FROM sidecar_events ORDER BY seq')).map(({ type }) => type);
const buy = (buyer: number, status = 'delivered', product = 1) =>
  scene.sql(
    `WITH made AS (INSERT INTO orders (buyer_id, status) VALUES ($1, $2) RETURNING id)
     INSERT INTO order_items (order_id, product_id) SELECT id, $3 FROM made`,
    [buyer, status, product],
  );

test('each user’s vote counts once, and again is the same answer; taken back it is gone', async () => {
  await scene.empty();
  const id = await scene.insert();
  const steps = [
    ['PUT', VERA, 1],
    ['PUT', VERA, 1],
    ['PUT', 20, 2],
    ['DELETE', VERA, 1],
    ['DELETE', VERA, 1],
    ['PUT', SELLER, 2],
  ] as const;
  for (const [method, user, count] of steps) {
    const answer = await on(method, id, 'helpful', user);
    assert.deepEqual([answer.status, answer.body], [200, { helpful_count: count }], `${method} ${user}`);
  }
  assert.deepEqual(await told(), []);
  const own = await on('PUT', id, 'helpful', ANNA);
  assert.deepEqual([own.status, own.body.code], [403, 'own_review']);
  assert.equal((await on('PUT', id, 'helpful')).status, 401);
});

test('what is not there, not shown, or of another product is 404 for votes, reports and replies', async () => {
  await scene.empty();
  const older = await scene.insert();
  const id = await scene.insert();
  const calls = [
    ['PUT', 'helpful', VERA],
    ['DELETE', 'helpful', VERA],
    ['POST', 'report', VERA, { reason: 'spam' }],
    ['PUT', 'reply', SELLER, { text: 'x' }],
    ['DELETE', 'reply', SELLER],
  ] as const;
  const each = async (rid: number | string, product: number, wanted: number) => {
    for (const [method, what, user, json] of calls) {
      const answer = await on(method, rid, what, user, json, product);
      assert.equal(answer.status, wanted, `${method} ${what} ${rid} ${JSON.stringify(answer.body)}`);
    }
  };
  await each(id + 100, 1, 404);
  await each(older, 1, 404);
  await each(id, 2, 404);
  await each('9223372036854775807', 1, 404);
  for (const bad of ['x', '-1', '1e3', '9223372036854775808', '%00']) await each(bad, 1, 422);
  await hide(id);
  await each(id, 1, 404);
  await hide(id, 'publish');
  await each(id, 1, 200);
});

test('a report is taken once from each user, and again is the same answer', async () => {
  await scene.empty();
  const id = await scene.insert();
  for (let n = 0; n < 2; n += 1) {
    const answer = await on('POST', id, 'report', VERA, { reason: 'fake', note: ' cafe\u0301 ' });
    assert.deepEqual([answer.status, answer.body], [200, { reported: true }]);
  }
  assert.deepEqual(await scene.sql('SELECT user_id::int, reason, note FROM product_review_reports'), [
    { user_id: VERA, reason: 'fake', note: 'café' },
  ]);
  assert.deepEqual(await told(), ['review.reported']);
  assert.equal((await on('POST', id, 'report', ANNA, { reason: 'fake' })).body.code, 'own_review');
  const bad = [
    {},
    null,
    [],
    { reason: 'negative' },
    { reason: 7 },
    { reason: 'spam', note: 7 },
    { reason: 'spam', note: 'a\0' },
    { reason: 'spam', note: 'x'.repeat(1001) },
  ];
  for (const json of bad)
    assert.equal((await on('POST', id, 'report', 20, json)).status, 422, JSON.stringify(json));
  assert.equal((await on('POST', id, 'report', 20, { reason: 'other', note: null })).status, 200);
  assert.equal((await shown()).length, 1);
});

test('reports by enough different buyers hold a review; those of others and of its seller do not count', async () => {
  await scene.empty();
  const id = await scene.insert();
  const report = (user: number) =>
    api('POST', `${wary.url}/api/products/1/reviews/${id}/report`, { user, json: { reason: 'spam' } });
  for (const buyer of [20, 21, SELLER]) await buy(buyer);
  await buy(VERA, 'shipped');
  await buy(22, 'delivered', 2);
  for (const user of [20, 20, VERA, 22, SELLER]) assert.equal((await report(user)).status, 200);
  assert.equal((await shown()).length, 1);
  assert.equal((await report(21)).status, 200);
  assert.deepEqual(await shown(), []);
  assert.deepEqual((await told()).slice(-2), ['review.reported', 'review.held']);
  assert.deepEqual(await scene.sql('SELECT status, status_reason, report_count FROM product_reviews'), [
    { status: 'held', status_reason: 'reports', report_count: 5 },
  ]);
  // Whoever has reported it has; for everybody else it is not there.
  assert.equal((await report(21)).status, 200);
  assert.equal((await report(ADMIN)).status, 404);
  await hide(id, 'publish');
  assert.equal((await report(20)).status, 200);
  assert.equal((await shown()).length, 1, 'they have been looked at');
});

test('the product’s seller replies, edits and takes the reply back; nobody else does', async () => {
  await scene.empty();
  const id = await scene.insert();
  for (const user of [ANNA, VERA, OTHER_SELLER, ADMIN]) {
    const refused = await on('PUT', id, 'reply', user, { text: 'x' });
    assert.deepEqual([refused.status, refused.body.code], [403, 'not_the_seller'], String(user));
    assert.equal((await on('DELETE', id, 'reply', user)).status, 403);
  }
  const first = (await on('PUT', id, 'reply', SELLER, { text: ' Thanks\r\n' })).body.review;
  assert.deepEqual([first.reply.text, first.reply.edited_at, first.status], ['Thanks', null, undefined]);
  assert.match(first.reply.created_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  assert.deepEqual((await on('PUT', id, 'reply', SELLER, { text: 'Thanks' })).body.review, first);
  const edited = (await on('PUT', id, 'reply', SELLER, { text: 'Thank you' })).body.review.reply;
  assert.deepEqual([edited.created_at, edited.edited_at > edited.created_at], [first.reply.created_at, true]);
  const seen = await scene.sql('SELECT data FROM sidecar_events ORDER BY seq');
  assert.deepEqual(
    seen.map(({ data }) => data.review.reply.text),
    ['Thanks', 'Thank you'],
  );
  assert.deepEqual(Object.keys(edited).sort(), ['created_at', 'edited_at', 'text']);
  assert.equal((await on('DELETE', id, 'reply', SELLER)).body.review.reply, null);
  assert.equal((await on('DELETE', id, 'reply', SELLER)).body.review.reply, null);
  for (const json of [
    {},
    { text: null },
    { text: ' ' },
    { text: 'x'.repeat(1001) },
    { text: 'a\u0007' },
    { text: 5 },
  ])
    assert.equal((await on('PUT', id, 'reply', SELLER, json)).status, 422, JSON.stringify(json));
});

test('a product that has changed its seller is replied for by the new one', async () => {
  await scene.empty();
  const id = await scene.insert();
  const old = (await on('PUT', id, 'reply', SELLER, { text: 'old' })).body.review.reply;
  await scene.sql(`UPDATE products SET seller_id = ${OTHER_SELLER} WHERE id = 1`);
  assert.equal((await on('PUT', id, 'reply', SELLER, { text: 'x' })).status, 403);
  const { reply } = (await on('PUT', id, 'reply', OTHER_SELLER, { text: 'new' })).body.review;
  assert.deepEqual([reply.text, reply.edited_at, reply.created_at > old.created_at], ['new', null, true]);
  await scene.sql(`UPDATE products SET seller_id = ${SELLER} WHERE id = 1`);
});

test('the author of a hidden review appeals, once', async () => {
  await scene.empty();
  const id = await scene.insert();
  const appeal = (user: number, json: unknown = { text: 'why?' }, rid: number | string = id) =>
    scene.ask('POST', `product-reviews/${rid}/appeal`, user, json);
  assert.deepEqual((await appeal(ANNA)).body.code, 'not_hidden');
  await hide(id);
  assert.equal((await appeal(VERA)).status, 404);
  assert.equal((await appeal(ANNA, { text: ' ' })).status, 422);
  assert.equal((await appeal(ANNA, { text: 'x' }, 'x')).status, 422);
  assert.deepEqual((await appeal(ANNA)).body, { appealed: true });
  const again = await appeal(ANNA);
  assert.deepEqual([again.status, again.body.code], [409, 'already_appealed']);
  const { items } = (await scene.ask('GET', 'product-reviews/moderation?status=hidden', ADMIN)).body;
  assert.equal(items[0].appeal.text, 'why?');
});

test('GET …/me says who may review, and what there is', async () => {
  await scene.empty();
  const me = async (user: number, product: number | string = 1) => {
    const answer = await scene.ask('GET', `products/${product}/reviews/me`, user);
    assert.equal(answer.status, 200, JSON.stringify(answer.body));
    return answer.body;
  };
  const nothing = { can_review: true, reason: null, verified_purchase: false, review: null, helpful_ids: [] };
  assert.deepEqual(await me(ANNA), nothing);
  assert.deepEqual(await me(SELLER), { ...nothing, can_review: false, reason: 'own_product' });
  assert.deepEqual(await me(ANNA, 'none'), { ...nothing, can_review: false });
  await buy(ANNA);
  const id = await scene.insert({ status: 'hidden', status_reason: 'spam' });
  const other = await scene.insert({ author_id: String(VERA) });
  await on('PUT', other, 'helpful', ANNA);
  const mine = await me(ANNA);
  assert.deepEqual([mine.can_review, mine.verified_purchase, mine.helpful_ids], [true, true, [other]]);
  assert.deepEqual([mine.review.id, mine.review.status, mine.review.reason], [id, 'hidden', 'spam']);
  await hide(other);
  assert.deepEqual((await me(ANNA)).helpful_ids, []);
  for (const [user, status] of [
    [undefined, 401],
    [3, 403],
    [4, 403],
  ] as const)
    assert.equal((await scene.ask('GET', 'products/1/reviews/me', user)).status, status);
});

test('with REVIEWS_REQUIRE_PURCHASE only buyers review, and without the tables of orders nobody does', async (t) => {
  await scene.empty();
  const sidecar = await startSidecar({ DATABASE_URL: scene.url, REVIEWS_REQUIRE_PURCHASE: 'true' });
  t.after(sidecar.stop);
  const at = `${sidecar.url}/api/products/1/reviews`;
  const refused = await api('POST', at, { user: ANNA, json: { rating: 5 } });
  assert.deepEqual([refused.status, refused.body.code], [403, 'purchase_required']);
  const reason = async () => (await api('GET', `${at}/me`, { user: ANNA })).body.reason;
  assert.equal(await reason(), 'purchase_required');
  await buy(ANNA);
  assert.equal(await reason(), null);
  assert.equal((await api('POST', at, { user: ANNA, json: { rating: 5 } })).status, 200);
  await scene.sql('ALTER TABLE order_items RENAME TO gone');
  assert.equal(
    (await api('PATCH', `${at}/me`, { user: ANNA, json: { rating: 4 } })).body.code,
    'purchase_required',
  );
  const { review } = (await scene.ask('POST', 'products/1/reviews', ANNA, { rating: 3 })).body;
  assert.deepEqual([review.rating, review.verified_purchase], [3, false]);
  await scene.sql('ALTER TABLE gone RENAME TO order_items');
});
