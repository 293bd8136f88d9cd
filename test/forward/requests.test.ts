/** How requests reach the backend (docs/forwarding.md, 1-8). */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { connectRaw, exchangeRaw, type RawMessage } from '../../scripts/lab/raw-connection.ts';
import { ok, type ScriptedBackend, startScriptedBackend } from '../../scripts/lab/scripted-backend.ts';
import { startSidecar, type TestSidecar } from '../support/start-sidecar.ts';

let backend: ScriptedBackend;
let sidecar: TestSidecar;
const seen: RawMessage[] = [];

before(async () => {
  backend = await startScriptedBackend(async (connection) => {
    for (;;) {
      seen.push(await connection.message());
      connection.send(ok('hello'));
    }
  });
  sidecar = await startSidecar({ BACKEND_URL: backend.url });
});

after(async () => {
  await sidecar.stop();
  await backend.stop();
});

/** Sends a request through the sidecar; what the backend saw. */
async function forwarded(bytes: string): Promise<RawMessage> {
  seen.length = 0;
  const answer = await exchangeRaw(sidecar.port, bytes);
  assert.equal(answer.startLine, 'HTTP/1.1 200 OK', answer.raw);
  assert.equal(seen.length, 1);
  return seen[0] as RawMessage;
}

/** Sends a request that must be refused; nothing may reach the backend. */
async function refused(bytes: string, status: number): Promise<void> {
  seen.length = 0;
  const connection = await connectRaw(sidecar.port);
  const answer = await connection.send(bytes).message();
  assert.equal(answer.startLine.split(' ')[1], String(status), `${JSON.stringify(bytes)} → ${answer.raw}`);
  assert.equal(typeof JSON.parse(answer.body).detail, 'string');
  assert.equal(seen.length, 0, `reached the backend: ${seen[0]?.raw}`);
  connection.destroy();
}

test('a Trailer header of the client is dropped and harms nobody', async () => {
  const request = await forwarded('GET /api/x HTTP/1.1\r\nHost: a\r\nTrailer: Expires\r\n\r\n');
  assert.equal(request.header('trailer'), undefined);
});

test('hop-by-hop headers and the names that Connection lists stay behind', async () => {
  const request = await forwarded(
    'GET /api/x HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, X-Secret-Hop\r\nKeep-Alive: 5\r\nTE: trailers\r\n' +
      'Proxy-Connection: close\r\nX-Secret-Hop: 1\r\nX-End: 2\r\n\r\n',
  );
  const names = request.headers.map(([name]) => name.toLowerCase());
  for (const name of ['connection', 'keep-alive', 'te', 'proxy-connection', 'x-secret-hop']) {
    assert.ok(!names.includes(name), `${name} was forwarded`);
  }
  assert.equal(request.header('x-end'), '2');
});

test('Connection cannot remove Host, Authorization, Cookie or Content-Length', async () => {
  const request = await forwarded(
    'POST /api/x HTTP/1.1\r\nHost: a\r\nConnection: host, authorization, cookie, content-length\r\n' +
      'Authorization: Bearer t\r\nCookie: c=1\r\nContent-Length: 2\r\n\r\nhi',
  );
  assert.equal(request.header('host'), 'a');
  assert.equal(request.header('authorization'), 'Bearer t');
  assert.equal(request.header('cookie'), 'c=1');
  assert.equal(request.body, 'hi');
});

test('names, order, duplicates and latin1 bytes of headers arrive as sent', async () => {
  const request = await forwarded(
    'GET /api/x HTTP/1.1\r\nhOsT: a\r\nX-B: 1\r\nx-a: caf\xe9\r\nX-B: 2\r\nCookie: a=1\r\nCookie: b=2\r\n\r\n',
  );
  assert.deepEqual(request.headers.slice(0, 6), [
    ['hOsT', 'a'],
    ['X-B', '1'],
    ['x-a', 'caf\xe9'],
    ['X-B', '2'],
    ['Cookie', 'a=1'],
    ['Cookie', 'b=2'],
  ]);
});

test('Host and request target arrive unchanged', async () => {
  const target = '/api/%/%zz/a%2Fb;c=d/"<>|?q=%00&x=a+b';
  const request = await forwarded(`GET ${target} HTTP/1.1\r\nHost: shop.example.com:8443\r\n\r\n`);
  assert.equal(request.startLine, `GET ${target} HTTP/1.1`);
  assert.equal(request.header('host'), 'shop.example.com:8443');
});

test('a missing, repeated or malformed Host is refused', async () => {
  await refused('GET /api/x HTTP/1.1\r\n\r\n', 400);
  await refused('GET /api/x HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n', 400);
  await refused('GET /api/x HTTP/1.1\r\nHost: a/b\r\n\r\n', 400);
  await refused('GET /api/x HTTP/1.1\r\nHost: a b\r\n\r\n', 400);
  await refused('GET /api/x HTTP/1.1\r\nHost: user@a\r\n\r\n', 400);
  await refused('GET /api/x HTTP/1.1\r\nHost:\r\n\r\n', 400);
});

