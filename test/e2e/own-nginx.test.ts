/** An Nginx file of before, which lacks what deploy/nginx has: docs/operations.md tells its symptoms. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { after, before, test } from 'node:test';
import { type ScriptedBackend, startScriptedBackend } from '../../scripts/lab/scripted-backend.ts';
import { startDeployedNginx } from '../support/deployed-nginx.ts';
import { send } from '../support/https-client.ts';
import { skipWithout } from '../support/requirements.ts';
import { startSidecar, type TestSidecar } from '../support/start-sidecar.ts';

const OPERATIONS = resolve(import.meta.dirname, '../../docs/operations.md');
const skip = skipWithout(['nginx', 'openssl']);
/** Nginx's own defaults, but that its time-out is 1 s instead of 60. */
const OF_BEFORE = [
  ['        client_max_body_size 0;\n', ''],
  ['        proxy_read_timeout 310s;', '        proxy_read_timeout 1s;'],
] as const;
let backend: ScriptedBackend;
let sidecar: TestSidecar;
before(async () => {
  if (skip) return;
  backend = await startScriptedBackend(async (connection) => {
    for (;;) await connection.message();
  });
  sidecar = await startSidecar({ BACKEND_URL: backend.url, BACKEND_HEADERS_TIMEOUT_MS: '3000' });
});
after(async () => {
  await sidecar?.stop();
  await backend?.stop();
});

async function ask(changes: typeof OF_BEFORE | readonly [], bytes: number) {
  const nginx = await startDeployedNginx(sidecar.port, changes);
  const { status, headers, body } = await send(`${nginx.url}/api/slow`, {
    ca: readFileSync(nginx.caPath),
    method: 'POST',
    body: 'x'.repeat(bytes),
  });
  await nginx.stop();
  return { status, type: headers['content-type'], body };
}

test('a body above 1 MB is an HTML 413 of its own', { skip }, async () => {
  const answer = await ask(OF_BEFORE, 1_100_000);
  assert.deepEqual([answer.status, answer.type], [413, 'text/html']);
});

test('its time-out is an HTML 504 ahead of ours', { skip }, async () => {
  const answer = await ask(OF_BEFORE, 10);
  assert.deepEqual([answer.status, answer.type], [504, 'text/html']);
});

test('for a rollback past an earlier module it answers 404 as the document has it, and nothing else', {
  skip,
}, async () => {
  const location = /```nginx\n([\s\S]*?)```/.exec(readFileSync(OPERATIONS, 'utf8'))?.[1] ?? '';
  const nginx = await startDeployedNginx(sidecar.port, [
    ['    location ~ ^/api(/|$) {', `${location}\n    location ~ ^/api(/|$) {`],
  ]);
  const get = (path: string) => send(`${nginx.url}${path}`, { ca: readFileSync(nginx.caPath) });
  for (const path of ['/api/uploads', '/api/products/1/reviews?limit=5']) {
    const { status, headers, body } = await get(path);
    assert.deepEqual(
      [status, headers['content-type'], body],
      [404, 'application/json', '{"detail":"Not Found"}'],
    );
  }
  assert.equal((await get('/api/uploads/limits')).status, 501);
  await nginx.stop();
});

test('with the shipped file the sidecar answers, in words that the apps show', { skip }, async () => {
  const answer = await ask([], 1_100_000);
  assert.equal(answer.status, 504);
  assert.match(answer.body, /^\{"detail":"The backend did not answer in time\."/);
});
