/** client → nginx (TLS, deploy/nginx) → sidecar → uvicorn and FastAPI → PostgreSQL (TLS). */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from 'node:tls';
import { query } from '../../scripts/lab/database.ts';
import { RawConnection } from '../../scripts/lab/raw-connection.ts';
import { type Stack, stackForTests } from '../support/e2e-stack.ts';
import { send } from '../support/https-client.ts';

let stack: Stack;
let token: string;
const skip = stackForTests((started) => {
  ({ stack, token } = started);
});

test('a user logs in and reads who they are and what they ordered', { skip }, async () => {
  const me = await stack.ask('/api/auth/me', { token });
  assert.deepEqual([me.status, me.json.email], [200, 'buyer@demo.com']);
  const orders = await stack.ask('/api/orders', { token });
  assert.deepEqual([orders.status, orders.json.length, orders.json[0].status], [200, 1, 'delivered']);
  const stranger = await stack.ask('/api/orders', { token: 'bad' });
  assert.deepEqual([stranger.status, stranger.json.detail], [401, 'Invalid token']);
});

test('the site, the health of the backend and the redirect to TLS are served', { skip }, async () => {
  assert.match((await stack.ask('/')).body, /<title>GoGoMarket/);
  assert.match((await stack.ask('/some/page')).body, /<title>GoGoMarket/);
  assert.deepEqual((await stack.ask('/healthz')).json, { status: 'ok' });
  const plain = await send(`http://127.0.0.1:${stack.nginx.httpPort}/api/x?y=1`);
  assert.deepEqual([plain.status, plain.headers.location], [301, 'https://127.0.0.1/api/x?y=1']);
});

test('a review by a user of the backend is posted, edited and listed', { skip }, async () => {
  const path = '/api/products/1/reviews';
  const posted = await stack.ask(path, { method: 'POST', token, json: { rating: 4, text: 'Хорошо' } });
  assert.partialDeepStrictEqual(posted, { status: 200, json: { summary: { avg_rating: 4, count: 1 } } });
  const edited = await stack.ask(path, { method: 'POST', token, json: { rating: 5, text: null } });
  assert.equal(edited.json.review.id, posted.json.review.id);
  const listed = await stack.ask(path);
  // What only its author sees of it is in no list.
  const { status, reason, pending_edit, ...shown } = edited.json.review;
  assert.deepEqual([status, reason, pending_edit], ['published', null, null]);
  assert.deepEqual(listed.json.items, [{ ...shown, author_name: 'Anna' }]);
  assert.partialDeepStrictEqual(listed.json.summary, { avg_rating: 5, count: 1 });
  const unknown = await stack.ask('/api/products/99/reviews', { method: 'POST', token, json: { rating: 1 } });
  assert.equal(unknown.status, 404);
});

test('routes that look like ours stay the backend’s', { skip }, async () => {
  const review = { product_id: 1, rating: 3, comment: 'older table' };
  const added = await stack.ask('/api/reviews', { method: 'POST', token, json: review });
  assert.deepEqual([added.status, added.json.comment], [201, 'older table']);
  assert.equal((await stack.ask(`/api/reviews/${added.json.id}`)).status, 200);
  const removed = await stack.ask(`/api/reviews/${added.json.id}`, { method: 'DELETE', token });
  assert.deepEqual([removed.status, removed.body], [204, '']);
  assert.deepEqual((await stack.ask('/api/reviews')).json, []);
  assert.equal((await stack.ask('/api/products')).json.length, 2);
  assert.equal((await stack.ask('/api/products/1')).json.name, 'Lamp');
  assert.equal((await stack.ask('/api/products/1/like', { method: 'POST', token })).json.liked, true);
  assert.deepEqual((await stack.ask('/api/products/1/likes')).json, { count: 1 });
  const comment = { method: 'POST', token, json: { text: 'Nice' } };
  assert.equal((await stack.ask('/api/products/1/comments', comment)).status, 201);
  assert.deepEqual((await stack.ask('/api/products/1/comments')).json, [{ user_id: 1, text: 'Nice' }]);
});

test('a multipart upload of 20 MB reaches the backend byte for byte', { skip }, async () => {
  const file = randomBytes(20 * 1024 * 1024);
  const boundary = 'boundary-of-the-test';
  const head = `--${boundary}\r\nContent-Disposition: form-data; name="file"; filename="reel.mp4"\r\nContent-Type: video/mp4\r\n\r\n`;
  const body = Buffer.concat([Buffer.from(head), file, Buffer.from(`\r\n--${boundary}--\r\n`)]);
  const headers = { 'Content-Type': `multipart/form-data; boundary=${boundary}` };
  const answer = await stack.ask('/api/upload/video', { method: 'POST', token, headers, body });
  const sha256 = createHash('sha256').update(file).digest('hex');
  assert.deepEqual(answer.json, {
    filename: 'reel.mp4',
    content_type: 'video/mp4',
    size: file.length,
    sha256,
  });
});

