/** Faults on a switch: each does to chosen paths what it says, and to nothing else. */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, afterEach, before, test } from 'node:test';
import { createBackendTables, startTestDatabase } from '../../../scripts/lab/database.ts';
import { listen } from '../../../scripts/lab/ports.ts';
import { until } from '../../../scripts/lab/programs.ts';
import { startTestObjectStore, storageEnv } from '../../../scripts/lab/throwaway-object-store.ts';
import { api, untilAvailable } from '../../support/api.ts';
import { type ConsoleScene, startConsoleScene } from './console-scene.ts';

let scene: ConsoleScene;
let asked = 0;
const parts = new AsyncDisposableStack();
const BODY = 'x'.repeat(1_000);

before(async () => {
  const backend = createServer((req, res) => {
    // The sidecar itself asks for /openapi.json, some time after its start.
    if (req.url?.startsWith('/api/')) asked += 1;
    res.setHeader('Content-Length', BODY.length).end(BODY);
  });
  const port = await listen(backend);
  parts.defer(() => {
    backend.close();
    backend.closeAllConnections();
  });
  const server = parts.use(await startTestDatabase());
  const database = await server.createDatabase();
  await createBackendTables(database);
  const store = await startTestObjectStore();
  parts.defer(store.stop);
  scene = parts.use(
    await startConsoleScene({
      BACKEND_URL: `http://127.0.0.1:${port}`,
      DATABASE_URL: database,
      MIGRATE_ON_START: 'true',
      ...storageEnv(store.config),
    }),
  );
});
afterEach(() => set([]));
after(() => parts.disposeAsync());

/** Resolves when the sidecar knows: what is said to it is obeyed in order. */
async function set(rules: readonly object[], away: object = {}): Promise<void> {
  const marker = { kind: 'answer', path: `/marker/${Math.random()}`, isOn: true, status: 299 };
  const { status, text } = await scene.ask('/faults', {
    method: 'PUT',
    json: { rules: [...rules, marker], away },
  });
  assert.equal(status, 200, text);
  await until('the sidecar to know', async () => (await fetch(scene.url + marker.path)).status === 299);
}

const rule = (kind: string, more: object = {}) => ({ isOn: true, kind, path: '/api/here/*', ...more });
const get = (path: string) => fetch(scene.url + path);

test('a 502 for chosen paths, which the backend never hears of', async () => {
  await set([rule('error', { method: 'GET' })]);
  const before = asked;
  const answer = await get('/api/here/a?x=1');
  assert.equal(answer.status, 502);
  assert.match(await answer.text(), /"code":"console_fault"/);
  assert.equal(asked, before);
  assert.equal((await get('/api/there')).status, 200);
  assert.equal((await fetch(`${scene.url}/api/here/a`, { method: 'POST', body: 'x' })).status, 200);
  const row = await scene.untilRow(({ target }) => target === '/api/here/a?x=1');
  assert.deepEqual([row.kind, row.fault], ['fault', 'error']);
});

test('an answer of one’s own, with its headers', async () => {
  await set([rule('answer', { status: 418, headers: [['X-Mine', 'yes']], body: '{"tea":true}' })]);
  const answer = await get('/api/here/a');
  assert.deepEqual(
    [answer.status, answer.headers.get('x-mine'), await answer.text()],
    [418, 'yes', '{"tea":true}'],
  );
});

test('cut in the middle: what has come is there, and then the connection breaks', async () => {
  await set([rule('cut', { afterBytes: 300 })]);
  const answer = await get('/api/here/a');
  assert.equal(answer.headers.get('content-length'), '1000');
  let bytes = 0;
  const reading = (async () => {
    for await (const piece of answer.body ?? []) bytes += piece.length;
  })();
  await assert.rejects(reading);
  assert.equal(bytes, 300);
  assert.equal((await scene.untilRow(({ fault }) => fault === 'cut')).isAborted, true);
});

test('a trickle brings every byte, in pieces', async () => {
  await set([rule('trickle', { bytesPerSecond: 2_000 })]);
  const pieces: string[] = [];
  for await (const piece of (await get('/api/here/a')).body ?? []) pieces.push(Buffer.from(piece).toString());
  assert.equal(pieces.join(''), BODY);
  assert.ok(pieces.length >= 3, `${pieces.length} pieces`);
});

test('a delayed request is held before the backend hears of it', async () => {
  await set([rule('delay', { delayMs: 700 })]);
  await get('/api/here/delayed');
  const { n } = await scene.untilRow(({ target }) => target === '/api/here/delayed');
  const { marks, fault } = await scene.detail(n);
  assert.ok(marks.toBackend >= 690, String(marks.toBackend));
  assert.equal(fault, 'delay');
});

test('without the database reviews answer 503 and the rest goes on; with it again, all does', async () => {
  const reviews = async () => (await get('/api/products/1/reviews')).status;
  await until('reviews', async () => (await reviews()) === 200);
  await set([], { database: true });
  await until('503', async () => (await reviews()) === 503);
  assert.equal((await get('/api/there')).status, 200);
  await set([]);
  await until('reviews again', async () => (await reviews()) === 200);
});

test('without the storage a file is not looked at: 503, and the row stays; with it again, it is ready', async () => {
  const content = 'GIF89a-and-so-on';
  const json = {
    kind: 'review_image',
    filename: 'a.gif',
    content_type: 'image/gif',
    size_bytes: content.length,
  };
  const issued = await untilAvailable(() => api('POST', `${scene.url}/api/uploads`, { user: 1, json }));
  const { upload_url: url, upload_id: id, headers } = issued.body;
  assert.equal((await fetch(url, { method: 'PUT', headers, body: content })).status, 200);
  await set([], { storage: true });
  const complete = () => api('POST', `${scene.url}/api/uploads/${id}/complete`, { user: 1 });
  assert.equal((await complete()).status, 503);
  const row = await api('GET', `${scene.url}/api/uploads/${id}`, { user: 1 });
  assert.deepEqual([row.status, row.body.status], [200, 'issued']);
  await set([]);
  await until('it to be ready', async () => (await complete()).body.status === 'ready');
});

test('the statements of our own routes are steps, with their time', async () => {
  await until('reviews', async () => (await get('/api/products/7/reviews')).status === 200);
  const { n } = await scene.untilRow(
    ({ target, status }) => target === '/api/products/7/reviews' && status === 200,
  );
  const { steps } = await scene.detail(n);
  const [sql] = steps.filter(({ kind }: { kind: string }) => kind === 'sql');
  assert.match(sql.what, /select/i);
  assert.ok(sql.ms > 0);
});

test('rules outlive a restart of the sidecar', async () => {
  await set([rule('error')]);
  await scene.restart();
  await until('the rule', async () => (await get('/api/here/a')).status === 502);
});

test('a rule that makes no sense is refused with a sentence', async () => {
  for (const [wrong, words] of [
    [rule('explode'), /one of delay, error/],
    [rule('delay', { delayMs: -1 }), /whole number/],
    [rule('answer', { headers: [['A\r\nB', 'x']] }), /no name of a header/],
    [{ kind: 'delay', path: 'api' }, /must begin with/],
  ] as const) {
    const answer = await scene.ask('/faults', { method: 'PUT', json: { rules: [wrong] } });
    assert.equal(answer.status, 422);
    assert.match(answer.body.detail, words);
  }
});
