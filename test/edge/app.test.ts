/** What the edge answers by itself: CORS, errors, health, the log. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { connectRaw, exchangeRaw } from '../../scripts/lab/raw-connection.ts';
import {
  answering,
  ok,
  type ScriptedBackend,
  startScriptedBackend,
} from '../../scripts/lab/scripted-backend.ts';
import { api } from '../support/api.ts';
import { startSidecar, type TestSidecar } from '../support/start-sidecar.ts';

let backend: ScriptedBackend;
let sidecar: TestSidecar;

before(async () => {
  backend = await startScriptedBackend(answering(ok('from the backend', 'x-backend: 1\r\n')));
  sidecar = await startSidecar({ BACKEND_URL: backend.url });
});

after(async () => {
  await sidecar.stop();
  await backend.stop();
});

const ORIGIN = 'https://shop.example.com';

test('a preflight for a route of ours is answered here, as the backend would', async () => {
  const answer = await api('OPTIONS', `${sidecar.url}/api/uploads`, {
    headers: {
      origin: ORIGIN,
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'authorization,content-type',
    },
  });
  assert.equal(answer.status, 200);
  assert.equal(answer.headers.get('x-backend'), null);
  assert.equal(answer.headers.get('access-control-allow-origin'), ORIGIN);
  assert.equal(answer.headers.get('access-control-allow-credentials'), 'true');
  assert.equal(answer.headers.get('access-control-allow-headers'), 'authorization,content-type');
  assert.match(answer.headers.get('access-control-allow-methods') ?? '', /POST/);
  assert.equal(answer.headers.get('access-control-max-age'), '600');
});

test('any other OPTIONS is the backend’s', async () => {
  for (const headers of [
    { origin: ORIGIN, 'access-control-request-method': 'PUT' },
    { origin: ORIGIN },
    { 'access-control-request-method': 'POST' },
  ]) {
    assert.equal((await api('OPTIONS', `${sidecar.url}/api/uploads`, { headers })).body, 'from the backend');
  }
  assert.equal((await api('OPTIONS', `${sidecar.url}/apix`)).status, 404);
});

test('errors of ours carry the CORS headers, so that a browser can read them', async () => {
  for (const [method, path, status] of [
    ['POST', '/api/uploads', 501],
    ['GET', '/api/products/1/reviews', 503],
    ['GET', '/nope', 404],
  ] as const) {
    const answer = await api(method, `${sidecar.url}${path}`, { headers: { origin: ORIGIN } });
    assert.equal(answer.status, status);
    assert.equal(answer.headers.get('access-control-allow-origin'), ORIGIN);
    assert.equal(typeof answer.body.detail, 'string');
  }
});

test('CORS_ALLOW_ORIGINS limits who may read', async () => {
  const strict = await startSidecar({ BACKEND_URL: backend.url, CORS_ALLOW_ORIGINS: ORIGIN });
  const preflight = (origin: string) =>
    api('OPTIONS', `${strict.url}/api/uploads`, {
      headers: { origin, 'access-control-request-method': 'POST' },
    });
  assert.equal((await preflight(ORIGIN)).status, 200);
  const other = await preflight('https://evil.example.com');
  assert.deepEqual([other.status, other.headers.get('access-control-allow-origin')], [400, null]);
  await strict.stop();
});

test('ambiguous and escaping paths are 400 with a sentence, and nothing reaches the backend', async () => {
  for (const path of ['/api/%75ploads', '/api/products/1%2Freviews', '/api/x/../uploads', '/api/../etc']) {
    const answer = await exchangeRaw(
      sidecar.port,
      `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n`,
    );
    assert.match(answer.startLine, /400/, path);
    assert.equal(typeof JSON.parse(answer.body).detail, 'string');
  }
});

test('a path that is nobody’s is 404 whatever its spelling, and the connection goes on', async () => {
  const client = await connectRaw(sidecar.port);
  for (const target of [
    '//api/p',
    '//evil.example.com/api/x',
    '/../x',
    '/%2e%2e/%zz',
    '/x#y',
    'http://a',
    'http://a?x',
  ]) {
    const answer = await client.send(`GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`).message();
    assert.match(answer.startLine, / 404 /, target);
    assert.deepEqual(JSON.parse(answer.body), { detail: 'Not Found', code: 'not_found' });
  }
  assert.equal(
    (await client.send('GET /api/x HTTP/1.1\r\nHost: a\r\n\r\n').message()).body,
    'from the backend',
  );
  client.destroy();
});

test('a path that is nobody’s is 404 {"detail":"Not Found"}', async () => {
  const answer = await api('GET', `${sidecar.url}/`);
  assert.deepEqual([answer.status, answer.body], [404, { detail: 'Not Found', code: 'not_found' }]);
});

test('/livez and /readyz answer GET and HEAD', async () => {
  assert.deepEqual((await api('GET', `${sidecar.url}/livez`)).body, { status: 'ok' });
  assert.equal((await api('HEAD', `${sidecar.url}/livez`)).status, 200);
  const ready = await api('GET', `${sidecar.url}/readyz`);
  assert.deepEqual(
    [ready.status, ready.body.checks],
    [503, { backend: 'ok', database: 'down', storage: 'not configured' }],
  );
});

test('every answer of ours has a request id, and none names the software', async () => {
  for (const path of ['/livez', '/nope', '/api/products/1/reviews']) {
    const answer = await exchangeRaw(
      sidecar.port,
      `GET ${path} HTTP/1.1\r\nHost: a\r\nX-Request-Id: me-1\r\n\r\n`,
    );
    assert.equal(answer.header('x-request-id'), 'me-1', path);
    for (const name of ['x-powered-by', 'server', 'via', 'etag'])
      assert.equal(answer.header(name), undefined);
  }
});

test('garbage behind a good request does not harm its answer', async () => {
  const client = await connectRaw(sidecar.port);
  client.send('GET /api/x HTTP/1.1\r\nHost: a\r\n\r\n\x16\x03garbage');
  assert.equal((await client.message()).body, 'from the backend');
  await client.closed();
  client.destroy();
});

test('pipelined requests are answered in order', async () => {
  const client = await connectRaw(sidecar.port);
  client.send(
    ['/livez', '/api/x', '/nope'].map((path) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`).join(''),
  );
  assert.match((await client.message()).body, /ok/);
  assert.equal((await client.message()).body, 'from the backend');
  assert.match((await client.message()).startLine, /404/);
  client.destroy();
});
