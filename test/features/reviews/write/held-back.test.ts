/** What is not shown: reviews that wait (REVIEWS_MODERATION=pre), and those with blocked words. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { makeScratchFolder } from '../../../../scripts/lab/scratch-folder.ts';
import { api } from '../../../support/api.ts';
import { ADMIN, ANNA, type ReviewScene, reviewScene, VERA } from '../../../support/review-scene.ts';
import { startSidecar, type TestSidecar } from '../../../support/start-sidecar.ts';

let scene: ReviewScene;
let pre: TestSidecar;
let strict: TestSidecar;
let preWithoutWords: TestSidecar;
/** No limit of writes a minute. */
let unhurried: TestSidecar;
const folder = makeScratchFolder('words');
reviewScene(async (started) => {
  scene = started;
  const words = folder.at('words.txt');
  writeFileSync(words, '# rude\noʻgʻri\nбрак товара\n');
  const env = { DATABASE_URL: scene.url, MIGRATE_ON_START: 'false' };
  pre = await startSidecar({ ...env, REVIEWS_MODERATION: 'pre', REVIEWS_BLOCKED_WORDS_FILE: words });
  strict = await startSidecar({ ...env, REVIEWS_BLOCKED_WORDS_FILE: words });
  preWithoutWords = await startSidecar({ ...env, REVIEWS_MODERATION: 'pre' });
  unhurried = await startSidecar({
    ...env,
    REVIEWS_BLOCKED_WORDS_FILE: words,
    REVIEWS_WRITES_PER_MINUTE: '0',
  });
});
after(() => Promise.all([pre, strict, preWithoutWords, unhurried].map((sidecar) => sidecar.stop())));

const ask = (at: TestSidecar, method: string, path: string, user?: number, json?: unknown) =>
  api(method, `${at.url}/api/${path}`, { ...(user ? { user } : {}), ...(json ? { json } : {}) });
const post = (at: TestSidecar, user: number, json: unknown) =>
  ask(at, 'POST', 'products/1/reviews', user, json);
const patch = (at: TestSidecar, user: number, json: unknown) =>
  ask(at, 'PATCH', 'products/1/reviews/me', user, json);
const texts = async () =>
  (await ask(pre, 'GET', 'products/1/reviews')).body.items.map(({ text }: { text: string }) => text);
const decide = (id: number, action: string) =>
  ask(pre, 'POST', `product-reviews/${id}/moderation`, ADMIN, { action });

test('with REVIEWS_MODERATION=pre a new review waits, and is shown when an admin has published it', async () => {
  await scene.empty();
  const { review, summary, code } = (await post(pre, ANNA, { rating: 4, text: 'first' })).body;
  assert.deepEqual([review.status, summary.count, code], ['pending', 0, undefined]);
  assert.deepEqual(await texts(), []);
  const edited = (await post(pre, ANNA, { rating: 5, text: 'better' })).body.review;
  assert.deepEqual(
    [edited.id, edited.status, edited.text, edited.pending_edit],
    [review.id, 'pending', 'better', null],
  );
  assert.equal((await decide(review.id, 'publish')).status, 200);
  assert.deepEqual(await texts(), ['better']);
});

test('its edit waits beside what is shown, which stays; parts of an edit add up; the same as shown takes it back', async () => {
  await scene.empty();
  const { id } = (await post(strict, ANNA, { rating: 4, text: 'shown', title: 'title' })).body.review;
  const first = (await post(pre, ANNA, { rating: 1, text: 'waits' })).body;
  assert.deepEqual(
    [first.review.status, first.review.text, first.review.rating, first.review.edited_at],
    ['published', 'shown', 4, null],
  );
  assert.deepEqual(first.review.pending_edit, { rating: 1, title: 'title', text: 'waits', media: [] });
  assert.deepEqual([first.summary.avg_rating, await texts()], [4, ['shown']]);
  const more = (await patch(pre, ANNA, { title: null })).body.review;
  assert.deepEqual(more.pending_edit, { rating: 1, title: null, text: 'waits', media: [] });
  const back = (await post(pre, ANNA, { rating: 4, text: 'shown', title: 'title' })).body.review;
  assert.equal(back.pending_edit, null);
  await patch(pre, ANNA, { text: 'last', display_name: 'short' });
  await decide(id, 'publish');
  assert.deepEqual(await texts(), ['last']);
});

