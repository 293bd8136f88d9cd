/** /api/product-reviews/moderation: what admins see and do. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import pg from 'pg';
import { untilAvailable } from '../../support/api.ts';

import { ADMIN, ANNA, type ReviewScene, reviewScene, SELLER, VERA } from '../../support/review-scene.ts';
import { WEBHOOK_SECRET } from '../../support/webhook-receiver.ts';

let scene: ReviewScene;
reviewScene(
  (started) => {
    scene = started;
  },
  // Nobody listens there: the events stay in the outbox.
  { EVENTS_WEBHOOK_URL: 'http://127.0.0.1:9/', EVENTS_WEBHOOK_SECRET: WEBHOOK_SECRET },
);

const decide = (id: number, action: string, more: object = {}, user = ADMIN) =>
  scene.ask('POST', `product-reviews/${id}/moderation`, user, { action, ...more });
const queue = async (query: string) => {
  const answer = await scene.ask('GET', `product-reviews/moderation?${query}`, ADMIN);
  assert.equal(answer.status, 200, JSON.stringify(answer.body));
  return answer.body;
};
const idsIn = async (query: string): Promise<number[]> =>
  (await queue(query)).items.map(({ id }: { id: number }) => id);
const page = async (product = 1) => (await scene.ask('GET', `products/${product}/reviews`)).body;
const told = async () =>
  (await scene.sql('SELECT type, data FROM sidecar_events ORDER BY seq')).map(({ type, data }) => ({
    type,
    data,
  }));

test('moderation is for admins, and a review that is not there is 404', async () => {
  await scene.empty();
  const id = await scene.insert();
  const calls = [
    ['GET', 'product-reviews/moderation?status=held'],
    ['GET', 'product-reviews/moderation/stats'],
    ['POST', `product-reviews/${id}/moderation`, { action: 'hide', reason: 'spam' }],
  ] as const;
  for (const [method, path, json] of calls) {
    assert.equal((await scene.ask(method, path, undefined, json)).status, 401, path);
    for (const user of [ANNA, SELLER])
      assert.equal((await scene.ask(method, path, user, json)).status, 403, path);
  }
  assert.equal((await page()).items.length, 1);
  assert.equal((await decide(id + 1, 'publish')).status, 404);
  for (const rid of ['x', '9223372036854775808', '-1']) {
    const answer = await scene.ask('POST', `product-reviews/${rid}/moderation`, ADMIN, { action: 'publish' });
    assert.equal(answer.status, 422, rid);
  }
});

test('a hidden or held review is nowhere, and back with everything when it is published', async () => {
  await scene.empty();
  const id = await scene.insert({ rating: 1, verified: true });
  await scene.insert({ author_id: String(VERA), rating: 5 });
  const before = await page();
  for (const [action, status] of [
    ['hide', 'hidden'],
    ['hold', 'held'],
  ] as const) {
    const answer = await decide(id, action, { reason: 'fake', note: ' cafe\u0301 ' });
    assert.equal(answer.status, 200, JSON.stringify(answer.body));
    assert.deepEqual(
      [answer.body.review.id, answer.body.review.status, answer.body.review.reason],
      [id, status, 'fake'],
    );
    const now = await page();
    assert.deepEqual([now.items.length, now.summary.count, now.summary.avg_rating], [1, 1, 5]);
    const [item] = (await queue(`status=${status}`)).items;
    assert.deepEqual([item.id, item.history.at(-1).note, item.history.at(-1).actor_id], [id, 'café', ADMIN]);
  }
  const published = await decide(id, 'publish');
  assert.deepEqual([published.body.review.status, published.body.review.reason], ['published', null]);
  assert.deepEqual(await page(), before);
  for (const status of ['held', 'hidden', 'pending', 'reported'])
    assert.deepEqual(await idsIn(`status=${status}`), []);
});

test('to hide or hold needs a reason, of which none means "negative"; other actions take none', async () => {
  await scene.empty();
  const id = await scene.insert();
  for (const action of ['hide', 'hold']) {
    for (const reason of [undefined, null, '', 'negative', 'low_rating', 'Spam']) {
      const answer = await decide(id, action, { reason });
      assert.deepEqual([answer.status, answer.body.code], [422, 'invalid'], `${action} ${reason}`);
    }
    for (const reason of ['spam', 'offensive', 'off_topic', 'fake', 'privacy', 'legal', 'other']) {
      assert.equal((await decide(id, action, { reason })).body.review.reason, reason);
    }
  }
  assert.equal((await decide(id, 'publish', { reason: 'spam' })).status, 422);
  assert.equal((await decide(id, 'publish', { reason: null })).status, 200);
  assert.equal((await decide(id, 'delete')).status, 422);
  assert.equal((await decide(id, 'publish', { note: 'x'.repeat(1001) })).status, 422);
  assert.equal((await scene.ask('GET', 'product-reviews/moderation?status=published', ADMIN)).status, 422);
});

test('publishing applies a waiting edit and resets the reports; discarding leaves what was shown', async () => {
  await scene.empty();
  const upload = {
    upload_id: '11111111-1111-4111-8111-111111111111',
    type: 'image',
    key: 'k',
    content_type: 'image/png',
  };
  const pending = { rating: 2, text: 'worse', title: 'Hm', media: [upload] };
  const waiting = { pending_edit: JSON.stringify(pending), report_count: 2, title: 'Old' };
  const kept = await scene.insert(waiting);
  const applied = await scene.insert({ ...waiting, author_id: String(VERA) });
  for (const id of [kept, applied]) {
    await scene.sql(
      `INSERT INTO product_review_reports (review_id, user_id, reason, note) VALUES ($1, 50, 'fake', 'n'), ($1, 51, 'spam', NULL)`,
      [id],
    );
    await scene.sql('INSERT INTO product_review_media (upload_id, review_id) VALUES ($1, $2)', [
      upload.upload_id,
      id,
    ]);
  }
  assert.deepEqual(await idsIn('status=pending'), [kept, applied]);
  const [reported] = (await queue('status=reported')).items;
  assert.deepEqual(
    reported.reports.map(({ user_id, reason, note }: Record<string, unknown>) => [user_id, reason, note]),
    [
      [50, 'fake', 'n'],
      [51, 'spam', null],
    ],
  );
  const discarded = (await decide(kept, 'discard_edit')).body.review;
  assert.deepEqual(
    [discarded.pending_edit, discarded.rating, discarded.title, discarded.edited_at],
    [null, 5, 'Old', null],
  );
  const published = (await decide(applied, 'publish')).body.review;
  assert.deepEqual([published.rating, published.text, published.title], [2, 'worse', 'Hm']);
  assert.notEqual(published.edited_at, null);
  const { items, summary } = await page();
  assert.deepEqual(
    items.map(({ rating }: { rating: number }) => rating),
    [2, 5],
  );
  assert.equal(summary.avg_rating, 3.5);
  assert.deepEqual(await idsIn('status=pending'), []);
  assert.deepEqual(await idsIn('status=reported'), [kept]);
  const media = await scene.sql('SELECT review_id::integer FROM product_review_media');
  assert.deepEqual(media, [{ review_id: applied }], 'a discarded edit holds no upload');
});

test('a queue is in pages, oldest first, each review once', async () => {
  await scene.empty();
  await scene.sql(`INSERT INTO product_reviews (product_id, author_id, author_name, rating, status, pending_edit)
    SELECT '1', (100 + n)::text, 'x', 1 + n % 5, CASE WHEN n % 2 = 0 THEN 'pending' END, CASE WHEN n % 3 = 0 THEN '{"rating":1}'::jsonb END
      FROM generate_series(1, 60) n`);
  const wanted = await scene.sql(
    `SELECT id::integer FROM product_reviews WHERE status = 'pending' OR pending_edit IS NOT NULL ORDER BY id`,
  );
  const found: number[] = [];
  for (let cursor = ''; ; ) {
    const { items, next_cursor: next } = await queue(`status=pending&limit=10${cursor}`);
    found.push(...items.map(({ id }: { id: number }) => id));
    if (next === null) break;
    cursor = `&cursor=${next}`;
  }
  assert.deepEqual(
    found,
    wanted.map(({ id }) => id),
  );
});

test('every action is written down with what was before and after, and stays when the review is deleted', async () => {
  await scene.empty();
  const id = await scene.insert();
  const actions = [
    ['mark_incentivized', {}],
    ['hold', { reason: 'other', note: 'wait' }],
    ['publish', {}],
    ['unmark_incentivized', {}],
    ['discard_edit', {}],
  ] as const;
  for (const [action, more] of actions) assert.equal((await decide(id, action, more)).status, 200, action);
  await scene.sql('DELETE FROM product_reviews WHERE id = $1', [id]);
  const rows = await scene.sql(
    `SELECT action, actor_id::integer AS actor, reason, note, before ->> 'status' AS was, after ->> 'status' AS is,
            after ->> 'incentivized' AS marked, review_id::integer AS review, product_id AS product
       FROM product_review_history ORDER BY id`,
  );
  const common = { actor: ADMIN, review: id, product: '1' };
  assert.deepEqual(rows, [
    {
      ...common,
      action: 'mark_incentivized',
      reason: null,
      note: null,
      was: 'published',
      is: 'published',
      marked: 'true',
    },
    {
      ...common,
      action: 'hold',
      reason: 'other',
      note: 'wait',
      was: 'published',
      is: 'held',
      marked: 'true',
    },
    { ...common, action: 'publish', reason: null, note: null, was: 'held', is: 'published', marked: 'true' },
    {
      ...common,
      action: 'unmark_incentivized',
      reason: null,
      note: null,
      was: 'published',
      is: 'published',
      marked: 'false',
    },
    {
      ...common,
      action: 'discard_edit',
      reason: null,
      note: null,
      was: 'published',
      is: 'published',
      marked: 'false',
    },
  ]);
});

test('what is hidden stays so whoever writes: a second row of the old module’s, and a new one after a deletion', async () => {
  await scene.empty();
  const first = await scene.insert({ rating: 1 });
  await decide(first, 'hide', { reason: 'offensive' });
  const second = await scene.insert({ rating: 2 });
  assert.deepEqual((await page()).items, []);
  assert.deepEqual(await idsIn('status=hidden'), [first, second]);
  await scene.sql(`DELETE FROM product_reviews WHERE author_id = '1'`);
  const third = await scene.insert({ rating: 3 });
  assert.deepEqual([(await page()).summary.count, await idsIn('status=held')], [0, [third]]);
  assert.equal((await decide(third, 'publish')).status, 200);
  const fourth = await scene.insert({ rating: 4 });
  assert.deepEqual(
    (await page()).items.map(({ id }: { id: number }) => id),
    [fourth],
  );
});

test('statistics show by rating what is published and what is kept back for which reason', async () => {
  await scene.empty();
  const keep = async (author: number, rating: number, action?: string, reason?: string) => {
    const id = await scene.insert({ author_id: String(author), rating });
    if (action !== undefined) await decide(id, action, { reason });
  };
  await keep(20, 1);
  await keep(21, 5);
  await keep(22, 5);
  await keep(23, 1, 'hide', 'spam');
  await keep(24, 5, 'hide', 'spam');
  await keep(25, 5, 'hide', 'fake');
  await keep(26, 3, 'hold', 'legal');
  assert.deepEqual((await scene.ask('GET', 'product-reviews/moderation/stats', ADMIN)).body, {
    published: { 1: 1, 2: 0, 3: 0, 4: 0, 5: 2 },
    hidden: { 1: { spam: 1 }, 2: {}, 3: {}, 4: {}, 5: { fake: 1, spam: 1 } },
    held: { 1: {}, 2: {}, 3: { legal: 1 }, 4: {}, 5: {} },
  });
});

test('events tell of changes that can be seen, in their order', async () => {
  await scene.empty();
  const id = await scene.insert({ product_id: '2' });
  for (const [action, reason] of [
    ['hide', 'spam'],
    ['hide', 'fake'],
    ['hold', 'spam'],
    ['publish'],
    ['publish'],
    ['mark_incentivized'],
    ['discard_edit'],
  ]) {
    await decide(id, action ?? '', { reason });
  }
  const events = await told();
  assert.deepEqual(
    events.map(({ type, data }) => [type, data.status, data.product_id, data.review.id, data.actor_id]),
    [
      ['review.hidden', 'hidden', '2', id, ADMIN],
      ['review.held', 'held', '2', id, ADMIN],
      ['review.published', 'published', '2', id, ADMIN],
      ['review.updated', 'published', '2', id, ADMIN],
    ],
  );
  assert.deepEqual(Object.keys(events[0]?.data.review ?? {}).includes('reason'), false, 'the public view');
});

test('a change that fails leaves neither an event nor a line in the history', async () => {
  await scene.empty();
  const id = await scene.insert({ pending_edit: JSON.stringify({ rating: 4, text: 'no' }) });
  await scene.sql(`ALTER TABLE product_reviews ADD CONSTRAINT polite CHECK (text <> 'no')`);
  try {
    const answer = await decide(id, 'publish');
    assert.deepEqual(
      [answer.status, answer.body.detail],
      [422, 'The review breaks a rule of this server (polite).'],
    );
    assert.deepEqual([await told(), await scene.sql('SELECT FROM product_review_history')], [[], []]);
  } finally {
    await scene.sql('ALTER TABLE product_reviews DROP CONSTRAINT polite');
  }
});

test('many decisions on one review at once end as the last line of its history says', async () => {
  await scene.empty();
  const id = await scene.insert();
  const actions = [
    ['hide', { reason: 'spam' }],
    ['publish', {}],
    ['hold', { reason: 'fake' }],
    ['mark_incentivized', {}],
  ] as const;
  const answers = await Promise.all(
    Array.from({ length: 24 }, (_, i) => {
      const [action, more] = actions[i % actions.length] ?? ['publish', {}];
      return untilAvailable(() => decide(id, action, more));
    }),
  );
  assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]));
  const [last] = await scene.sql('SELECT after FROM product_review_history ORDER BY id DESC LIMIT 1');
  const [row] = await scene.sql(
    `SELECT status, superseded_at IS NULL AS shown, coalesce(s.review_count, 0) AS count
       FROM product_reviews LEFT JOIN product_review_stats s USING (product_id) WHERE id = $1`,
    [id],
  );
  const isShown = last.after.status === 'published';
  assert.deepEqual(row, { status: last.after.status, shown: isShown, count: isShown ? 1 : 0 });
  assert.equal((await scene.sql('SELECT FROM product_review_history')).length, 24);
});

test('a decision holds for the next review also when the triggers could not keep up with it', async () => {
  await scene.empty();
  const id = await scene.insert({ rating: 1 });
  const client = new pg.Client({ connectionString: scene.url });
  await client.connect();
  try {
    // Longer than a trigger waits for the stats.
    await client.query(`BEGIN; SELECT FROM product_review_stats WHERE product_id = '1' FOR UPDATE`);
    const answer = await decide(id, 'hide', { reason: 'spam' });
    assert.equal(answer.status, 200);
    assert.equal((await scene.sql('SELECT FROM product_reviews_unsettled')).length > 0, true);
  } finally {
    await client.end();
  }
  await scene.insert({ rating: 2 });
  assert.deepEqual([(await page()).items, (await idsIn('status=hidden')).length], [[], 2]);
});
