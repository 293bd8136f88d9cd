/** Who may see the console: this machine alone, by its own names, and no other page. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { after, before, test } from 'node:test';
import { contentSecurityPolicy, folderOf } from '../../../scripts/dev/console/api/page-files.ts';
import { exchangeRaw } from '../../../scripts/lab/raw-connection.ts';
import { type ConsoleScene, startConsoleScene } from './console-scene.ts';

let scene: ConsoleScene;
before(async () => {
  scene = await startConsoleScene({ HOST: '0.0.0.0' });
});
after(() => scene[Symbol.asyncDispose]());

const get = (headers: string, path = '/dev') =>
  exchangeRaw(scene.port, `GET ${path} HTTP/1.1\r\n${headers}\r\n`);

test('it answers by the names that only this machine has', async () => {
  for (const name of ['127.0.0.1', 'localhost', '[::1]', 'LOCALHOST']) {
    const answer = await get(`Host: ${name}:${scene.port}\r\n`);
    assert.match(answer.startLine, / 200 /, name);
    assert.match(answer.body, /<div id="app">/);
  }
});

test('a name that somebody lets lead here is refused, with the address that works', async () => {
  for (const name of [
    `evil.example:${scene.port}`,
    'localhost',
    `127.0.0.1:${scene.port + 1}`,
    `127.0.0.1.evil.example:${scene.port}`,
  ]) {
    for (const path of ['/dev', '/dev/', '/dev?x', '/dev/api/live', '/dev/app/app.js']) {
      const answer = await get(`Host: ${name}\r\n`, path);
      assert.match(answer.startLine, / 403 /, `${name} ${path}`);
      const { detail, code } = JSON.parse(answer.body);
      assert.equal(code, 'console_wrong_host');
      assert.ok(detail.includes(`http://127.0.0.1:${scene.port}/dev`), detail);
    }
  }
});

test('behind a proxy it is refused, whose clients all look local', async () => {
  const answer = await get(`Host: 127.0.0.1:${scene.port}\r\nX-Forwarded-For: 203.0.113.7\r\n`);
  assert.match(answer.startLine, / 403 /);
  assert.equal(JSON.parse(answer.body).code, 'console_behind_proxy');
});

test('from another machine it is refused', async (t) => {
  const own = Object.values(networkInterfaces())
    .flat()
    .find((one) => one?.family === 'IPv4' && !one.internal);
  if (own === undefined) return t.skip('this machine has no address but loopback');
  const answer = await fetch(`http://${own.address}:${scene.port}/dev`);
  assert.equal(answer.status, 403);
  assert.match(await answer.text(), /"code":"console_not_local"/);
});

test('another page may change nothing', async () => {
  const clear = (headers: Record<string, string>) =>
    scene.ask('/clear', { method: 'POST', json: {}, headers });
  for (const headers of [
    { Origin: 'https://evil.example' },
    { Origin: 'null' },
    { Origin: `http://127.0.0.1:${scene.port + 1}` },
    { 'Sec-Fetch-Site': 'cross-site' },
    { 'Sec-Fetch-Site': 'same-site', Origin: scene.url },
  ]) {
    const answer = await clear(headers);
    assert.deepEqual(
      [answer.status, answer.body.code],
      [403, 'console_cross_origin'],
      JSON.stringify(headers),
    );
  }
  assert.equal((await clear({ Origin: scene.url, 'Sec-Fetch-Site': 'same-origin' })).status, 200);
});

test('the ports behind it answer nobody without the key', async () => {
  const flag = scene.console.nodeFlags[1] ?? '';
  const file = new URL(flag).searchParams.get('link') ?? '';
  const { pagePort } = JSON.parse(readFileSync(file, 'utf8'));
  const answer = await fetch(`http://127.0.0.1:${pagePort}/dev`);
  assert.equal(answer.status, 403);
});

test('the page runs no script but its own', async () => {
  const { headers, text } = await scene.ask('/../');
  const policy = String(headers['content-security-policy']);
  assert.match(policy, /default-src 'none'/);
  assert.doesNotMatch(policy, /unsafe|\*|https?:/);
  assert.doesNotMatch(text, /https?:|style=|onclick/);
});

test('files go to the storage and are shown from it; nothing else is', () => {
  const storage = 'http://127.0.0.1:9100';
  const named = contentSecurityPolicy([storage])
    .split('; ')
    .filter((directive) => directive.includes(storage))
    .map((directive) => directive.split(' ')[0]);
  assert.deepEqual(named, ['img-src', 'media-src', 'connect-src']);
});

test('paths that only begin like it are the sidecar’s, and none leads out of its folder', async () => {
  assert.equal((await fetch(`${scene.url}/developer`)).status, 404);
  for (const path of [
    '/dev/app/..%2fguard.ts',
    '/dev/lib/preact/../../package.json',
    '/dev/app/.env',
    '/dev/app/strings/..%2f..%2fguard.ts',
    '/dev/examples/tsconfig.json',
    '/dev/lib/swagger-ui-dist/package.json',
    '/dev/lib/evil/a.js',
  ]) {
    const answer = await get(`Host: 127.0.0.1:${scene.port}\r\n`, path);
    assert.match(answer.startLine, / 404 /, path);
  }
});

test('a package of the page that is not installed is a sentence with the command', () => {
  assert.throws(() => folderOf('no-such-package'), { status: 503, message: /no-such-package.*npm ci/ });
});
