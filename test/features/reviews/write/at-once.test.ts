/** Many at once, on several sidecars: exact limits, one review, exact figures, no deadlock. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { type ApiAnswer, api, untilAvailable } from '../../../support/api.ts';
import { statsAgree } from '../../../support/old-reviews.ts';
import { ADMIN, ANNA, type ReviewScene, reviewScene, SELLER, VERA } from '../../../support/review-scene.ts';
import { startSidecar, type TestSidecar } from '../../../support/start-sidecar.ts';
import { startStrictPooler } from '../../../support/strict-pooler.ts';
import { WEBHOOK_SECRET } from '../../../support/webhook-receiver.ts';

let scene: ReviewScene;
let sidecars: TestSidecar[];
const webhook = { EVENTS_WEBHOOK_URL: 'http://127.0.0.1:9/', EVENTS_WEBHOOK_SECRET: WEBHOOK_SECRET };
const FIRST = 1_000;
const MANY = 200;
reviewScene(async (started) => {
  scene = started;
  await scene.sql(
    `INSERT INTO users (id, email, name) SELECT n, 'm' || n, 'M ' || n FROM generate_series(${FIRST}, ${FIRST + MANY - 1}) AS n`,
  );
  const limits = { REVIEWS_WRITES_PER_MINUTE: '5', REVIEWS_VOTES_PER_MINUTE: '3' };
  const env = { DATABASE_URL: scene.url, MIGRATE_ON_START: 'false', ...limits, ...webhook };
  sidecars = [await startSidecar(env), await startSidecar(env)];
}, webhook);
after(() => Promise.all(sidecars.map(({ stop }) => stop())));

const at = (n: number, path: string) => `${sidecars[n % 2]?.url}/api/products/${path}`;
const statuses = (answers: ApiAnswer[]) =>
  Object.fromEntries(
    Map.groupBy(answers, ({ status }) => status)
      .entries()
      .map(([status, { length }]) => [status, length]),
  );
const deadlocks = async () =>
  (await scene.sql('SELECT deadlocks::int FROM pg_stat_database WHERE datname = current_database()'))[0]
    .deadlocks;
const letTimePass = () =>
  scene.sql(
    `UPDATE product_review_pace SET accepted = ARRAY(SELECT moment - interval '61 seconds' FROM unnest(accepted) AS moment)`,
  );

test('a user’s writes in a minute are exactly as many as allowed, however many come at once to however many sidecars', async () => {
  await scene.empty();
  await scene.sql('TRUNCATE product_review_pace');
  const tap = (n: number) => api('POST', at(n, '1/reviews'), { user: ANNA, json: { rating: 1 + (n % 5) } });
  // What is refused does not count.
  for (const json of [{}, { rating: 9 }])
    assert.equal((await api('POST', at(0, '1/reviews'), { user: ANNA, json })).status, 422);
  assert.equal((await api('POST', at(0, '99/reviews'), { user: ANNA, json: { rating: 1 } })).status, 404);
  const answers = await Promise.all(Array.from({ length: 30 }, (_, n) => untilAvailable(() => tap(n))));
  assert.deepEqual(statuses(answers), { 200: 5, 429: 25 });
  const refused = answers.find(({ status }) => status === 429);
  const seconds = Number(refused?.headers.get('retry-after'));
  assert.ok(seconds > 50 && seconds <= 60, `${seconds}`);
  assert.equal(refused?.body.code, 'rate_limited');
  // All kinds of writes share the limit, each user has an own one, votes are counted apart.
  assert.equal((await api('DELETE', at(0, '1/reviews/me'), { user: ANNA })).status, 429);
  const { id } = (await api('POST', at(0, '2/reviews'), { user: VERA, json: { rating: 1 } })).body.review;
  assert.equal(
    (await api('POST', at(1, `2/reviews/${id}/report`), { user: ANNA, json: { reason: 'spam' } })).status,
    429,
  );
  const vote = (n: number) =>
    api(n % 3 === 2 ? 'DELETE' : 'PUT', at(n, `2/reviews/${id}/helpful`), { user: ANNA });
  assert.deepEqual(
    statuses(await Promise.all(Array.from({ length: 9 }, (_, n) => untilAvailable(() => vote(n))))),
    { 200: 3, 429: 6 },
  );
  await letTimePass();
  assert.equal((await api('DELETE', at(1, '1/reviews/me'), { user: ANNA })).status, 200);
});

test('a double tap is one review and one event, and of two devices’ changes none is lost', async () => {
  await scene.empty();
  const json = { rating: 4, text: 'tap', title: 'tap' };
  const taps = await Promise.all(
    Array.from({ length: 20 }, () =>
      untilAvailable(() => scene.ask('POST', 'products/1/reviews', ANNA, json)),
    ),
  );
  assert.deepEqual([statuses(taps), new Set(taps.map(({ body }) => body.review.id)).size], [{ 200: 20 }, 1]);
  assert.deepEqual(await scene.sql('SELECT type FROM sidecar_events'), [{ type: 'review.created' }]);
  const patches = [{ rating: 1 }, { text: 'phone' }, { title: 'tablet' }, { display_name: 'short' }];
  await Promise.all(
    patches.map((patch) => untilAvailable(() => scene.ask('PATCH', 'products/1/reviews/me', ANNA, patch))),
  );
  assert.deepEqual(await scene.sql('SELECT rating, text, title, display_short FROM product_reviews'), [
    { rating: 1, text: 'phone', title: 'tablet', display_short: true },
  ]);
});

test('two hundred writers on one product, who edit, delete, vote and report, leave exact figures and no deadlock', async () => {
  await scene.empty();
  const before = await deadlocks();
  const first = await Promise.all(
    Array.from({ length: MANY }, (_, n) =>
      untilAvailable(() => scene.ask('POST', 'products/1/reviews', FIRST + n, { rating: 1 + (n % 5) })),
    ),
  );
  assert.deepEqual(statuses(first), { 200: MANY });
  const [stats] = await scene.sql(
    `SELECT review_count, rating_sum::int FROM product_review_stats WHERE product_id = '1'`,
  );
  assert.deepEqual(stats, { review_count: MANY, rating_sum: 3 * MANY });
  const target = first[0]?.body.review.id;
  const answers = await Promise.all(
    first.map((_, n) =>
      untilAvailable(() => {
        if (n === 0) return scene.ask('PATCH', 'products/1/reviews/me', FIRST, { rating: 5 });
        if (n % 4 === 1) return scene.ask('DELETE', 'products/1/reviews/me', FIRST + n);
        if (n % 4 === 2) return scene.ask('PATCH', 'products/1/reviews/me', FIRST + n, { rating: 5 });
        if (n % 4 === 3) return scene.ask('PUT', `products/1/reviews/${target}/helpful`, FIRST + n);
        return scene.ask('POST', `products/1/reviews/${target}/report`, FIRST + n, { reason: 'spam' });
      }),
    ),
  );
  assert.deepEqual(statuses(answers), { 200: MANY });
  await statsAgree(scene.url);
  assert.deepEqual(
    await scene.sql('SELECT helpful_count, report_count FROM product_reviews WHERE id = $1', [target]),
    [{ helpful_count: MANY / 4, report_count: MANY / 4 - 1 }],
  );
  const left = await scene.sql('SELECT count(*)::int AS n FROM product_reviews WHERE superseded_at IS NULL');
  assert.deepEqual(left, [{ n: (MANY * 3) / 4 }]);
  assert.equal(await deadlocks(), before);
});

test('votes beside deletions leave none for a review that is gone, and moderation beside edits ends as it was decided', async () => {
  await scene.empty();
  const before = await deadlocks();
  for (let round = 0; round < 5; round += 1) {
    const { id } = (await scene.ask('POST', 'products/1/reviews', ANNA, { rating: 5 })).body.review;
    const answers = await Promise.all([
      ...Array.from({ length: 10 }, (_, n) =>
        scene.ask('PUT', `products/1/reviews/${id}/helpful`, FIRST + n),
      ),
      scene.ask('PUT', `products/1/reviews/${id}/reply`, SELLER, { text: 'x' }),
      scene.ask('DELETE', 'products/1/reviews/me', ANNA),
    ]);
    assert.ok(answers.every(({ status }) => status === 200 || status === 404));
    assert.deepEqual(await scene.sql('SELECT * FROM product_review_votes'), []);
    const other = (await scene.ask('POST', 'products/2/reviews', VERA, { rating: 5 })).body.review.id;
    const hide = { action: 'hide', reason: 'spam' };
    const [hidden, ...edits] = await Promise.all([
      scene.ask('POST', `product-reviews/${other}/moderation`, ADMIN, hide),
      ...[1, 2, 3].map((rating) =>
        scene.ask('PATCH', 'products/2/reviews/me', VERA, { rating, text: `${round}` }),
      ),
    ]);
    assert.deepEqual([hidden.status, ...edits.map(({ status }) => status)], [200, 200, 200, 200]);
    const [row] = await scene.sql(`SELECT status, text FROM product_reviews WHERE id = $1`, [other]);
    assert.deepEqual(row, { status: 'hidden', text: `${round}` });
  }
  await statsAgree(scene.url);
  assert.equal(await deadlocks(), before);
});

test('through a pooler that keeps the database’s own isolation level a review that had to wait is an edit as well', async (t) => {
  await scene.empty();
  const pooler = await startStrictPooler(scene.server.port);
  const name = new URL(scene.url).pathname.slice(1);
  await scene.sql(`ALTER DATABASE ${name} SET default_transaction_isolation = 'repeatable read'`);
  const through = scene.url.replace(/:\d+\//, `:${pooler.port}/`);
  const sidecar = await startSidecar({ DATABASE_URL: through, MIGRATE_ON_START: 'false' });
  t.after(async () => {
    await sidecar.stop();
    pooler.stop();
    await scene.sql(`ALTER DATABASE ${name} RESET default_transaction_isolation`);
  });
  // Somebody's insert is under way: what it has made must be seen by whoever has waited for it.
  const other = new pg.Client({ connectionString: scene.url });
  await other.connect();
  await other.query('BEGIN ISOLATION LEVEL READ COMMITTED');
  await other.query(
    `INSERT INTO product_reviews (product_id, author_id, author_name, rating) VALUES ('1', '${ANNA}', 'Anna', 1)`,
  );
  const posting = api('POST', `${sidecar.url}/api/products/1/reviews`, { user: ANNA, json: { rating: 5 } });
  const waiting = `SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`;
  while ((await scene.sql(waiting)).length === 0) await sleep(20);
  await other.query('COMMIT');
  await other.end();
  const posted = await posting;
  assert.deepEqual([posted.status, posted.body.review.rating, posted.body.summary.count], [200, 5, 1]);
  assert.deepEqual(await scene.sql('SELECT rating FROM product_reviews'), [{ rating: 5 }]);
  assert.ok(pooler.refused() > 0);
  await statsAgree(scene.url);
});

test('a write that has to wait too long is 503, and has not happened', async () => {
  await scene.empty();
  const { id } = (await scene.ask('POST', 'products/1/reviews', ANNA, { rating: 5 })).body.review;
  const client = new pg.Client({ connectionString: scene.url });
  await client.connect();
  await client.query('BEGIN; SELECT FROM product_reviews FOR UPDATE');
  const answers = await Promise.all([
    scene.ask('PATCH', 'products/1/reviews/me', ANNA, { rating: 1 }),
    scene.ask('PUT', `products/1/reviews/${id}/helpful`, VERA),
    scene.ask('POST', `products/1/reviews/${id}/report`, VERA, { reason: 'spam' }),
    scene.ask('PUT', `products/1/reviews/${id}/reply`, SELLER, { text: 'x' }),
    scene.ask('DELETE', 'products/1/reviews/me', ANNA),
  ]);
  assert.deepEqual(statuses(answers), { 503: 5 });
  await client.end();
  const [row] = await scene.sql('SELECT rating, helpful_count, report_count, reply FROM product_reviews');
  assert.deepEqual(row, { rating: 5, helpful_count: null, report_count: null, reply: null });
  assert.deepEqual(await scene.sql('SELECT type FROM sidecar_events'), [{ type: 'review.created' }]);
});

test('a database without the backend’s tables takes reviews, votes and reports of anybody', async (t) => {
  const url = await scene.server.createDatabase();
  const sidecar = await startSidecar({ DATABASE_URL: url });
  t.after(sidecar.stop);
  const ask = (method: string, path: string, user: number, json?: unknown) =>
    api(method, `${sidecar.url}/api/products/any/reviews${path}`, { user, ...(json ? { json } : {}) });
  const posted = await untilAvailable(() => ask('POST', '', 70, { rating: 4, title: 'alone' }));
  const { id, verified_purchase, author_name } = posted.body.review;
  assert.deepEqual([posted.status, verified_purchase, author_name], [200, false, 'User 70']);
  assert.equal((await ask('PATCH', '/me', 70, { rating: 5 })).body.review.rating, 5);
  assert.deepEqual((await ask('PUT', `/${id}/helpful`, 71)).body, { helpful_count: 1 });
  assert.deepEqual((await ask('POST', `/${id}/report`, 71, { reason: 'spam' })).body, { reported: true });
  assert.equal((await ask('PUT', `/${id}/reply`, 71, { text: 'x' })).status, 403);
  assert.deepEqual((await ask('GET', '/me', 71)).body.helpful_ids, [id]);
  assert.equal((await ask('DELETE', '/me', 70)).body.summary.count, 0);
});
