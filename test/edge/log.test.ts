/** The id that a user reports leads to the reason: every line about a request names it, and nothing that is secret. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { until } from '../../scripts/lab/programs.ts';
import { connectRaw, exchangeRaw } from '../../scripts/lab/raw-connection.ts';
import { type ScriptedBackend, startScriptedBackend } from '../../scripts/lab/scripted-backend.ts';
import { type SidecarProcess, startProcess } from '../../scripts/lab/sidecar.ts';
import { handshake } from '../../scripts/lab/websocket.ts';
import { createErrorResponder } from '../../src/edge/error-response.ts';
import { createLocalRoutes } from '../../src/edge/local-routes.ts';
import type { Route } from '../../src/edge/route.ts';
import { createLogger } from '../../src/infra/logger.ts';

let backend: ScriptedBackend;
let sidecar: SidecarProcess;

before(async () => {
  backend = await startScriptedBackend(async (connection) => {
    const { startLine } = await connection.message();
    if (startLine.includes('/cut')) connection.send('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf');
    if (startLine.includes('/wait')) await connection.closed();
    connection.end();
  });
  // The client that resets its connection in the middle of a body has to come to it before that.
  sidecar = await startProcess({ BACKEND_URL: backend.url, CLIENT_BODY_TIMEOUT_MS: '3000' });
});

after(async () => {
  await sidecar.end();
  await backend.stop();
});

/** The lines about a request, once there are so many. */
async function linesOf(id: string, atLeast: number): Promise<Record<string, unknown>[]> {
  const lines = () => sidecar.log().filter((line) => line.id === id);
  await until(`${atLeast} lines about ${id}`, () => lines().length >= atLeast);
  return lines();
}

const request = (method: string, target: string, headers: string) =>
  `${method} ${target} HTTP/1.1\r\nHost: a\r\n${headers}\r\n`;

test('a line that says why a request failed has its id, method and path, without the query', async () => {
  const failing = {
    forwarded: [request('GET', '/api/reset?token=secret', ''), 'GET', '/api/reset', 502],
    ours: [request('HEAD', '/api/products/1/reviews?limit=2', ''), 'HEAD', '/api/products/1/reviews', 503],
    upgrade: [handshake('/ws/reset?token=secret'), 'GET', '/ws/reset', 502],
  } as const;
  for (const [what, [bytes, method, path, status]] of Object.entries(failing)) {
    for (const ownId of [undefined, `id-of-${what}`]) {
      const withId = bytes.replace('\r\n', `\r\n${ownId === undefined ? '' : `X-Request-Id: ${ownId}\r\n`}`);
      const answer = await exchangeRaw(sidecar.port, withId, { bodyless: method === 'HEAD' });
      const id = answer.header('x-request-id') ?? '';
      if (ownId !== undefined) assert.equal(id, ownId);
      const line = (await linesOf(id, 2)).find(({ msg }) => msg === 'request failed');
      assert.deepEqual([line?.method, line?.path, line?.status], [method, path, status], what);
      assert.equal(typeof line?.reason, 'string');
    }
  }
});

test('an answer that is cut short has a line that says why', async () => {
  const client = await connectRaw(sidecar.port);
  client.send(request('GET', '/api/cut?x', 'X-Request-Id: cut\r\n'));
  await client.closed();
  const line = (await linesOf('cut', 2)).find(({ msg }) => msg === 'answer cut short');
  assert.deepEqual([line?.method, line?.path, typeof line?.reason], ['GET', '/api/cut', 'string']);
});

