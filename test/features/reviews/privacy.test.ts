/** /api/product-reviews/mine: what a user has written: listed, exported, erased. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  ADMIN,
  ANNA,
  OTHER_SELLER,
  type ReviewScene,
  reviewScene,
  SELLER,
  VERA,
} from '../../support/review-scene.ts';
import { WEBHOOK_SECRET } from '../../support/webhook-receiver.ts';

let scene: ReviewScene;
reviewScene(
  (started) => {
    scene = started;
  },
  { EVENTS_WEBHOOK_URL: 'http://127.0.0.1:9/', EVENTS_WEBHOOK_SECRET: WEBHOOK_SECRET },
);

const mine = async (user: number, query = '') =>
  (await scene.ask('GET', `product-reviews/mine${query}`, user)).body;
const idsOf = (items: { id: number }[]) => items.map(({ id }) => id);
const page = async (product = 1) => (await scene.ask('GET', `products/${product}/reviews`)).body;

test('mine are all that count as mine, in every status, newest first, and nobody else’s', async () => {
  await scene.empty();
  const replaced = await scene.insert();
  const shown = await scene.insert();
  const waiting = await scene.insert({ status: 'pending' });
  const hidden = await scene.insert({ product_id: '2', status: 'hidden', status_reason: 'spam' });
  const held = await scene.insert({ product_id: '3', status: 'held' });
  await scene.insert({ author_id: String(VERA) });
  const { items } = await mine(ANNA);
  assert.deepEqual(idsOf(items), [held, hidden, waiting, shown]);
  assert.deepEqual(
    items.map(({ status, reason }: Record<string, string>) => [status, reason]),
    [
      ['held', null],
      ['hidden', 'spam'],
      ['pending', null],
      ['published', null],
    ],
  );
  const first = await mine(ANNA, '?limit=3');
  assert.deepEqual(idsOf((await mine(ANNA, `?limit=3&cursor=${first.next_cursor}`)).items), [shown]);
  assert.equal((await scene.ask('GET', 'product-reviews/mine')).status, 401);
  assert.equal((await scene.ask('GET', 'product-reviews/mine?cursor=x', ANNA)).status, 422);
  const { reviews } = (await scene.ask('GET', 'product-reviews/mine/export', ANNA)).body;
  assert.deepEqual(
    idsOf(reviews),
    [replaced, shown, waiting, hidden, held],
    'the export has the history, too',
  );
});

test('an export is one document with all of it, however much that is', async () => {
  await scene.empty();
  assert.deepEqual((await scene.ask('GET', 'product-reviews/mine/export', ANNA)).body, {
    ...{ reviews: [], pending_edits: [], votes: [], reports: [] },
  });
  await scene.sql(`INSERT INTO product_reviews (product_id, author_id, author_name, rating, text, pending_edit)
    SELECT n::text, '1', 'x', 1 + n % 5, repeat('«"\\», ', 100), CASE WHEN n % 2 = 0 THEN '{"rating":4,"text":"new","title":null,"media":null}'::jsonb END
      FROM generate_series(1, 1000) n;
    INSERT INTO product_reviews (product_id, author_id, author_name, rating) SELECT n::text, '5', 'x', 1 FROM generate_series(1, 600) n;
    INSERT INTO product_review_votes (review_id, user_id, product_id) SELECT id, 1, product_id FROM product_reviews WHERE author_id = '5';
    INSERT INTO product_review_reports (review_id, user_id, reason) SELECT id, 1, 'spam' FROM product_reviews WHERE author_id = '5' AND id % 3 = 0;
    INSERT INTO product_review_votes (review_id, user_id, product_id) SELECT id, 5, product_id FROM product_reviews WHERE author_id = '1' AND id % 2 = 0`);
  const answer = await scene.ask('GET', 'product-reviews/mine/export', ANNA);
  assert.equal(answer.status, 200);
  assert.match(answer.headers.get('content-disposition') ?? '', /attachment/);
  const { reviews, pending_edits: edits, votes, reports } = answer.body;
  assert.deepEqual([reviews.length, edits.length, votes.length], [1000, 500, 600]);
  assert.equal(new Set(idsOf(reviews)).size, 1000);
  assert.deepEqual(edits[0], {
    rating: 4,
    title: null,
    text: 'new',
    media: [],
    review_id: reviews[1].id,
    product_id: '2',
  });
  const others = await scene.sql(`SELECT id::integer FROM product_reviews WHERE author_id = '5' ORDER BY id`);
  const ids = others.map(({ id }) => id);
  assert.deepEqual(
    votes.map((vote: { review_id: number }) => vote.review_id).toSorted((a: number, b: number) => a - b),
    ids,
  );
  assert.deepEqual(
    reports.map((report: { review_id: number }) => report.review_id),
    ids.filter((id) => id % 3 === 0),
  );
});

test('whoever erases leaves reviews, votes, reports and replies nowhere, and every figure follows', async () => {
  await scene.empty();
  const own = await scene.insert({ product_id: '9', rating: 1, text: 'my secret' });
  const hidden = await scene.insert({
    product_id: '3',
    author_id: String(SELLER),
    text: 'my secret',
    title: 'my secret',
  });
  const others = await scene.insert({ product_id: '1', author_id: String(VERA), rating: 4 });
  const sellersOwn = await scene.insert({ product_id: '9', author_id: String(SELLER), rating: 3 });
  await scene.sql(
    `UPDATE product_reviews SET reply = '{"text":"thanks","created_at":"2026-01-01T00:00:00.000Z","edited_at":null,"author_id":2}' WHERE id = $1`,
    [others],
  );
  for (const [review, user] of [
    [others, SELLER],
    [others, ANNA],
    [own, SELLER],
  ]) {
    await scene.sql(
      `INSERT INTO product_review_votes (review_id, user_id, product_id) SELECT id, $2, product_id FROM product_reviews WHERE id = $1`,
      [review, user],
    );
    await scene.sql(
      `INSERT INTO product_review_reports (review_id, user_id, reason) VALUES ($1, $2, 'spam')`,
      [review, user],
    );
    await scene.sql('UPDATE product_reviews SET report_count = coalesce(report_count, 0) + 1 WHERE id = $1', [
      review,
    ]);
  }
  await scene.ask('POST', `product-reviews/${hidden}/moderation`, ADMIN, { action: 'hide', reason: 'spam' });
  await scene.sql('TRUNCATE sidecar_events');
  const answer = await scene.ask('DELETE', 'product-reviews/mine', SELLER);
  assert.deepEqual(
    [answer.status, answer.body],
    [200, { deleted: { reviews: 2, votes: 2, reports: 2, replies: 1 } }],
  );

  assert.deepEqual((await mine(SELLER)).items, []);
  const [shown] = (await mine(VERA)).items;
  assert.deepEqual([shown.helpful_count, shown.reply], [1, null]);
  const left = await page(9);
  assert.deepEqual([idsOf(left.items), left.summary.count, left.summary.avg_rating], [[own], 1, 1]);
  assert.equal((await mine(ANNA)).items[0].helpful_count, 0);
  const counts = await scene.sql('SELECT id::integer, report_count FROM product_reviews ORDER BY id');
  assert.deepEqual(counts, [
    { id: own, report_count: null },
    { id: others, report_count: 1 },
  ]);
  const history = await scene.sql('SELECT action, before, after FROM product_review_history');
  assert.deepEqual(
    [history.length, history[0].action, /secret/.test(JSON.stringify(history))],
    [1, 'hide', false],
  );
  const events = await scene.sql(
    `SELECT type, (data -> 'review' ->> 'id')::integer AS id FROM sidecar_events ORDER BY seq`,
  );
  assert.deepEqual(
    events
      .filter(({ type }) => type === 'review.deleted')
      .map(({ id }) => id)
      .toSorted(),
    [hidden, sellersOwn].toSorted(),
  );
  const again = await scene.ask('DELETE', 'product-reviews/mine', SELLER);
  assert.deepEqual(again.body, { deleted: { reviews: 0, votes: 0, reports: 0, replies: 0 } });
  const next = await scene.insert({ product_id: '3', author_id: String(SELLER) });
  assert.deepEqual(
    (await mine(SELLER)).items.map(({ id, status }: { id: number; status: string }) => [id, status]),
    [[next, 'held']],
  );
});

test('a user with more than one batch of everything is erased as a whole, beside others who write', async () => {
  await scene.empty();
  await scene.sql(`INSERT INTO product_reviews (product_id, author_id, author_name, rating) SELECT n::text, '7', 'x', 5 FROM generate_series(1, 450) n;
    INSERT INTO product_reviews (product_id, author_id, author_name, rating) SELECT n::text, '5', 'x', 1 FROM generate_series(1, 450) n;
    INSERT INTO product_review_votes (review_id, user_id, product_id) SELECT id, 7, product_id FROM product_reviews WHERE author_id = '5'`);
  const writing = Array.from({ length: 10 }, (_, i) =>
    scene.ask('POST', `products/${1 + (i % 3)}/reviews`, 1 + 4 * (i % 2), { rating: 3 }),
  );
  const [erased, ...written] = await Promise.all([
    scene.ask('DELETE', 'product-reviews/mine', OTHER_SELLER),
    ...writing,
  ]);
  assert.deepEqual(erased.body, { deleted: { reviews: 450, votes: 450, reports: 0, replies: 0 } });
  for (const { status } of written) assert.equal(status, 200);
  const [left] =
    await scene.sql(`SELECT (SELECT count(*)::integer FROM product_reviews WHERE author_id = '7') AS rows,
      (SELECT count(*)::integer FROM product_review_votes) AS votes, (SELECT count(*)::integer FROM product_reviews WHERE helpful_count > 0) AS helpful,
      (SELECT sum(review_count)::integer FROM product_review_stats) AS counted, (SELECT count(*)::integer FROM product_reviews WHERE superseded_at IS NULL) AS shown`);
  assert.deepEqual([left.rows, left.votes, left.helpful, left.counted], [0, 0, 0, left.shown]);
});

/** Events as they would lie there for a while: sent, given up, or waiting for a later attempt. */
const settleEvents = () =>
  scene.sql(`UPDATE sidecar_events SET lease = NULL,
    due_at = CASE seq % 3 WHEN 0 THEN now() + interval '1 hour' END,
    delivered_at = CASE seq % 3 WHEN 1 THEN now() END, failed_at = CASE seq % 3 WHEN 2 THEN now() END`);