test('HTTP/1.0 needs no Host', async () => {
  const connection = await connectRaw(sidecar.port);
  const answer = await connection.send('GET /api/x HTTP/1.0\r\n\r\n').message();
  assert.match(answer.startLine, /200/);
  assert.equal(await connection.closed(), '');
  connection.destroy();
});

test('X-Forwarded headers of a trusted peer pass exactly, and nothing is added to them', async () => {
  const request = await forwarded(
    'GET /api/x HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 203.0.113.7\r\nX-Forwarded-Proto: https\r\n\r\n',
  );
  assert.equal(request.header('x-forwarded-for'), '203.0.113.7');
  assert.equal(request.header('x-forwarded-proto'), 'https');
  assert.equal(request.header('x-forwarded-host'), undefined);
});

test('X-Forwarded headers of a peer that is not trusted are replaced', async () => {
  const strict = await startSidecar({ BACKEND_URL: backend.url, TRUSTED_PROXIES: 'none' });
  try {
    seen.length = 0;
    await exchangeRaw(
      strict.port,
      'GET /api/x HTTP/1.1\r\nHost: a:1\r\nX-Forwarded-For: 1.2.3.4\r\nX-Forwarded-Proto: https\r\nX-Real-IP: 1.2.3.4\r\n' +
        'Forwarded: for=1.2.3.4\r\nX-Forwarded-Prefix: /x\r\n\r\n',
    );
    const [request] = seen;
    assert.equal(request?.header('x-forwarded-for'), '127.0.0.1');
    assert.equal(request?.header('x-forwarded-proto'), 'http');
    assert.equal(request?.header('x-forwarded-host'), 'a:1');
    assert.equal(request?.header('x-forwarded-port'), String(strict.port));
    for (const name of ['x-real-ip', 'forwarded', 'x-forwarded-prefix'])
      assert.equal(request?.header(name), undefined);
  } finally {
    await strict.stop();
  }
});

test('a request id is kept, sent on and returned', async () => {
  const answer = await exchangeRaw(
    sidecar.port,
    'GET /api/x HTTP/1.1\r\nHost: a\r\nX-Request-ID: abc-1\r\n\r\n',
  );
  assert.equal(answer.header('x-request-id'), 'abc-1');
  assert.equal(seen.at(-1)?.header('x-request-id'), 'abc-1');
});

test('a missing or unusable request id is replaced by one that backend and client both see', async () => {
  for (const header of ['', 'X-Request-Id: with space\r\n', `X-Request-Id: ${'x'.repeat(200)}\r\n`]) {
    const answer = await exchangeRaw(sidecar.port, `GET /api/x HTTP/1.1\r\nHost: a\r\n${header}\r\n`);
    assert.match(answer.header('x-request-id') ?? '', /^[0-9a-f]{16}-[0-9a-f]{8,}$/);
    const ids = seen.at(-1)?.headers.filter(([name]) => name.toLowerCase() === 'x-request-id');
    assert.deepEqual(
      ids?.map(([, value]) => value),
      [answer.header('x-request-id')],
    );
  }
});

test('a chunked body arrives chunked, whatever the method, and no second request hides in it', async () => {
  for (const method of ['GET', 'HEAD', 'DELETE', 'OPTIONS', 'POST']) {
    seen.length = 0;
    const inner = 'GET /api/smuggled HTTP/1.1\r\nHost: a\r\n\r\n';
    const chunk = `${inner.length.toString(16)}\r\n${inner}\r\n0\r\n\r\n`;
    await exchangeRaw(
      sidecar.port,
      `${method} /api/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${chunk}`,
      {
        bodyless: method === 'HEAD',
      },
    );
    assert.equal(seen.length, 1, method);
    assert.equal(seen[0]?.body, inner, method);
  }
});

