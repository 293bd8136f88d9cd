/** CORS where only some origins are allowed. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { api } from '../support/api.ts';
import { startSidecar, type TestSidecar } from '../support/start-sidecar.ts';

const ALLOWED = 'https://shop.example.com';
let sidecar: TestSidecar;

before(async () => {
  sidecar = await startSidecar({ CORS_ALLOW_ORIGINS: ALLOWED });
});

after(() => sidecar.stop());

const preflight = (origin: string) =>
  api('OPTIONS', `${sidecar.url}/api/uploads`, {
    headers: { origin, 'access-control-request-method': 'POST' },
  });

test('a preflight of another origin is refused as our errors are, with a detail', async () => {
  const refused = await preflight('https://other.example.com');
  assert.deepEqual(
    [refused.status, refused.body],
    [400, { detail: 'Disallowed CORS origin', code: 'disallowed_origin' }],
  );
  assert.equal(refused.headers.get('access-control-allow-origin'), null);
  assert.equal((await preflight(ALLOWED)).headers.get('access-control-allow-origin'), ALLOWED);
});

test('a page that is allowed may read when to try again', async () => {
  const ask = (origin: string) =>
    api('GET', `${sidecar.url}/api/products/1/reviews`, { headers: { origin } });
  const answer = await ask(ALLOWED);
  const exposed = (headers: Headers) => headers.get('access-control-expose-headers');
  assert.deepEqual(
    [answer.status, answer.headers.get('retry-after'), exposed(answer.headers)],
    [...[503, '1', 'Retry-After']],
  );
  assert.equal(exposed((await ask('https://other.example.com')).headers), null);
});
