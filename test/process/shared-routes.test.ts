/** The warning about routes that the backend has as well. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { until } from '../../scripts/lab/programs.ts';
import { answering, ok, startScriptedBackend } from '../../scripts/lab/scripted-backend.ts';
import { startProcess } from '../../scripts/lab/sidecar.ts';
import { readBackendRoutes } from '../../src/forward/backend-openapi.ts';
import type { Log } from '../../src/infra/logger.ts';
import { sharedRoutes, warnOfSharedRoutes } from '../../src/shared-routes.ts';

const OURS = [
  { method: 'GET', path: '/api/products/:productId/reviews' },
  { method: 'GET', path: '/api/uploads/:id' },
  { method: 'GET', path: '/api/uploads/limits' },
];
const REVIEWS = { '/api/products/{x}/reviews': { get: {}, parameters: [] } };
const describing = (paths: unknown) => ok(JSON.stringify({ openapi: '3.1.0', paths }));

test('routes are compared by method and shape, whatever their parameters are called', () => {
  const meets = (method: string, path: string) => sharedRoutes(OURS, [{ method, path }]);
  assert.deepEqual(meets('GET', '/api/products/{id}/reviews'), ['GET /api/products/:productId/reviews']);
  assert.deepEqual(meets('GET', '/api/uploads/statistics'), ['GET /api/uploads/:id']);
  assert.deepEqual(meets('GET', '/api/uploads/{name}.json'), [
    'GET /api/uploads/:id',
    'GET /api/uploads/limits',
  ]);
  for (const path of ['/api/products/{id}/reviews/', '/api/products/{id}', '/api/products/{id}/likes', '']) {
    assert.deepEqual(meets('GET', path), [], path);
  }
  assert.deepEqual(meets('POST', '/api/products/{id}/reviews'), []);
});

test('a backend that does not answer is asked again, and what it has of ours is told once', async () => {
  const lines: unknown[] = [];
  const note = (fields: object, message: string) => lines.push([message, fields]);
  const answers = ['', 'HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{', describing(REVIEWS)];
  const backend = await startScriptedBackend(async (connection, index) => {
    await connection.message();
    connection.send(answers[index] ?? describing({}));
    connection.end();
  });
  const stop = warnOfSharedRoutes({
    backend: { kind: 'tcp', host: '127.0.0.1', port: backend.port },
    routes: OURS,
    log: { warn: note, debug: note } as unknown as Log,
    delaysMs: [0, 0, 0, 0],
  });
  await until('the warning', () => lines.length > 0);
  stop();
  await backend.stop();
  assert.deepEqual(lines, [
    ['the backend has routes that the sidecar serves', { routes: ['GET /api/products/:productId/reviews'] }],
  ]);
  assert.equal(backend.connections.length, 3);
});

test('a description that is none, or too much, is no reason to warn or to fail', async () => {
  const hostile = {
    'HTTP/1.1 302 Found\r\nlocation: /x\r\ncontent-length: 0\r\n\r\n': null,
    [ok('<html>')]: null,
    [ok('null')]: null,
    [ok('{"paths":"all"}')]: null,
    [ok('['.repeat(100_000))]: null,
    [ok(`{"paths":{"/${'x'.repeat(3_000_000)}":{"get":{}}}}`)]: null,
    [describing({
      '/a': null,
      '/b': 'get',
      __proto__x: { get: 1 },
      '/c': { get: null, 'x-get': {}, summary: '' },
    })]: [
      { method: 'GET', path: '__proto__x' },
      { method: 'GET', path: '/c' },
    ],
  };
  for (const [answer, routes] of Object.entries(hostile)) {
    const backend = await startScriptedBackend(answering(answer));
    const { port } = backend;
    const read = () =>
      readBackendRoutes({ kind: 'tcp', host: '127.0.0.1', port }, AbortSignal.timeout(10_000));
    assert.deepEqual(await read(), routes, answer.slice(0, 60));
    await backend.stop();
    await assert.rejects(read());
  }
});

test('one process of several warns, soon after it listens', async () => {
  const backend = await startScriptedBackend(answering(describing(REVIEWS)));
  const sidecar = await startProcess({ BACKEND_URL: backend.url, WEB_CONCURRENCY: '2' });
  try {
    const message = 'the backend has routes that the sidecar serves';
    await sidecar.untilLogged(message);
    await sidecar.untilLogged('all workers listen');
    assert.deepEqual(
      sidecar.log(message).map(({ routes }) => routes),
      [['GET /api/products/:productId/reviews']],
    );
    assert.equal(backend.connections.length, 1);
  } finally {
    await sidecar.end();
    await backend.stop();
  }
});