test('refusals keep the id of the client, and their line has method and path', async () => {
  const refusals: [bytes: string, status: number, method: string, path: string][] = [
    ['GET /api/a?x HTTP/1.1\r\nHost: a b\r\n', 400, 'GET', '/api/a'],
    [
      'GET /ws/a?x HTTP/1.1\r\nHost: a b\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n',
      400,
      'GET',
      '/ws/a',
    ],
    ['CONNECT a:443 HTTP/1.1\r\nHost: a\r\n', 405, 'CONNECT', 'a:443'],
    ['POST /api/wait HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n', 408, 'POST', '/api/wait'],
    ['POST /api/wait HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n', 400, 'POST', '/api/wait'],
  ];
  for (const [i, [head, status, method, path]] of refusals.entries()) {
    const id = `refused-${i}`;
    const body = head.includes('chunked') ? 'zz\r\n' : '';
    const answer = await exchangeRaw(sidecar.port, `${head}X-Request-Id: ${id}\r\n\r\n${body}`);
    assert.equal(answer.startLine.split(' ')[1], String(status), head);
    assert.equal(answer.header('x-request-id'), id);
    const [line] = await linesOf(id, 1);
    assert.deepEqual([line?.method, line?.path, line?.status], [method, path, status]);
  }
});

test('what may be secret in a target is in no line: query, fragment, credentials', async () => {
  for (const target of [
    '/x?hunter2',
    '/x#hunter2',
    '/api/x#hunter2',
    'http://me:hunter2@a/api/x',
    'me:hunter2',
  ])
    await exchangeRaw(sidecar.port, request('GET', target, ''));
  await exchangeRaw(sidecar.port, request('GET', '/nope', 'X-Request-Id: last\r\n'));
  await linesOf('last', 1);
  assert.doesNotMatch(JSON.stringify(sidecar.log()), /hunter2/);
});

test('a client that resets its connection is 499, or nothing when it has asked nothing', async () => {
  const invalid = () => sidecar.log().filter(({ reason }) => reason === 'invalid').length;
  const before = invalid();
  const silent = await connectRaw(sidecar.port);
  await exchangeRaw(sidecar.port, request('GET', '/nope', ''));
  silent.reset();
  const client = await connectRaw(sidecar.port);
  const atBackend = backend.connections.length;
  client.send(request('POST', '/api/wait', 'Content-Length: 9\r\nX-Request-Id: gone\r\n')).send('abc');
  await backend.connection(atBackend);
  client.reset();
  const [line] = await linesOf('gone', 1);
  assert.deepEqual([line?.status, line?.aborted], [499, true]);
  assert.equal(invalid(), before);
});

test('a route that answers late, since the edge has answered in its place, is no defect', async () => {
  const lines: unknown[] = [];
  const note = (line: unknown) => lines.push(line);
  const log = Object.assign(createLogger('silent'), { error: note, warn: note });
  const localRoutes = createLocalRoutes({
    cors: '*',
    sendError: createErrorResponder({ cors: '*', log, languageOf: () => 'en' }),
  });
  const handler: Route['handler'] = async (_req, res) => {
    res.end('from the edge');
    res.set('X-Late', '1');
  };
  const route = { method: 'GET', path: '/x', handler } as const;
  const server = createServer((req, res) => localRoutes(req, res, { kind: 'local', route, params: {} }));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  assert.equal((await exchangeRaw(port, request('GET', '/x', ''))).body, 'from the edge');
  server.close();
  assert.deepEqual(lines, []);
});

test("a request's trace is named in its line, if it is one", async () => {
  const traceId = '0af7651916cd43dd8448eb211c80319c';
  const values = [`00-${traceId}-b7ad6b7169203331-01`, `00-"},{${traceId}-b7ad6b7169203331-01`, ''];
  for (const [i, traceparent] of values.entries()) {
    const id = `traced-${i}`;
    await exchangeRaw(
      sidecar.port,
      request('GET', '/api/reset', `X-Request-Id: ${id}\r\nTraceparent: ${traceparent}\r\n`),
    );
    const [line] = (await linesOf(id, 2)).filter(({ status, ms }) => status === 502 && ms !== undefined);
    assert.deepEqual([line?.path, line?.trace], ['/api/reset', i === 0 ? traceId : undefined]);
  }
});