test('ambiguous framing is refused', async () => {
  const post = 'POST /api/x HTTP/1.1\r\nHost: a\r\n';
  await refused(`${post}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`, 400);
  await refused(`${post}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 400);
  await refused(`${post}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`, 400);
  await refused(`${post}Transfer-Encoding: identity\r\n\r\n`, 400);
  await refused(`${post}Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n`, 400);
  await refused(`${post}Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc`, 400);
  await refused(`${post}Content-Length: +3\r\n\r\nabc`, 400);
  await refused(`${post}Content-Length: 3, 3\r\n\r\nabc`, 400);
  await refused(`${post}Content-Length: 0x3\r\n\r\nabc`, 400);
  await refused('POST /api/x HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', 400);
});

test('malformed heads are refused', async () => {
  await refused('GET /api/x HTTP/1.1\r\nHost: a\r\nX: 1\r\n folded\r\n\r\n', 400);
  await refused('GET /api/x HTTP/1.1\nHost: a\n\n', 400);
  await refused('GET /api/x HTTP/1.1\r\nHost: a\nX: 1\r\n\r\n', 400);
  await refused('GET /api/x HTTP/1.1\r\nHost: a\r\nX : 1\r\n\r\n', 400);
  await refused('GET /api/x HTTP/1.1\r\nHost: a\r\nX: a\x00b\r\n\r\n', 400);
  await refused('NONSENSE\r\n\r\n', 400);
});

test('an HTTP version other than 1.0 and 1.1 is 505, and what is no version is 400', async () => {
  for (const version of ['0.9', '1.2', '2.0', '3.0', '9.9'])
    await refused(`GET /api/x HTTP/${version}\r\nHost: a\r\n\r\n`, 505);
  await refused('GET /api/x\r\n\r\n', 505);
  await refused('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 505);
  for (const version of ['HTTP/2', 'HTTP/1.10', 'HTTP/1.x', 'http/1.1', 'HTTP/'])
    await refused(`GET /api/x ${version}\r\nHost: a\r\n\r\n`, 400);
});

test('request targets that are no plain path are refused', async () => {
  await refused('GET //evil.example.com/api/x HTTP/1.1\r\nHost: a\r\n\r\n', 404);
  await refused('OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n', 400);
  await refused('GET /api/x#fragment HTTP/1.1\r\nHost: a\r\n\r\n', 400);
  await refused('GET http://b/api/x HTTP/1.1\r\nHost: a\r\n\r\n', 400);
  await refused('GET ftp://a/api/x HTTP/1.1\r\nHost: a\r\n\r\n', 400);
  await refused('TRACE /api/x HTTP/1.1\r\nHost: a\r\n\r\n', 405);
  await refused('CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n', 405);
  await refused('GET /api/../admin HTTP/1.1\r\nHost: a\r\n\r\n', 400);
});

test('an absolute-form target for the same host is forwarded as a path', async () => {
  const request = await forwarded('GET http://A:80/api/x?y=1 HTTP/1.1\r\nHost: a:80\r\n\r\n');
  assert.equal(request.startLine, 'GET /api/x?y=1 HTTP/1.1');
});

test('the first byte of a body reaches the backend before the last one is sent', async () => {
  const streaming = await startScriptedBackend(async (connection) => {
    await connection.take('first');
    connection.send('HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n');
    await connection.take('last');
    connection.send(ok('done'));
  });
  const through = await startSidecar({ BACKEND_URL: streaming.url });
  const client = await connectRaw(through.port);
  try {
    client.send('POST /api/upload/video HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nfirst');
    await client.take('103 Early Hints');
    client.send('last');
    await client.take('done');
  } finally {
    client.destroy();
    await through.stop();
    await streaming.stop();
  }
});

test('a small body arrives byte for byte, whether it comes with its head or behind it, and another request follows', async () => {
  const client = await connectRaw(sidecar.port);
  for (const bytes of [1, 2_048, 16_384, 16_385]) {
    const body = String.fromCharCode(...Array.from({ length: bytes }, (_, i) => (i * 7) % 256));
    const head = `POST /api/x HTTP/1.1\r\nHost: a\r\nContent-Length: ${bytes}\r\n\r\n`;
    for (const pieces of [[head + body], [head, body], [head + body.slice(0, 1), body.slice(1)]]) {
      seen.length = 0;
      for (const piece of pieces) {
        client.send(piece);
        for (let i = 0; i < 5; i += 1) await new Promise(setImmediate);
      }
      assert.equal((await client.message()).body, 'hello');
      assert.deepEqual([seen.length, seen[0]?.header('content-length')], [1, String(bytes)]);
      assert.equal(seen[0]?.body, body);
    }
  }
  client.destroy();
});

test('Expect: 100-continue is answered, and anything else expected is 417', async () => {
  const client = await connectRaw(sidecar.port);
  client.send('POST /api/x HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n');
  await client.take('HTTP/1.1 100 Continue\r\n\r\n');
  const answer = await client.send('hi').message();
  assert.match(answer.startLine, /200/);
  assert.equal(seen.at(-1)?.header('expect'), undefined);
  assert.equal(seen.at(-1)?.body, 'hi');
  client.destroy();
  await refused('POST /api/x HTTP/1.1\r\nHost: a\r\nExpect: 200-ok\r\nContent-Length: 2\r\n\r\n', 417);
});

test('a head of 60 KB passes, one of 70 KB is 431', async () => {
  const request = await forwarded(`GET /api/x HTTP/1.1\r\nHost: a\r\nX-Big: ${'b'.repeat(60_000)}\r\n\r\n`);
  assert.equal(request.header('x-big')?.length, 60_000);
  await refused(`GET /api/x HTTP/1.1\r\nHost: a\r\nX-Big: ${'b'.repeat(70_000)}\r\n\r\n`, 431);
});

test('three thousand headers arrive, none is dropped', async () => {
  const lines = Array.from({ length: 3000 }, (_, i) => `x-${i}: ${i}\r\n`).join('');
  const request = await forwarded(`GET /api/x HTTP/1.1\r\nHost: a\r\n${lines}\r\n`);
  assert.equal(request.header('x-2999'), '2999');
});
