/** What the tests' own look at answers finds (support/described-answer.ts), and what it leaves alone. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertDescribed, type Exchange } from './support/described-answer.ts';

const described = { 'x-request-id': 'x', 'cache-control': 'no-store', 'content-type': 'application/json' };
const seen = (exchange: Partial<Exchange>, headers: Record<string, string> = {}): Exchange => ({
  ...{ method: 'PUT', url: 'http://127.0.0.1/api/products/1/reviews/7/helpful', requestHeaders: {} },
  ...{
    json: undefined,
    status: 200,
    headers: new Headers({ ...described, ...headers }),
    body: { helpful_count: 3 },
  },
  ...exchange,
});
const OWN_REVIEW = { status: 403, body: { detail: 'This is your own review.', code: 'own_review' } };

test('answers that are described pass', () => {
  assertDescribed(seen({}));
  assertDescribed(seen(OWN_REVIEW));
});

for (const [what, exchange] of Object.entries({
  'a status': seen({ status: 201 }),
  'a field': seen({ body: { helpful_count: 3, mood: 'good' } }),
  'a field that is missing': seen({ body: {} }),
  'a value': seen({ body: { helpful_count: -1 } }),
  'a code': seen({ ...OWN_REVIEW, body: { ...OWN_REVIEW.body, code: 'sulking' } }),
  'a header': seen({}, { 'x-mood': 'good' }),
  'the value of a header': seen({}, { 'cache-control': 'public' }),
  'a body that is no JSON': seen({ body: 'three' }, { 'content-type': 'text/plain' }),
  'a request that should not have been accepted': seen({
    ...{ method: 'GET', url: 'http://127.0.0.1/api/product-reviews/awaiting?limit=201' },
    body: { items: [], next_cursor: null },
  }),
})) {
  test(`${what} that docs/openapi.json does not describe is found`, () => {
    assert.throws(() => assertDescribed(exchange), /^Error: docs\/openapi\.json does not describe/);
  });
}

test('what the backend answers is left alone, through the sidecar or not', () => {
  assertDescribed(seen({ method: 'PATCH', status: 418 }));
  assertDescribed(seen({ url: 'http://127.0.0.1/api/products/1', status: 418 }));
  assertDescribed({ ...seen({ status: 418 }), headers: new Headers() });
});
