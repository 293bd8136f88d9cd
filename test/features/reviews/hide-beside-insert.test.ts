/** A moderator keeps a review back while the old module, which knows nothing of that, writes another one of the same author's. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import pg from 'pg';
import { until } from '../../../scripts/lab/programs.ts';
import { ADMIN, ANNA, type ReviewScene, reviewScene } from '../../support/review-scene.ts';
import { WEBHOOK_SECRET } from '../../support/webhook-receiver.ts';

let scene: ReviewScene;
reviewScene(
  (started) => {
    scene = started;
  },
  { EVENTS_WEBHOOK_URL: 'http://127.0.0.1:9/', EVENTS_WEBHOOK_SECRET: WEBHOOK_SECRET },
);

const hide = (id: number) =>
  scene.ask('POST', `product-reviews/${id}/moderation`, ADMIN, { action: 'hide', reason: 'spam' });
const shown = async () => {
  const { items, summary } = (await scene.ask('GET', 'products/1/reviews')).body;
  return [items.length, summary.count];
};
const statuses = async () =>
  (await scene.sql('SELECT status FROM product_reviews ORDER BY id')).map(({ status }) => status);
const waiting = async () =>
  (
    await scene.sql(
      `SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`,
    )
  ).length;

async function inSession<T>(work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: scene.url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

test('what the old module inserts while a decision is under way is kept back by it', async () => {
  await scene.empty();
  const id = await scene.insert();
  const [answer] = await inSession(async (blocker) => {
    // What a decision does last: it has changed the review by now, and nobody sees that.
    await blocker.query('BEGIN; LOCK TABLE product_review_history IN EXCLUSIVE MODE');
    const hiding = hide(id);
    await until('the decision to wait', async () => (await waiting()) === 1);
    let isInserted = false;
    const inserting = scene.insert({ text: 'meanwhile' }).finally(() => {
      isInserted = true;
    });
    // It waits for its author's turn, and after half a second makes a note instead.
    await until('the insert to wait', async () => isInserted || (await waiting()) === 2);
    await blocker.query('COMMIT');
    return Promise.all([hiding, inserting]);
  });
  assert.equal(answer.status, 200);
  assert.deepEqual(await shown(), [0, 0]);
  assert.deepEqual(await statuses(), ['hidden', 'hidden']);
});

test('so is what it inserts with a snapshot from before the decision', async () => {
  await scene.empty();
  const id = await scene.insert();
  await inSession(async (client) => {
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT FROM product_reviews');
    assert.equal((await hide(id)).status, 200);
    await client.query(
      `INSERT INTO product_reviews (product_id, author_id, author_name, rating) VALUES ('1', '${ANNA}', 'Anna', 1)`,
    );
    await client.query('COMMIT');
  });
  assert.deepEqual(await shown(), [0, 0]);
  assert.deepEqual(await statuses(), ['hidden', 'hidden']);
});

test('and what it had inserted a moment before: with its own line in the history, its own event', async () => {
  await scene.empty();
  const id = await scene.insert();
  const newer = await scene.insert({ text: 'a moment before' });
  assert.equal((await hide(id)).body.review.id, id);
  assert.deepEqual(await shown(), [0, 0]);
  assert.deepEqual(await statuses(), ['hidden', 'hidden']);
  const both = [`review:${id}`, `review:${newer}`];
  const lines = await scene.sql(
    `SELECT 'review:' || review_id AS review FROM product_review_history ORDER BY id`,
  );
  assert.deepEqual(
    lines.map(({ review }) => review),
    both,
  );
  const events = await scene.sql('SELECT type, subject FROM sidecar_events ORDER BY seq');
  assert.deepEqual(
    events,
    both.map((subject) => ({ type: 'review.hidden', subject })),
  );
  // Published, the newer one is shown again.
  await scene.ask('POST', `product-reviews/${newer}/moderation`, ADMIN, { action: 'publish' });
  assert.deepEqual(await shown(), [1, 1]);
});
