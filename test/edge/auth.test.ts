/** Who may use our routes, and the words of the refusals (docs/contract.md, 3 and 4). */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { test } from 'node:test';
import jwt from 'jsonwebtoken';
import { createBackendTables, query, type TestDatabaseServer } from '../../scripts/lab/database.ts';
import { JWT_SECRET, tokenFor } from '../../scripts/lab/tokens.ts';
import { createRequireUser } from '../../src/edge/auth.ts';
import { AppError } from '../../src/errors.ts';
import type { Database } from '../../src/infra/postgres/database.ts';
import { createUserDirectory } from '../../src/infra/user-directory.ts';
import { api, untilReady } from '../support/api.ts';
import { sidecarWithDatabase } from '../support/sidecar-with-database.ts';
import { startSidecar, type TestSidecar } from '../support/start-sidecar.ts';

let server: TestDatabaseServer;
let url: string;
let sidecar: TestSidecar;

sidecarWithDatabase((started) => {
  ({ server, url, sidecar } = started);
});

const post = (authorization: string | undefined, to: TestSidecar = sidecar) =>
  api('POST', `${to.url}/api/products/1/reviews`, {
    json: { rating: 5 },
    headers: authorization === undefined ? {} : { authorization },
  });

const inAnHour = () => Math.floor(Date.now() / 1000) + 3600;
const signed = (payload: object, secret = JWT_SECRET, algorithm: jwt.Algorithm = 'HS256') =>
  `Bearer ${jwt.sign(payload, secret, { algorithm, noTimestamp: true })}`;

async function refused(authorization: string | undefined, detail: string): Promise<void> {
  const answer = await post(authorization);
  assert.deepEqual([answer.status, answer.body], [401, { detail, code: 'unauthorized' }], authorization);
}

test('no header, another scheme and an empty token are "Not authenticated"', async () => {
  for (const header of [undefined, 'Basic abc', 'Bearer', 'Bearer ', 'Token x'])
    await refused(header, 'Not authenticated');
});

test('a token that is malformed, badly signed, expired or without expiry is "Invalid token"', async () => {
  const payload = { user_id: 1, exp: inAnHour() };
  await refused('Bearer x', 'Invalid token');
  await refused('Bearer a.b.c', 'Invalid token');
  await refused(signed(payload, 'another secret'), 'Invalid token');
  await refused(signed({ user_id: 1, exp: Math.floor(Date.now() / 1000) - 1 }), 'Invalid token');
  await refused(signed({ user_id: 1 }), 'Invalid token');
  await refused(signed({ exp: inAnHour() }), 'Invalid token');
  for (const id of ['x', '', 1.5, 0, -1, null, true, {}, [1]])
    await refused(signed({ ...payload, user_id: id }), 'Invalid token');
});

test('a token of the same secret that was made for something else is "Invalid token"', async () => {
  const payload = { user_id: 1, exp: inAnHour() };
  for (const claims of [{ aud: 'reset-password' }, { iat: inAnHour() }, { nbf: inAnHour() }])
    await refused(`Bearer ${jwt.sign({ ...payload, ...claims }, JWT_SECRET)}`, 'Invalid token');
});

test('another algorithm is refused, "none" above all', async () => {
  const payload = { user_id: 1, exp: inAnHour() };
  await refused(signed(payload, JWT_SECRET, 'HS512'), 'Invalid token');
  const none = [{ alg: 'none', typ: 'JWT' }, payload].map((part) =>
    Buffer.from(JSON.stringify(part)).toString('base64url'),
  );
  await refused(`Bearer ${none.join('.')}.`, 'Invalid token');
});

test('user_id and sub are taken as number or digits, and Bearer in any case', async () => {
  for (const payload of [{ user_id: 1 }, { user_id: '1' }, { sub: '1' }, { sub: '2', user_id: 1 }]) {
    const answer = await post(signed({ ...payload, exp: inAnHour() }).replace('Bearer', 'bearer'));
    assert.equal(answer.status, 200, JSON.stringify(payload));
    assert.equal(answer.body.review.author_id, '1');
  }
});