const eventsTold = () =>
  scene.sql(`SELECT type, subject, data, CASE WHEN delivered_at IS NOT NULL THEN 'delivered' WHEN failed_at IS NOT NULL THEN 'failed'
    ELSE 'waiting' END AS state FROM sidecar_events ORDER BY seq`);

test('what an erased user has written, replied or reported is in no event any more, delivered, failed or waiting', async () => {
  await scene.empty();
  const post = (user: number, product: number, text: string) =>
    scene.ask('POST', `products/${product}/reviews`, user, { rating: 4, text, title: `${text} title` });
  // Taken back before: nothing but its events is left.
  await post(SELLER, 9, 'SECRET');
  await scene.ask('DELETE', 'products/9/reviews/me', SELLER);
  const own = (await post(SELLER, 9, 'SECRET')).body.review.id;
  await scene.ask('PATCH', 'products/9/reviews/me', SELLER, { text: 'SECRET again' });
  await scene.ask('PATCH', 'products/9/reviews/me', SELLER, { text: 'SECRET once more' });
  const { id } = (await post(VERA, 1, 'vera')).body.review;
  const annas = (await post(ANNA, 1, 'anna')).body.review.id;
  for (const review of [id, annas]) {
    await scene.ask('PUT', `products/1/reviews/${review}/reply`, SELLER, { text: 'SECRET reply' });
    await scene.ask('POST', `products/1/reviews/${review}/report`, SELLER, { reason: 'spam' });
  }
  for (const text of ['quoting', 'quoting again'])
    await scene.ask('PATCH', 'products/1/reviews/me', VERA, { text });
  await scene.ask('DELETE', `products/1/reviews/${annas}/reply`, SELLER);
  await settleEvents();
  const before = await eventsTold();
  assert.ok(
    before.some(({ type, data }) => type === 'review.updated' && data.review.reply?.text === 'SECRET reply'),
  );

  assert.equal((await scene.ask('DELETE', 'product-reviews/mine', SELLER)).status, 200);
  const told = await eventsTold();
  assert.doesNotMatch(JSON.stringify(told), /SECRET|Boris/);
  assert.deepEqual(
    told.slice(0, before.length).map(({ type, subject, state }) => [type, subject, state]),
    before.map(({ type, subject, state }) => [type, subject, state]),
  );
  const created = told.find(({ subject }) => subject === `review:${own}`);
  assert.deepEqual(
    [
      created?.data.review.id,
      created?.data.review.rating,
      created?.data.review.author_name,
      created?.data.review.title,
    ],
    [own, 4, 'Deleted user', null],
  );
  const reported = told.filter(({ type }) => type === 'review.reported' || type === 'review.replied');
  assert.ok(reported.slice(0, 5).every(({ data }) => data.actor_id === null));
  // Nobody else's are touched.
  const ofVera = told.filter(({ data }) => data.review.author_id === String(VERA));
  assert.deepEqual(
    ofVera.map(({ data }) => data.review.text).filter((text, n, all) => text !== all[n - 1]),
    ['vera', 'quoting', 'quoting again'],
  );
});

test('of what the old module has written twice the receivers hear once that it is erased', async () => {
  await scene.empty();
  await scene.insert();
  const second = await scene.insert();
  const hidden = await scene.insert({ product_id: '2', status: 'hidden' });
  const shown = await scene.insert({ product_id: '3' });
  const waiting = await scene.insert({ product_id: '3', status: 'pending' });
  assert.equal((await scene.ask('DELETE', 'product-reviews/mine', ANNA)).body.deleted.reviews, 5);
  assert.deepEqual(
    (await eventsTold()).map(({ type, subject }) => [type, subject]),
    [second, hidden, shown, waiting].map((id) => ['review.deleted', `review:${id}`]),
  );
});