test('the old module’s rows wait as well, beside what was shown before, and until the setting goes back', async () => {
  await scene.empty();
  const setting = () => scene.sql('SELECT moderation FROM product_review_settings');
  // Each writes its own as it starts.
  const waiting = await startSidecar({ DATABASE_URL: scene.url, REVIEWS_MODERATION: 'pre' });
  while ((await setting())[0]?.moderation !== 'pre') await sleep(20);
  await waiting.stop();
  await scene.sql('DELETE FROM product_reviews');
  await post(strict, ANNA, { rating: 4, text: 'shown' });
  await scene.insert({ text: 'old module' });
  assert.deepEqual(await texts(), ['shown']);
  const shown = await startSidecar({ DATABASE_URL: scene.url });
  while ((await setting())[0]?.moderation !== 'post') await sleep(20);
  await shown.stop();
  await scene.insert({ author_id: String(VERA), text: 'vera' });
  assert.deepEqual(await texts(), ['vera', 'shown']);
});

test('a blocked word holds a new or edited review, the whole of it, and says so', async () => {
  await scene.empty();
  const held = await post(strict, ANNA, { rating: 1, text: 'U O’G‘RI!' });
  assert.deepEqual(
    [held.status, held.body.code, held.body.review.status, held.body.review.reason, held.body.summary.count],
    [200, 'held', 'held', 'blocked_words', 0],
  );
  const { id } = (await post(strict, VERA, { rating: 5, text: 'fine' })).body.review;
  const edited = (await patch(strict, VERA, { title: 'Брак  ТОВАРА' })).body;
  assert.deepEqual(
    [edited.code, edited.review.id, edited.review.status, edited.summary.count],
    ['held', id, 'held', 0],
  );
  assert.deepEqual(await texts(), []);
  // An edit without them does not bring it back.
  assert.equal((await patch(strict, VERA, { title: 'fine' })).body.review.status, 'held');
  const [line] = await scene.sql(
    'SELECT actor_id, action, reason, before FROM product_review_history WHERE review_id = $1',
    [id],
  );
  assert.deepEqual(line, {
    actor_id: null,
    action: 'hold',
    reason: 'blocked_words',
    before: { status: 'published' },
  });
  await decide(id, 'publish');
  assert.deepEqual(await texts(), ['fine']);
});

test('a blocked word holds what is shown although edits wait, and a hidden one stays hidden', async () => {
  await scene.empty();
  const { id } = (await post(strict, ANNA, { rating: 4, text: 'shown' })).body.review;
  const { review } = (await patch(pre, ANNA, { text: 'oʻgʻri' })).body;
  assert.deepEqual([review.status, review.text, review.pending_edit], ['held', 'oʻgʻri', null]);
  assert.deepEqual(await texts(), []);
  await ask(pre, 'POST', `product-reviews/${id}/moderation`, ADMIN, { action: 'hide', reason: 'spam' });
  const hidden = (await patch(pre, ANNA, { text: 'o`g`ri' })).body;
  assert.deepEqual([hidden.review.status, hidden.review.reason, hidden.code], ['hidden', 'spam', undefined]);
});

test('an edit of one part is judged with the other parts of the review, also those of an edit that waits', async () => {
  await scene.empty();
  // The word is older than the list of words.
  const { id } = (
    await ask(scene.sidecar, 'POST', 'products/1/reviews', ANNA, {
      rating: 4,
      text: 'fine',
      title: 'брак товара',
    })
  ).body.review;
  const held = async (answer: Promise<{ body: { code?: string; review: { status: string } } }>) => {
    const { code, review } = (await answer).body;
    return [code, review.status];
  };
  for (const json of [{ rating: 5 }, { text: 'better' }, { display_name: 'short' }]) {
    assert.deepEqual(await held(patch(strict, ANNA, json)), ['held', 'held'], JSON.stringify(json));
    await decide(id, 'publish');
  }
  // What POST leaves out of a review stays as well.
  assert.deepEqual(await held(post(strict, ANNA, { rating: 3, text: 'fine' })), ['held', 'held']);
  await decide(id, 'publish');
  assert.deepEqual(await held(patch(strict, ANNA, { title: null })), [undefined, 'published']);

  await ask(preWithoutWords, 'PATCH', 'products/1/reviews/me', ANNA, { title: 'брак товара' });
  assert.deepEqual(await held(patch(pre, ANNA, { text: 'waits' })), ['held', 'held']);
});

test('many edits of one review at once, each judged with what the others have left, are all answered', async () => {
  for (let round = 0; round < 5; round += 1) {
    await scene.empty();
    await post(strict, ANNA, { rating: 4, text: 'fine', title: 'fine' });
    const parts = Array.from({ length: 12 }, (_, n) => (n % 2 === 0 ? { title: `${n}` } : { text: `${n}` }));
    const answers = await Promise.all(
      [{ title: 'брак товара' }, ...parts].map((json) => patch(unhurried, ANNA, json)),
    );
    assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200]);
    assert.equal((await patch(unhurried, ANNA, { rating: 1 })).body.review.status, 'held');
  }
});