test('a user that does not exist is "User not found", also one beyond every id', async () => {
  await refused(signed({ user_id: 999, exp: inAnHour() }), 'User not found');
  await refused(signed({ user_id: 99999999999, exp: inAnHour() }), 'User not found');
});

test('blocked and inactive users are 403', async () => {
  for (const id of [3, 4]) assert.equal((await post(`Bearer ${tokenFor(id)}`)).status, 403);
});

test('a block takes effect within seconds also when the clock is set back', async (t) => {
  const active = { name: 'Anna', avatar_url: null, role: 'buyer', is_active: true };
  let isBlocked = false;
  const users = createUserDirectory({
    query: async () => [{ ...active, is_blocked: isBlocked }],
    run: async () => undefined,
  } as unknown as Database);
  await users.find(1, Number.POSITIVE_INFINITY);
  isBlocked = true;
  const later = performance.now() + 6_000;
  t.mock.method(performance, 'now', () => later);
  t.mock.method(Date, 'now', () => 0);
  assert.equal((await users.find(1, Number.POSITIVE_INFINITY))?.isBlocked, true);
});

test('without a users table the token is enough', async () => {
  const bare = await server.createDatabase();
  const standalone = await startSidecar({ DATABASE_URL: bare });
  try {
    await untilReady(standalone);
    const answer = await post(`Bearer ${tokenFor(77)}`, standalone);
    assert.equal(answer.status, 200);
    assert.equal(answer.body.review.author_name, 'User 77');
    const listed = await api('GET', `${standalone.url}/api/products/1/reviews`);
    assert.equal(listed.body.items[0].author_name, 'User 77');
  } finally {
    await standalone.stop();
  }
});

test('an older users table without is_blocked will do', async () => {
  const old = await server.createDatabase();
  await createBackendTables(old);
  await query(old, 'ALTER TABLE users DROP COLUMN is_blocked');
  const older = await startSidecar({ DATABASE_URL: old });
  try {
    await untilReady(older);
    assert.equal((await post(`Bearer ${tokenFor(3)}`, older)).status, 200);
    assert.equal((await post(`Bearer ${tokenFor(4)}`, older)).status, 403);
  } finally {
    await older.stop();
  }
});

test('a database that is away is 503, never 401', async () => {
  const alone = await startSidecar({});
  try {
    const answer = await post(`Bearer ${tokenFor(1)}`, alone);
    assert.equal(answer.status, 503);
    assert.equal(answer.headers.get('retry-after'), '1');
    assert.deepEqual(
      await post('Bearer x', alone).then(({ status }) => status),
      401,
      'a bad token needs no database',
    );
  } finally {
    await alone.stop();
  }
});

test('RS256 works with a PEM, also one on a single line', async () => {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  const rsa = await startSidecar({
    DATABASE_URL: url,
    JWT_ALG: 'RS256',
    JWT_SECRET: publicKey.replaceAll('\n', '\\n'),
  });
  try {
    const payload = { user_id: 1, exp: inAnHour() };
    assert.equal((await post(signed(payload, privateKey, 'RS256'), rsa)).status, 200);
    assert.equal((await post(signed(payload, JWT_SECRET, 'HS256'), rsa)).status, 401);
  } finally {
    await rsa.stop();
  }
});

test('a key that does not go with the algorithm is our mistake and logs nobody out', async () => {
  const p384 = generateKeyPairSync('ec', {
    namedCurve: 'P-384',
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  const p256 = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  const payload = { user_id: 1, exp: inAnHour() };
  for (const [algorithm, key] of [
    ['ES256', p256.privateKey],
    ['HS256', JWT_SECRET],
  ] as const) {
    const requireUser = createRequireUser({
      token: { secret: p384.publicKey, algorithm },
      findUser: async () => null,
    });
    const authorization = signed(payload, key, algorithm);
    await assert.rejects(
      requireUser({ headers: { authorization } } as IncomingMessage),
      (error) => !(error instanceof AppError),
      algorithm,
    );
  }
});
