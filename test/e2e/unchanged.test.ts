/** What the backend says is what the client gets: the same requests asked of uvicorn, of the sidecar, and through nginx. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exchangeRaw, type RawMessage } from '../../scripts/lab/raw-connection.ts';
import { type Stack, stackForTests } from '../support/e2e-stack.ts';
import { type ClientAnswer, type ClientRequest, send } from '../support/https-client.ts';

let stack: Stack;
let token: string;
const skip = stackForTests((started) => {
  ({ stack, token } = started);
});

interface Case {
  readonly what: string;
  readonly status: number;
  readonly method?: string;
  readonly path: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
  readonly withToken?: boolean;
  /** nginx refuses it itself. */
  readonly notThroughNginx?: boolean;
}

const ORIGIN = { Origin: 'https://shop.example.com' };
const JSON_TYPE = { 'Content-Type': 'application/json' };
const preflight = (method: string) => ({
  ...ORIGIN,
  'Access-Control-Request-Method': method,
  'Access-Control-Request-Headers': 'authorization,content-type',
});

const CASES: readonly Case[] = [
  { what: 'GET', status: 200, path: '/api/products' },
  { what: 'GET with a query', status: 200, path: '/api/products?q=%D0%BB%D0%B0%D0%BC%D0%BF%D0%B0&x=a+b' },
  { what: 'GET with a token', status: 200, path: '/api/orders', withToken: true },
  { what: 'the health route', status: 200, path: '/healthz' },
  { what: 'HEAD on a GET route', status: 405, method: 'HEAD', path: '/api/products' },
  { what: '401 without a token', status: 401, path: '/api/orders' },
  { what: '404 of a route', status: 404, path: '/api/nowhere' },
  { what: '404 of a thing', status: 404, path: '/api/products/99' },
  { what: '405', status: 405, method: 'DELETE', path: '/api/products' },
  { what: '422 of a path', status: 422, path: '/api/products/lamp' },
  {
    what: '422 of a body',
    status: 422,
    method: 'POST',
    path: '/api/auth/login',
    headers: JSON_TYPE,
    body: '{}',
  },
  {
    what: '422 of broken JSON',
    status: 422,
    method: 'POST',
    path: '/api/auth/login',
    headers: JSON_TYPE,
    body: '{',
  },
  { what: 'GET with an origin', status: 200, path: '/api/products', headers: ORIGIN },
  {
    what: 'GET with an origin and a cookie',
    status: 200,
    path: '/api/products',
    headers: { ...ORIGIN, Cookie: 'a=b' },
  },
  { what: 'an error with an origin', status: 404, path: '/api/nowhere', headers: ORIGIN },
  { what: 'a preflight', status: 200, method: 'OPTIONS', path: '/api/orders', headers: preflight('GET') },
  {
    what: 'a preflight for a method of a reviews path that is not ours',
    ...{ status: 200, method: 'OPTIONS', path: '/api/products/1/reviews', headers: preflight('PATCH') },
  },
  {
    what: 'a preflight for a method nobody knows',
    status: 400,
    method: 'OPTIONS',
    path: '/api/x',
    headers: preflight('BREW'),
  },
  { what: 'OPTIONS that is no preflight', status: 405, method: 'OPTIONS', path: '/api/products' },
  { what: 'a redirect to the path without a slash', status: 307, path: '/api/products/' },
  { what: 'PUT on the uploads path', status: 404, method: 'PUT', path: '/api/uploads', body: '{}' },
  { what: 'the uploads path with a slash', status: 404, method: 'POST', path: '/api/uploads/', body: '{}' },
  {
    what: 'PATCH on a reviews path',
    status: 404,
    method: 'PATCH',
    path: '/api/products/1/reviews',
    body: '{}',
  },
  { what: 'a path with a broken %', status: 404, path: '/api/%zz', notThroughNginx: true },
  { what: 'two slashes in a path', status: 404, path: '/api//products' },
  {
    what: 'an upload without a file',
    status: 422,
    method: 'POST',
    path: '/api/upload/image',
    withToken: true,
    body: '',
  },
];

/** Of the connection, of the moment, or added for tracing. */
const OF_THE_HOP = /^(connection|keep-alive|transfer-encoding|date|x-request-id)$/i;

