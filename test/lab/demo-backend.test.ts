/** The demo backend speaks as the FastAPI backend does, so that what works in front of it works in production. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import jwt from 'jsonwebtoken';
import {
  createBackendTables,
  query,
  startTestDatabase,
  type TestDatabaseServer,
} from '../../scripts/lab/database.ts';
import {
  belongsToAnotherBackend,
  type DemoBackend,
  startDemoBackend,
} from '../../scripts/lab/demo-backend/server.ts';
import { until } from '../../scripts/lab/programs.ts';
import { connectRaw, exchangeRaw } from '../../scripts/lab/raw-connection.ts';
import { JWT_SECRET, tokenFor } from '../../scripts/lab/tokens.ts';
import { handshake, openWebSocket, serverFrame, textFrame } from '../../scripts/lab/websocket.ts';
import { api } from '../support/api.ts';

const THIRTY_DAYS_S = 30 * 24 * 3600;

describe('demo backend', () => {
  let server: TestDatabaseServer;
  let mediaDir: string;
  let databaseUrl: string;
  let demo: DemoBackend;
  const start = () => startDemoBackend({ port: 0, databaseUrl, jwtSecret: JWT_SECRET, mediaDir });

  before(async () => {
    server = await startTestDatabase();
    databaseUrl = await server.createDatabase();
    mediaDir = await mkdtemp(join(tmpdir(), 'sidecar-test-media-'));
    demo = await start();
  });
  after(async () => {
    await demo.stop();
    await server.stop();
    await rm(mediaDir, { recursive: true, force: true });
  });

  test('logs the four demo users in, with a token of 30 days that holds user_id and exp only', async () => {
    for (const role of ['buyer', 'seller', 'courier', 'admin']) {
      const email = `${role}@demo.com`;
      const { status, body } = await logIn({ email, password: 'demo123' });
      assert.equal(status, 200);
      assert.equal(body.token_type, 'bearer');
      assert.equal(body.user.role, role);
      assert.equal(JSON.stringify(body).includes('password'), false);
      const claims = jwt.verify(body.access_token, JWT_SECRET) as jwt.JwtPayload;
      assert.deepEqual(Object.keys(claims).sort(), ['exp', 'user_id']);
      assert.ok(Math.abs((claims.exp ?? 0) - Date.now() / 1000 - THIRTY_DAYS_S) < 60);
      const me = await api('GET', `${demo.url}/api/auth/me`, { token: body.access_token });
      assert.equal(me.body.email, email);
    }
  });

  test('refuses a wrong password, and a body that is no login, in the backend’s words', async () => {
    for (const email of ['buyer@demo.com', 'nobody@demo.com']) {
      const { status, body } = await logIn({ email, password: 'wrong' });
      assert.equal(status, 401);
      assert.deepEqual(body, { detail: 'Incorrect email or password' });
    }
    for (const rawBody of [
      '',
      '{',
      '[]',
      'null',
      '1',
      '{"email":"a\\u0000b","password":"x"}',
      '{"email":"a@b"}',
    ]) {
      const answer = await api('POST', `${demo.url}/api/auth/login`, { rawBody });
      assert.equal(answer.status, 422, rawBody);
      assert.ok(Array.isArray(answer.body.detail), rawBody);
    }
  });

  test('keeps orders and the own account for signed-in users', async () => {
    for (const path of ['/api/orders', '/api/auth/me']) {
      assert.deepEqual(await refusal(path, {}), { detail: 'Not authenticated' });
      assert.deepEqual(await refusal(path, { token: 'nonsense' }), { detail: 'Invalid token' });
      assert.deepEqual(await refusal(path, { token: tokenFor(1, 'other secret') }), {
        detail: 'Invalid token',
      });
      assert.deepEqual(await refusal(path, { user: 4711 }), { detail: 'User not found' });
      assert.deepEqual(await refusal(path, { user: 2 ** 40 }), { detail: 'Invalid token' });
    }
    const { body } = await api('GET', `${demo.url}/api/orders`, { token: demo.buyerToken });
    assert.equal(body.length, 1);
    assert.equal(body[0].status, 'delivered');
    assert.deepEqual(body[0].items, [{ product_id: 1, quantity: 1, price: 25 }]);
  });

  test('shows products to everyone', async () => {
    const { body } = await api('GET', `${demo.url}/api/products`);
    assert.deepEqual(
      body.map((product: { id: number; price: number }) => [product.id, product.price]),
      [
        [1, 25],
        [2, 12.5],
        [3, 49],
      ],
    );
    assert.equal((await api('GET', `${demo.url}/api/products/2`)).body.name, 'Clay mug');
    assert.deepEqual((await api('GET', `${demo.url}/api/products/99`)).body, { detail: 'Product not found' });
    assert.equal((await api('GET', `${demo.url}/api/products/x`)).status, 422);
  });

  test('has reviews of its own in an older table, and none of the sidecar’s routes or tables', async () => {
    const json = { product_id: 1, rating: 4, comment: 'old' };
    const added = await api('POST', `${demo.url}/api/reviews`, { token: demo.buyerToken, json });
    assert.equal(added.status, 200);
    const listed = await api('GET', `${demo.url}/api/reviews`);
    assert.equal(listed.body[0].comment, 'old');
    for (const [method, path] of [
      ['GET', '/api/products/1/reviews'],
      ['POST', '/api/products/1/reviews'],
      ['POST', '/api/uploads'],
      ['GET', '/nowhere'],
    ] as const) {
      const { status, body } = await api(method, `${demo.url}${path}`);
      assert.deepEqual([status, body], [404, { detail: 'Not Found' }], path);
    }
    const [found] = await query<{ table: string | null }>(
      databaseUrl,
      `SELECT to_regclass('product_reviews') AS table`,
    );
    assert.equal(found?.table, null);
  });

  test('answers methods as FastAPI does: 405 for what a path does not take, HEAD too', async () => {
    assert.deepEqual((await api('GET', `${demo.url}/healthz`)).body, { status: 'ok' });
    assert.equal((await api('HEAD', `${demo.url}/healthz`)).status, 405);
    assert.equal((await api('DELETE', `${demo.url}/api/products`)).status, 405);
    assert.equal((await api('OPTIONS', `${demo.url}/api/products`)).status, 405);
    assert.equal((await api('GET', `${demo.url}/API/products`)).status, 404);
  });

  test('allows every origin as Starlette’s CORSMiddleware does', async () => {
    const url = `${demo.url}/api/products`;
    const headers = { origin: 'https://example.com' };
    const plain = await api('GET', url, { headers });
    assert.equal(plain.headers.get('access-control-allow-origin'), '*');
    assert.equal(plain.headers.get('access-control-allow-credentials'), 'true');
    const withCookie = await api('GET', url, { headers: { ...headers, cookie: 'a=b' } });
    assert.equal(withCookie.headers.get('access-control-allow-origin'), 'https://example.com');
    const preflight = await exchangeRaw(
      demo.port,
      'OPTIONS /api/any HTTP/1.1\r\nHost: a\r\nOrigin: https://example.com\r\nAccess-Control-Request-Method: PATCH\r\n' +
        'Access-Control-Request-Headers: authorization\r\n\r\n',
    );
    assert.match(preflight.startLine, / 200 /);
    assert.equal(preflight.header('access-control-allow-origin'), 'https://example.com');
    assert.equal(
      preflight.header('access-control-allow-methods'),
      'DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT',
    );
    assert.equal(preflight.header('access-control-allow-headers'), 'authorization');
    assert.equal(preflight.header('access-control-max-age'), '600');
  });

  test('stores the file of a multipart form and serves it with ranges', async () => {
    const content = Buffer.alloc(300_000, 'video\r\n--bytes');
    const form = new FormData();
    form.append('title', 'mine');
    form.append('file', new Blob([content], { type: 'video/mp4' }), 'clip.mp4');
    const answer = await upload(form);
    assert.equal(answer.status, 200);
    const { url } = (await answer.json()) as { url: string };
    assert.match(url, /^\/media\/[0-9a-f-]{36}\.mp4$/);
    const whole = await fetch(`${demo.url}${url}`);
    assert.equal(whole.headers.get('content-type'), 'video/mp4');
    assert.ok(Buffer.from(await whole.arrayBuffer()).equals(content));
    const part = await fetch(`${demo.url}${url}`, { headers: { range: 'bytes=10-19' } });
    assert.equal(part.status, 206);
    assert.equal(part.headers.get('content-range'), `bytes 10-19/${content.length}`);
    assert.equal(await part.text(), content.subarray(10, 20).toString());
  });

  test('keeps nothing of an upload without a file, cut short, or too large', async () => {
    const before = await readdir(mediaDir);
    const form = new FormData();
    form.append('title', 'no file');
    assert.equal((await upload(form)).status, 422);
    assert.equal(
      (await api('POST', `${demo.url}/api/upload/video`, { token: demo.buyerToken, json: {} })).status,
      422,
    );
    const head = (length: number) =>
      `POST /api/upload/video HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${demo.buyerToken}\r\n` +
      `Content-Type: multipart/form-data; boundary=cut\r\nContent-Length: ${length}\r\n\r\n`;
    const file = '--cut\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nbytes';
    const early = await exchangeRaw(demo.port, head(file.length) + file);
    assert.match(early.startLine, / 400 /);
    assert.match((await exchangeRaw(demo.port, head(201 * 1024 * 1024))).startLine, / 413 /);
    // The answer may be there a moment before the file is gone.
    await until('the file to go', async () => (await readdir(mediaDir)).length <= before.length);
    assert.deepEqual(await readdir(mediaDir), before);
  });

  test('serves nothing from outside the media folder', async () => {
    for (const name of ['..%2f..%2fetc%2fpasswd', '%2e%2e', '.hidden', 'none.mp4', '%00', '%zz']) {
      const { startLine } = await exchangeRaw(demo.port, `GET /media/${name} HTTP/1.1\r\nHost: a\r\n\r\n`);
      assert.match(startLine, / 4\d\d /, name);
    }
  });

  test('passes chat messages on within a room only', async () => {
    const [anna, boris, other] = await Promise.all(['7', '7', '8'].map((room) => openChat(demo.port, room)));
    assert.ok(anna && boris && other);
    const long = JSON.stringify({ text: 'ä'.repeat(100_000) });
    anna.send(long);
    assert.equal(await boris.next(), long);
    assert.equal(await anna.next(), long);
    other.send('{"text":"alone"}');
    assert.equal(await other.next(), '{"text":"alone"}');
    for (const chat of [anna, boris, other]) await chat.close();
  });

  test('reads frames that come with the handshake, and refuses what is no room with 403', async () => {
    const connection = await connectRaw(demo.port);
    connection.send(Buffer.concat([Buffer.from(handshake('/ws/chat/9')), textFrame('{"early":1}')]));
    assert.match((await connection.message()).startLine, / 101 /);
    await connection.take(serverFrame('{"early":1}'));
    // Unmasked, which no client may send: closed with 1002.
    connection.send(Buffer.from([0x81, 0x00]));
    await connection.take('\x88\x02\x03\xea');
    connection.destroy();
    const { connection: refused, answer } = await openWebSocket(demo.port, '/ws/other');
    assert.match(answer.startLine, / 403 /);
    refused.destroy();
  });

  test('starts again on its own database without doubling anything, several at once too', async () => {
    const again = await Promise.all([start(), start()]);
    for (const one of again) await one.stop();
    const [counts] = await query(
      databaseUrl,
      `SELECT (SELECT count(*) FROM users) AS users, (SELECT count(*) FROM products) AS products,
              (SELECT count(*) FROM order_items) AS items`,
    );
    assert.deepEqual(counts, { users: '4', products: '3', items: '1' });
  });

  test('does not write its well-known users into the database of another backend', async () => {
    const foreign = await server.createDatabase();
    assert.equal(await belongsToAnotherBackend(foreign), false);
    await createBackendTables(foreign);
    assert.equal(await belongsToAnotherBackend(foreign), true);
    assert.equal(await belongsToAnotherBackend(databaseUrl), false);
    const options = { port: 0, databaseUrl: foreign, jwtSecret: JWT_SECRET, mediaDir };
    await assert.rejects(startDemoBackend(options), /did not make/);
    const admins = await query(foreign, `SELECT 1 FROM users WHERE email = 'admin@demo.com'`);
    assert.equal(admins.length, 0);
    await query(foreign, 'CREATE SCHEMA shop; ALTER TABLE users SET SCHEMA shop');
    assert.equal(await belongsToAnotherBackend(foreign), true, 'its users are in another schema');
  });

  const logIn = (json: unknown) => api('POST', `${demo.url}/api/auth/login`, { json });

  const upload = (body: FormData) =>
    fetch(`${demo.url}/api/upload/video`, {
      method: 'POST',
      headers: { authorization: `Bearer ${demo.buyerToken}` },
      body,
    });

  async function refusal(path: string, request: { token?: string; user?: number }): Promise<unknown> {
    const { status, body } = await api('GET', `${demo.url}${path}`, request);
    assert.equal(status, 401);
    return body;
  }
});

/** A chat client: Node's own WebSocket. */
async function openChat(port: number, room: string) {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/ws/chat/${room}`);
  const received: string[] = [];
  socket.addEventListener('message', ({ data }) => received.push(String(data)));
  await once(socket, 'open');
  return {
    send: (text: string) => socket.send(text),
    async next(): Promise<string> {
      if (received.length === 0) await once(socket, 'message', { signal: AbortSignal.timeout(60_000) });
      return received.shift() ?? '';
    },
    async close() {
      socket.close();
      await once(socket, 'close');
    },
  };
}
