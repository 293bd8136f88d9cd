/** The console's list and details: what passes through the sidecar is seen as it is, and nothing of it is changed. */
import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { listen } from '../../../scripts/lab/ports.ts';
import { until } from '../../../scripts/lab/programs.ts';
import { connectRaw } from '../../../scripts/lab/raw-connection.ts';
import { tokenFor } from '../../../scripts/lab/tokens.ts';
import { api } from '../../support/api.ts';
import { type ConsoleScene, listenLive, startConsoleScene } from './console-scene.ts';

let scene: ConsoleScene;
/** By the backend, to whoever logs in. */
const GIVEN = tokenFor(7);
let backend: Server;
const parts = new AsyncDisposableStack();

before(async () => {
  backend = createServer((req, res) => {
    if (req.url?.startsWith('/api/echo')) {
      res.writeHead(200, { 'Content-Type': req.headers['content-type'] ?? 'text/plain' });
      req.pipe(res);
    } else if (req.url === '/api/zipped') {
      res.setHeader('Content-Type', 'application/json').setHeader('Content-Encoding', 'gzip');
      res.end(gzipSync('{"found":{"inside":1}}'));
    } else if (req.url === '/api/login') {
      res.setHeader('Set-Cookie', 'session=abcdef; HttpOnly').setHeader('Content-Type', 'application/json');
      res.end(JSON.stringify({ access_token: GIVEN, name: 'Anna' }));
    } else if (req.url === '/api/stream') {
      res.writeHead(200, { 'Content-Type': 'text/event-stream' }).write('data: one\n\n');
      req.on('close', () => res.end());
    } else res.writeHead(req.url === '/api/broken' ? 500 : 200).end('fine');
  });
  const port = await listen(backend);
  parts.defer(() => {
    backend.close();
    backend.closeAllConnections();
  });
  scene = parts.use(
    await startConsoleScene({ BACKEND_URL: `http://127.0.0.1:${port}`, SHUTDOWN_GRACE_MS: '600000' }),
  );
});
after(() => parts.disposeAsync());

const text = (headers: readonly (readonly [string, string])[]) =>
  headers.map((pair) => pair.join(': ')).join('\n');

test('a forwarded request is a row with its user, and its heads as they were on each side', async () => {
  await api('GET', `${scene.url}/api/things?page=2`, { user: 7, headers: { 'X-Odd': 'Case' } });
  const row = await scene.untilRow(({ target }) => target === '/api/things?page=2');
  assert.deepEqual(
    [row.kind, row.method, row.status, row.user, row.bytesOut, row.isAborted],
    ['proxy', 'GET', 200, '7', 4, false],
  );
  const detail = await scene.detail(row.n);
  assert.equal(detail.request.line, 'GET /api/things?page=2 HTTP/1.1');
  assert.equal(detail.backendRequest.line, 'GET /api/things?page=2 HTTP/1.1');
  assert.equal(detail.backendResponse.line, 'HTTP/1.1 200 OK');
  assert.match(text(detail.backendRequest.headers), /x-odd: Case/i);
  assert.equal(detail.responseBody.text, 'fine');
  assert.ok(detail.marks.toBackend <= detail.marks.fromBackend && detail.marks.fromBackend <= detail.ms);
});

test('the head that went to the backend ends where the body begins, also where both went in one', async () => {
  await api('POST', `${scene.url}/api/echo/small`, { json: { small: 'a body-of-its-own' } });
  const { n } = await scene.untilRow(({ target }) => target === '/api/echo/small');
  const { backendRequest, backendResponse } = await scene.detail(n, true);
  assert.equal(backendRequest.line, 'POST /api/echo/small HTTP/1.1');
  assert.doesNotMatch(JSON.stringify(backendRequest), /body-of-its-own/);
  assert.equal(backendResponse.line, 'HTTP/1.1 200 OK');
});

test('the detail says what the sidecar changed on the way', async () => {
  await api('GET', `${scene.url}/api/changes`);
  const { n } = await scene.untilRow(({ target }) => target === '/api/changes');
  const { changes, requestId } = await scene.detail(n);
  const added = changes.request.filter(({ before }: { before: unknown }) => before === null);
  assert.ok(
    added.some(
      ({ name, after }: { name: string; after: string }) => name === 'X-Request-Id' && after === requestId,
    ),
  );
  assert.ok(
    changes.request.some(
      ({ name, after }: { name: string; after: unknown }) =>
        name.toLowerCase() === 'connection' && after === null,
    ),
  );
  assert.ok(changes.response.some(({ name }: { name: string }) => name === 'X-Request-Id'));
});

test('bodies are shown decoded and JSON indented, while the client gets the bytes that the backend sent', async () => {
  const answer = await fetch(`${scene.url}/api/zipped`);
  assert.deepEqual(await answer.json(), { found: { inside: 1 } });
  const { n } = await scene.untilRow(({ target }) => target === '/api/zipped');
  const { responseBody } = await scene.detail(n);
  assert.deepEqual([responseBody.kind, responseBody.coding], ['json', 'gzip']);
  assert.equal(responseBody.text, '{\n  "found": {\n    "inside": 1\n  }\n}');
});