const rawRequest = ({ method = 'GET', path, headers = {}, body = '', withToken }: Case) => {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const bearer = withToken ? `Authorization: Bearer ${token}\r\n` : '';
  const length = method === 'GET' || method === 'HEAD' ? '' : `Content-Length: ${body.length}\r\n`;
  return `${method} ${path} HTTP/1.1\r\nHost: shop.example.com\r\nConnection: close\r\n${bearer}${length}${lines.join('')}\r\n${body}`;
};

const comparable = ({ startLine, headers, body }: RawMessage) => ({
  startLine,
  headers: headers.filter(([name]) => !OF_THE_HOP.test(name)),
  body,
});

const comparableAnswer = ({ status, headers, body }: ClientAnswer) => ({
  status,
  // nginx puts its own name in, and Content-Type first.
  headers: Object.entries(headers)
    .filter(([name]) => !OF_THE_HOP.test(name) && name !== 'server')
    .sort(([a], [b]) => a.localeCompare(b)),
  body,
});

for (const one of CASES) {
  test(`the sidecar passes the backend's answer on byte for byte: ${one.what}`, { skip }, async () => {
    const options = { bodyless: one.method === 'HEAD' };
    const direct = await exchangeRaw(stack.backend.port, rawRequest(one), options);
    const passed = await exchangeRaw(stack.sidecar.port, rawRequest(one), options);
    assert.match(direct.startLine, new RegExp(`^HTTP/1\\.1 ${one.status} `));
    assert.deepEqual(comparable(passed), comparable(direct));
  });
}

test('through nginx too, status, headers and body are the backend’s', { skip }, async () => {
  const host = new URL(stack.nginx.url).host;
  for (const one of CASES.filter(({ notThroughNginx }) => !notThroughNginx)) {
    const { what, status, method = 'GET', path, headers, body, withToken } = one;
    const request: ClientRequest = {
      method,
      // uvicorn believes X-Forwarded-Proto from this machine; redirects name the scheme.
      headers: { ...headers, Host: host, 'X-Forwarded-Proto': 'https' },
      ...(body === undefined ? {} : { body }),
      ...(withToken ? { token } : {}),
    };
    const direct = await send(`${stack.backend.url}${path}`, request);
    const passed = await stack.ask(path, request);
    assert.equal(direct.status, status, what);
    assert.deepEqual(comparableAnswer(passed), comparableAnswer(direct), what);
  }
});

test('an answer that uvicorn frames in two ways arrives whole, without its length', { skip }, async () => {
  const raw = 'GET /api/framed-twice HTTP/1.1\r\nHost: a\r\n\r\n';
  const direct = await exchangeRaw(stack.backend.port, raw);
  const framing = [direct.header('content-length'), direct.header('transfer-encoding')];
  assert.deepEqual([framing, direct.body], [['5', 'chunked'], 'hello']);
  const passed = await exchangeRaw(stack.sidecar.port, raw);
  assert.deepEqual([passed.startLine, passed.body], ['HTTP/1.1 200 OK', 'hello']);
  assert.equal(passed.header('content-length'), undefined);
  const throughNginx = await stack.ask('/api/framed-twice');
  assert.deepEqual([throughNginx.status, throughNginx.body], [200, 'hello']);
});

test('a path that only looks like the API is nobody’s', { skip }, async () => {
  for (const path of ['/apix', '/API/products', '/healthz/', '//api/products']) {
    const answer = await send(`${stack.sidecar.url}${path}`);
    assert.deepEqual([answer.status, answer.json], [404, { detail: 'Not Found', code: 'not_found' }], path);
  }
});

test('a path that hides one of ours is refused, through nginx as well', { skip }, async () => {
  for (const path of ['/api/%75ploads', '/api/products/1%2Freviews', '/api/x/../uploads']) {
    const raw = `POST ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}`;
    assert.match((await exchangeRaw(stack.sidecar.port, raw)).startLine, / 400 /, path);
  }
  const encoded = await stack.ask('/api/%75ploads', { method: 'POST', token, json: {} });
  assert.equal(encoded.status, 400);
});
