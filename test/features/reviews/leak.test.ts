/** What is not published appears in no answer to anybody but its author and admins, whatever the route. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { reviewRoutes } from '../../../src/features/reviews/routes.ts';
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

const MARK = 'quoxzle';
let scene: ReviewScene;
reviewScene(
  (started) => {
    scene = started;
  },
  { EVENTS_WEBHOOK_URL: 'http://127.0.0.1:9/', EVENTS_WEBHOOK_SECRET: WEBHOOK_SECRET },
);

/** Reviews of product 1 by authors of their own, in each status that is not shown, and an edit that waits. */
async function hiddenThings(): Promise<{ kept: number[]; shown: number; edited: number }> {
  await scene.empty();
  await scene.sql(
    `INSERT INTO users (id, email, name) SELECT n, 'h' || n, 'H' FROM generate_series(50, 53) AS n ON CONFLICT DO NOTHING`,
  );
  const media = JSON.stringify([
    {
      upload_id: '140da8a4-0000-4000-8000-000000000000',
      type: 'image',
      key: MARK,
      content_type: 'image/png',
    },
  ]);
  const kept: number[] = [];
  for (const [n, status] of ['pending', 'held', 'hidden'].entries()) {
    const row = { author_id: String(50 + n), author_name: MARK, rating: 1, text: MARK, title: MARK, media };
    const reply = JSON.stringify({
      text: MARK,
      created_at: '2026-01-01T00:00:00.000Z',
      edited_at: null,
      author_id: SELLER,
    });
    kept.push(await scene.insert({ ...row, status, status_reason: 'spam', reply }));
  }
  const edit = JSON.stringify({ rating: 1, text: MARK, title: MARK, media: null });
  const edited = await scene.insert({ author_id: '53', text: 'shown', pending_edit: edit, rating: 5 });
  const shown = await scene.insert({ author_id: String(VERA), text: 'shown', rating: 5, report_count: 1 });
  for (const id of [...kept, shown]) {
    await scene.sql(
      `INSERT INTO product_review_reports (review_id, user_id, reason, note) VALUES ($1, 52, 'spam', '${MARK}')`,
      [id],
    );
    await scene.sql(
      `INSERT INTO product_review_history (review_id, product_id, actor_id, action, note) VALUES ($1, '1', ${ADMIN}, 'hide', '${MARK}')`,
      [id],
    );
    await scene.sql(
      `INSERT INTO product_review_votes (review_id, user_id, product_id) VALUES ($1, ${ANNA}, '1')`,
      [id],
    );
  }
  await scene.sql(
    `INSERT INTO product_review_appeals (review_id, author_id, text) VALUES ($1, '52', '${MARK}')`,
    [kept[2]],
  );
  return { kept, shown, edited };
}

/** What each route is sent; a route that is missing here fails the test. */
const BODIES: Readonly<Record<string, unknown>> = {
  'POST /api/products/:productId/reviews': { rating: 3 },
  'PATCH /api/products/:productId/reviews/me': { rating: 2 },
  'POST /api/products/:productId/reviews/:reviewId/report': { reason: 'spam' },
  'PUT /api/products/:productId/reviews/:reviewId/reply': { text: 'x' },
  'POST /api/product-reviews/:reviewId/appeal': { text: 'x' },
  'POST /api/product-reviews/:reviewId/moderation': { action: 'publish' },
};
const QUERIES: Readonly<Record<string, readonly string[]>> = {
  'GET /api/products/:productId/reviews': [
    '',
    '?rating=1',
    '?sort=lowest',
    '?has_media=1',
    '?sort=helpful',
    '?limit=1',
  ],
  'GET /api/product-reviews/summary': ['?product_ids=1'],
  'GET /api/product-reviews/moderation': [
    '?status=held',
    '?status=hidden',
    '?status=pending',
    '?status=reported',
  ],
};

// Nothing of it is called: the paths are what is looked at.
const routes = reviewRoutes({ settings: { blockedWords: [] } } as never).filter(
  ({ method }) => method !== 'HEAD',
);

test('nobody but its author and admins is told anything of what is not published', async () => {
  const { kept, shown, edited } = await hiddenThings();
  const asked: string[] = [];
  for (const { method, path } of routes) {
    const name = `${method} ${path}`;
    if (method !== 'GET' && method !== 'DELETE' && !name.endsWith('/helpful'))
      assert.ok(name in BODIES, `${name} is not in this test`);
    const parameter = path.split('/').find((part) => part.startsWith(':') && part !== ':productId');
    for (const id of parameter === undefined ? [shown] : [...kept, edited, shown]) {
      for (const query of QUERIES[name] ?? ['']) {
        for (const user of [undefined, ANNA, SELLER, OTHER_SELLER]) {
          const at = path
            .replace(':productId', '1')
            .replace(parameter ?? ' ', String(id))
            .replace('/api/', '');
          const { status, body } = await scene.ask(method, at + query, user, BODIES[name]);
          assert.ok(status < 500, `${method} ${at} ${status}`);
          assert.ok(
            !JSON.stringify(body).includes(MARK),
            `${method} ${at}${query} as ${user}: ${JSON.stringify(body)}`,
          );
          asked.push(`${status}`);
        }
      }
    }
  }
  assert.ok(asked.filter((status) => status === '200').length > 30, asked.join(' '));
});

test('nor do the figures, or the votes of whoever asks', async () => {
  const { shown } = await hiddenThings();
  const { items, summary } = (await scene.ask('GET', 'products/1/reviews')).body;
  assert.deepEqual([items.length, summary.count, summary.avg_rating], [2, 2, 5]);
  assert.deepEqual((await scene.ask('GET', 'products/1/reviews/me', ANNA)).body.helpful_ids, [shown]);
});

test('its author, and admins, see it: the mark is what is looked for', async () => {
  const { kept } = await hiddenThings();
  for (const [n] of kept.entries())
    assert.match(JSON.stringify((await scene.ask('GET', 'products/1/reviews/me', 50 + n)).body), /quoxzle/);
  for (const status of ['pending', 'held', 'hidden', 'reported'])
    assert.match(
      JSON.stringify((await scene.ask('GET', `product-reviews/moderation?status=${status}`, ADMIN)).body),
      /quoxzle/,
    );
});

test('events show of it what everybody would see, and its status', async () => {
  await scene.empty();
  await scene.ask('POST', 'products/1/reviews', ANNA, { rating: 5, text: 'x' });
  const [{ data }] = await scene.sql('SELECT data FROM sidecar_events');
  for (const name of ['status', 'reason', 'pending_edit']) assert.ok(!(name in data.review), name);
});
