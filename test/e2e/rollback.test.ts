/** The switch in deploy/nginx/gogomarket-upstream.conf: back to the backend itself, and to the sidecar again. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { query } from '../../scripts/lab/database.ts';
import { type Stack, stackForTests } from '../support/e2e-stack.ts';

let stack: Stack;
const skip = stackForTests((started) => {
  ({ stack } = started);
});

const REVIEWS = '/api/products/1/reviews';

/** What works whoever answers. */
async function checkBasics(): Promise<string> {
  assert.equal((await stack.ask('/healthz')).status, 200);
  const token = await stack.logIn();
  assert.equal((await stack.ask('/api/auth/me', { token })).json.email, 'buyer@demo.com');
  assert.equal((await stack.ask('/api/orders', { token })).json.length, 1);
  assert.equal((await stack.ask('/api/products')).json.length, 2);
  assert.equal((await stack.ask('/')).status, 200);
  return token;
}

test('the port on one line leads past the sidecar and back, and nothing is lost', { skip }, async () => {
  let token = await checkBasics();
  const posted = await stack.ask(REVIEWS, { method: 'POST', token, json: { rating: 4, text: 'before' } });
  assert.equal(posted.status, 200);

  await stack.nginx.switchTo(stack.backend.port);
  token = await checkBasics();
  assert.equal((await stack.ask(REVIEWS)).status, 404);
  assert.equal((await stack.ask('/api/uploads', { method: 'POST', token, json: {} })).status, 404);
  await writeAsOldModule();

  await stack.nginx.switchTo(stack.sidecar.port);
  token = await checkBasics();
  const { status, json } = await stack.ask(REVIEWS);
  assert.equal(status, 200, JSON.stringify(json));
  assert.deepEqual(
    json.items.map((item: { author_id: string; rating: number }) => [item.author_id, item.rating]),
    [
      ['2', 1],
      ['1', 2],
    ],
  );
  assert.deepEqual(json.summary, { avg_rating: 1.5, count: 2 });
});

/** The earlier Python module, which takes over again: it knows its own columns only, and adds a row every time. */
async function writeAsOldModule(): Promise<void> {
  for (const [author, name, rating] of [
    ['1', 'Anna', 2],
    ['2', 'Boris', 1],
  ]) {
    await query(
      stack.databaseUrl,
      'INSERT INTO product_reviews (product_id, author_id, author_name, rating, text, created_at) VALUES ($1, $2, $3, $4, NULL, now())',
      ['1', author, name, rating],
    );
  }
  const rows = await query(
    stack.databaseUrl,
    'SELECT id, rating, text FROM product_reviews WHERE product_id = $1',
    ['1'],
  );
  assert.equal(rows.length, 3);
}