test('a presigned upload goes to the storage and comes back, by range too', { skip }, async () => {
  const file = randomBytes(300_000);
  const asked = {
    kind: 'reel_video',
    filename: 'reel.mov',
    content_type: 'video/mp4',
    size_bytes: file.length,
  };
  const { status, json } = await stack.ask('/api/uploads', { method: 'POST', token, json: asked });
  assert.equal(status, 200);
  const put = await send(json.upload_url, { method: 'PUT', headers: json.headers, body: file });
  assert.equal(put.status, 200);
  const whole = await fetch(json.file_url);
  assert.deepEqual([whole.status, whole.headers.get('content-type')], [200, 'video/mp4']);
  assert.ok(file.equals(Buffer.from(await whole.arrayBuffer())));
  const part = await fetch(json.file_url, { headers: { Range: 'bytes=100-199' } });
  assert.equal(part.status, 206);
  assert.ok(file.subarray(100, 200).equals(Buffer.from(await part.arrayBuffer())));
});

test('the backend sees the address of the client, TLS and the host it asked for', { skip }, async () => {
  const headers = { 'X-Forwarded-For': '203.0.113.7', 'X-Forwarded-Proto': 'http' };
  const { json } = await stack.ask('/api/client', { localAddress: '127.0.0.2', headers });
  assert.deepEqual([json.address, json.scheme], ['127.0.0.2', 'https']);
  assert.equal(json.headers['x-forwarded-for'], '127.0.0.2');
  assert.equal(json.headers.host, `127.0.0.1:${stack.nginx.httpsPort}`);
});

test('a health check that sends no Host, as haproxy and Nagios do on HTTP/1.0, is answered by the backend', {
  skip,
}, async () => {
  const { ca } = stack;
  const ask = async (head: string) => {
    const socket = connect({ port: stack.nginx.httpsPort, host: '127.0.0.1', ca });
    await once(socket, 'secureConnect');
    return new RawConnection(socket).send(head).message();
  };
  const health = await ask('GET /healthz HTTP/1.0\r\n\r\n');
  assert.deepEqual([health.startLine, health.body], ['HTTP/1.1 200 OK', '{"status":"ok"}']);
  // An absolute target names the host, too (RFC 9112 §3.2.2); else it is the server's own name.
  for (const [target, host] of [
    ['/api/client', 'example.com'],
    ['https://shop.example.com/api/client', 'shop.example.com'],
  ]) {
    const { headers } = JSON.parse((await ask(`GET ${target} HTTP/1.0\r\n\r\n`)).body);
    assert.deepEqual([headers.host, headers['x-forwarded-host']], [host, host]);
  }
});

test('nginx, the sidecar and the backend call a request by one id', { skip }, async () => {
  const answer = await stack.ask('/api/client');
  const id = answer.headers['x-request-id'];
  assert.equal(answer.json.headers['x-request-id'], id);
  while (!stack.sidecar.log().some((line) => line.id === id)) await sleep(20);
});

test('events stream through', { skip }, async () => {
  const { headers, body } = await stack.ask('/api/events');
  assert.match(String(headers['content-type']), /^text\/event-stream/);
  assert.equal(body, 'data: 0\n\ndata: 1\n\ndata: 2\n\n');
});

test('the backend and the sidecar both speak TLS to PostgreSQL', { skip }, async () => {
  await stack.ask('/api/products/1/reviews');
  const rows = await query<{ application_name: string; all_tls: boolean }>(
    stack.databaseUrl,
    `SELECT application_name, bool_and(ssl) AS all_tls FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
      WHERE application_name LIKE 'gogomarket%' GROUP BY 1 ORDER BY 1`,
  );
  assert.deepEqual(rows, [
    { application_name: 'gogomarket-backend', all_tls: true },
    { application_name: 'gogomarket-sidecar', all_tls: true },
  ]);
});

test('with the backend away its routes are 502 with a sentence, ours go on, and it comes back', {
  skip,
}, async () => {
  await stack.restartBackend(async () => {
    const orders = await stack.ask('/api/orders', { token });
    assert.deepEqual([orders.status, orders.headers['retry-after']], [502, '1']);
    assert.deepEqual(orders.json, { detail: 'The backend cannot be reached.', code: 'bad_gateway' });
    assert.equal((await stack.ask('/healthz')).status, 502);
    assert.equal((await stack.ask('/api/products/1/reviews')).status, 200);
    const posted = { method: 'POST', token, json: { rating: 2, text: null } };
    assert.equal((await stack.ask('/api/products/2/reviews', posted)).status, 200);
  });
  assert.equal((await stack.ask('/api/orders', { token })).status, 200);
  assert.equal((await stack.ask('/healthz')).status, 200);
});
