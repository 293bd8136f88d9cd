/** The author is looked at by the statement that writes: nobody writes who could not have written before. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { usingDatabase } from '../../../../scripts/lab/database.ts';
import { createEventWriter } from '../../../../src/features/events/writer.ts';
import { createReviewViews } from '../../../../src/features/reviews/view.ts';
import { createPerformAsNamed } from '../../../../src/features/reviews/write/perform.ts';
import { createUserDirectory } from '../../../../src/infra/user-directory.ts';
import { ANNA, type ReviewScene, reviewScene } from '../../../support/review-scene.ts';

let scene: ReviewScene;
reviewScene((started) => {
  scene = started;
});

const ask = (method: 'POST' | 'PATCH', user: number, json: unknown, product = 1) =>
  scene.ask(method, `products/${product}/reviews${method === 'PATCH' ? '/me' : ''}`, user, json);
const BLOCKED = 30;
const INACTIVE = 31;

test('whom the shop does not welcome writes nothing, and is told so whatever else is wrong', async () => {
  await scene.sql(`INSERT INTO users (id, name, is_blocked, is_active)
                   VALUES (${BLOCKED}, 'B', true, true), (${INACTIVE}, 'I', false, false)`);
  const nobodies = [
    [BLOCKED, 403, 'This account is blocked.'],
    [INACTIVE, 403, 'This account is not active.'],
    [2 ** 31 - 1, 401, 'User not found'],
    [2 ** 31, 401, 'User not found'],
  ] as const;
  for (const [user, status, detail] of nobodies)
    for (const method of ['POST', 'PATCH'] as const)
      for (const [json, product] of [
        [{ rating: 5 }, 1],
        [{ rating: 6 }, 1],
        [{ rating: 5 }, 4711],
      ] as const) {
        const answer = await ask(method, user, json, product);
        assert.deepEqual([answer.status, answer.body.detail], [status, detail]);
      }
  assert.deepEqual(await scene.sql('SELECT FROM product_reviews'), []);
});

test('a welcome author without a name is named by the number, as everywhere; a block takes effect with the next edit', async () => {
  await scene.sql(`UPDATE users SET name = '  ', is_blocked = NULL, is_active = NULL WHERE id = ${INACTIVE}`);
  assert.equal((await ask('POST', INACTIVE, { rating: 5 })).status, 200);
  const stored = await scene.sql('SELECT author_name, rating FROM product_reviews');
  assert.deepEqual(stored, [{ author_name: `User ${INACTIVE}`, rating: 5 }]);
  await scene.sql(`UPDATE users SET is_blocked = true WHERE id = ${INACTIVE}`);
  assert.equal((await ask('PATCH', INACTIVE, { rating: 1 })).status, 403);
  assert.equal((await scene.sql('SELECT rating FROM product_reviews'))[0].rating, 5);
});

test('a review is one round trip to PostgreSQL, an edit and a refusal as well', () =>
  usingDatabase(scene.url, async (database) => {
    const sent: string[] = [];
    const users = createUserDirectory({
      ...database,
      query(statement, options) {
        sent.push(statement.name);
        return database.query(statement, options);
      },
    });
    const views = createReviewViews(database, null);
    const perform = createPerformAsNamed({ views, sink: createEventWriter(false) }, users.runFor);
    const rules = { per_minute: 2, require_purchase: false, moderation: 'post', must_exist: false };
    const untilMs = performance.now() + 60_000;
    const write = (rating: number) => perform(ANNA, ['3', JSON.stringify({ rating })], rules, untilMs);
    assert.equal(await write(5), null, 'not before users have been seen');
    await users.find(ANNA, untilMs);
    sent.length = 0;
    for (const rating of [5, 4]) assert.equal(JSON.parse((await write(rating))?.review ?? '').rating, rating);
    await assert.rejects(write(3), { status: 429 });
    assert.deepEqual(sent, Array(3).fill('review_as_named'));
  }));