test('a body larger than what is kept passes whole, and the console says that it did not keep it', async () => {
  const body = Buffer.alloc(12 * 1024 * 1024, 'x');
  const answer = await fetch(`${scene.url}/api/echo`, {
    method: 'POST',
    body,
    headers: { 'Content-Type': 'text/plain' },
  });
  assert.ok(body.equals(Buffer.from(await answer.arrayBuffer())));
  const row = await scene.untilRow(({ target, method }) => target === '/api/echo' && method === 'POST');
  assert.deepEqual([row.bytesIn, row.bytesOut], [body.length, body.length]);
  const { resend } = await scene.detail(row.n);
  assert.equal(resend.isPossible, false);
  assert.match(resend.reason, /Its body was not kept: \d+ bytes/);
});

test('requests in a pipeline are told apart, and answered in order', async () => {
  const connection = await connectRaw(scene.port);
  const request = (n: number) =>
    `GET /api/pipeline/${n} HTTP/1.1\r\nHost: x\r\nX-Request-Id: pipe-${n}\r\n\r\n`;
  connection.send([1, 2, 3].map(request).join(''));
  for (const n of [1, 2, 3]) assert.equal((await connection.message()).header('x-request-id'), `pipe-${n}`);
  connection.destroy();
  for (const n of [1, 2, 3]) {
    const row = await scene.untilRow(({ target }) => target === `/api/pipeline/${n}`);
    const { backendRequest } = await scene.detail(row.n);
    assert.equal(backendRequest.line, `GET /api/pipeline/${n} HTTP/1.1`);
  }
});

test('tokens, cookies and signatures are hidden until they are asked for', async () => {
  const token = tokenFor(9);
  await api('GET', `${scene.url}/api/login?token=abc123&x=1`, {
    token,
    headers: { Cookie: 'a=secret1; b=secret2' },
  });
  await api('GET', `${scene.url}/api/login`, { token, headers: { Cookie: 'a=secret1; b=secret2' } });
  const { n } = await scene.untilRow(({ target }) => target === '/api/login');
  const hidden = JSON.stringify(await scene.detail(n));
  for (const secret of [token, GIVEN, 'secret1', 'secret2', 'abcdef'])
    assert.ok(!hidden.includes(secret), secret);
  assert.match(hidden, /Bearer ••••••/);
  assert.match(hidden, /Anna/);
  const shown = JSON.stringify(await scene.detail(n, true));
  for (const secret of [token, GIVEN, 'secret1', 'abcdef']) assert.ok(shown.includes(secret), secret);
  const live = await listenLive(scene);
  await until('the rows', () => live.events.length > 0);
  live.stop();
  assert.ok(!JSON.stringify(live.events).includes('abc123'));
});

test('rows come live, and only those that the filter wants', async () => {
  const live = await listenLive(scene, 'kind=proxy&status=5xx&q=broken+-nothere');
  await api('GET', `${scene.url}/api/fine`);
  await api('GET', `${scene.url}/api/broken`);
  await until('the row', () => live.events.some(({ event, data }) => event === 'rows' && data.length > 0));
  const targets = live.events
    .flatMap(({ event, data }) => (event === 'rows' ? data : []))
    .map(({ target }) => target);
  assert.deepEqual([...new Set(targets)], ['/api/broken']);
  live.stop();
});

test('the search goes into bodies when it is told to', async () => {
  await api('POST', `${scene.url}/api/echo/needle`, { json: { hay: 'a needle-in-a-body' } });
  await scene.untilRow(({ target }) => target === '/api/echo/needle');
  const found = async (query: string) => (await scene.ask(`/har?${query}`)).body.log.entries.length;
  assert.equal(await found('q=needle-in-a-body'), 0);
  assert.equal(await found('q=needle-in-a-body&bodies=1'), 1);
  assert.equal(await found('q=needle+-POST'), 0);
  assert.equal(await found('q=needle&kind=local'), 0);
  assert.equal(await found('q=needle&kind=local,proxy'), 1);
  assert.equal(await found('q=needle&slower=60000'), 0);
  assert.equal(await found('q=needle&status=201,4xx'), 0);
});

test('a stream is seen while it goes on', async () => {
  const leave = new AbortController();
  await fetch(`${scene.url}/api/stream`, { signal: leave.signal });
  const rows = () => [...scene.console.records.all()].map((record) => record.row());
  const streaming = () => rows().find(({ target, bytesOut }) => target === '/api/stream' && bytesOut > 0);
  await until('the event', () => streaming() !== undefined);
  const row = streaming();
  assert.deepEqual([row?.ms, row?.status], [null, 200]);
  const { events } = await scene.detail(row?.n ?? 0);
  assert.equal(events[0].text, 'data: one\n\n');
  leave.abort();
  assert.equal((await scene.untilRow(({ target }) => target === '/api/stream')).isAborted, true);
});

test('what is rejected is said to be, with the lines of the log', async () => {
  await fetch(`${scene.url}/api/%75ploads`);
  const { n } = await scene.untilRow(
    ({ target, kind }) => target === '/api/%75ploads' && kind === 'rejected',
  );
  const { log, status } = await scene.detail(n);
  assert.equal(status, 400);
  assert.match(log.join('\n'), /"reason":"ambiguous"/);
});

test('what was seen outlives a restart of the sidecar, and a stream of the page does not delay it', async () => {
  await api('GET', `${scene.url}/api/before-restart`);
  const { n } = await scene.untilRow(({ target }) => target === '/api/before-restart');
  const live = await listenLive(scene);
  // It would wait for longer than anybody waits here (SHUTDOWN_GRACE_MS).
  await scene.restart();
  await live.closed;
  assert.equal((await scene.detail(n)).target, '/api/before-restart');
  await api('GET', `${scene.url}/api/after-restart`);
  await scene.untilRow(({ target }) => target === '/api/after-restart');
});
