/** scripts/smoke_test_prod.sh and backend_acceptance_checks.sh against the whole stack, passing and failing. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { resolve } from 'node:path';
import { test } from 'node:test';
import { query } from '../../scripts/lab/database.ts';
import { type Stack, stackForTests } from '../support/e2e-stack.ts';
import { runScript, type ScriptRun } from '../support/smoke-script.ts';

let stack: Stack;
const skip = stackForTests(
  (started) => {
    ({ stack } = started);
  },
  ['bash', 'curl'],
);
const SMOKE = 'smoke_test_prod.sh';
const CHECKS = 'backend_acceptance_checks.sh';

const settings = () => ({ WEB_URL: stack.nginx.url, API_URL: stack.nginx.url, API_INSECURE: '1' });
const everything = () => ({ ...settings(), RUN_BACKEND_CHECKS: 'true', SMOKE_UPLOAD: 'Yes' });

/** Passwords, JSON web tokens, signatures of upload URLs. */
const SECRET = /demo123|hunter2|eyJ[\w-]+\.|X-Amz-Signature|Bearer e/;

function assertNoSecret({ stdout, stderr, curlArguments }: ScriptRun): void {
  assert.doesNotMatch(stdout + stderr, SECRET);
  assert.doesNotMatch(curlArguments, SECRET);
}

function assertFails(run: ScriptRun, step: string, reason: RegExp): void {
  assert.equal(run.status, 1, run.stdout + run.stderr);
  const lines = run.stderr.trimEnd().split('\n');
  assert.equal(lines.length, 1, run.stderr);
  assert.ok(lines[0]?.startsWith(`FAIL ${step}`), run.stderr);
  assert.match(run.stderr, reason);
  assert.doesNotMatch(run.stdout, /passed/);
  assertNoSecret(run);
}

const stepsOf = (run: ScriptRun) => [...run.stdout.matchAll(/^ok {3}(.*)$/gm)].map(([, step]) => step);
const skipsOf = (run: ScriptRun) => [...run.stdout.matchAll(/^skip (.*)$/gm)].map(([, what]) => what);

test('everything passes through nginx, uploads included, and nothing secret shows', { skip }, async () => {
  const run = await runScript(SMOKE, everything());
  assert.deepEqual([run.status, run.stderr], [0, '']);
  assert.deepEqual(stepsOf(run), [
    'web /',
    'web /main.dart.js',
    'web /version.json',
    'web /.last_build_id',
    'health (GET /healthz)',
    'login (POST /api/auth/login)',
    'user (GET /api/auth/me)',
    'orders (GET /api/orders)',
    'the sidecar answers (GET /api/uploads/limits)',
    'login (POST /api/auth/login)',
    'reviews GET (/api/products/1/reviews)',
    'reviews POST without a token (/api/products/1/reviews)',
    'reviews POST (/api/products/1/reviews)',
    'upload contract (POST /api/uploads)',
    'upload without a token',
    'upload of a type that is not allowed',
    'upload that is too large',
    'upload of no bytes',
    'upload PUT (upload_url)',
    'upload read back (file_url)',
    'upload read in part (Range)',
  ]);
  assert.deepEqual(skipsOf(run), [
    'certificate of API_URL: API_INSECURE is on',
    'certificate of FEATURE_API_URL: API_INSECURE is on',
    'certificate of API_URL: API_INSECURE is on',
    'certificate of WEB_URL: API_INSECURE is on',
  ]);
  assertNoSecret(run);
});

test('without RUN_BACKEND_CHECKS nothing is written, and what was left out is said', { skip }, async () => {
  const count = async () => (await query(stack.databaseUrl, 'SELECT 1 FROM product_reviews')).length;
  const before = await count();
  const run = await runScript(SMOKE, { ...settings(), PRODUCT_ID: '2', RUN_BACKEND_CHECKS: 'OFF' });
  assert.deepEqual([run.status, stepsOf(run).length], [0, 8]);
  assert.equal(skipsOf(run).at(-1), 'reviews and uploads: RUN_BACKEND_CHECKS is off');
  assert.equal(await count(), before);
});

test('the backend checks run alone, for another user and product', { skip }, async () => {
  const run = await runScript(CHECKS, {
    API_URL: stack.backend.url,
    FEATURE_API_URL: `${stack.nginx.url}/`,
    FEATURE_API_INSECURE: '1',
    SMOKE_EMAIL: 'quote@demo.com',
    SMOKE_PASSWORD: 'pa"ss\\wörd&',
    PRODUCT_ID: '2',
  });
  assert.deepEqual([run.status, run.stderr], [0, '']);
  const rows = await query(
    stack.databaseUrl,
    "SELECT author_id, rating FROM product_reviews WHERE product_id = '2'",
  );
  assert.deepEqual(rows, [{ author_id: '3', rating: 5 }]);
});

test('a review that waits for a moderator, or that only buyers may write, is nothing wrong', {
  skip,
}, async () => {
  const [product] = await query<{ id: number }>(
    stack.databaseUrl,
    `INSERT INTO products (seller_id, name, price) SELECT seller_id, 'New', price FROM products LIMIT 1 RETURNING id`,
  );
  const run = async (env: Record<string, string>) => {
    const { url } = await stack.anotherSidecar(env);
    return runScript(CHECKS, { ...settings(), FEATURE_API_URL: url, PRODUCT_ID: String(product?.id) });
  };
  const buyersOnly = await run({ REVIEWS_REQUIRE_PURCHASE: 'true' });
  assert.deepEqual([buyersOnly.status, buyersOnly.stderr], [0, '']);
  assert.ok(skipsOf(buyersOnly).some((what) => what?.startsWith('writing a review: only buyers')));
  const beforehand = await run({ REVIEWS_MODERATION: 'pre' });
  assert.deepEqual([beforehand.status, beforehand.stderr], [0, '']);
  assert.match(beforehand.stdout, /^ok {3}reviews POST \(.*\): it is not shown yet: pending$/m);
});

test('no address is assumed, and one that is no address is refused', { skip }, async () => {
  const wrong: [Record<string, string>, RegExp][] = [
    [{}, /^WEB_URL is not set/],
    [{ WEB_URL: stack.nginx.url }, /^API_URL is not set/],
    [{ ...settings(), API_URL: 'example.com' }, /^API_URL must be an http:\/\/ or https:\/\/ address/],
    [{ ...settings(), API_URL: 'https://user:hunter2@example.com' }, /^API_URL must be/],
  ];
  for (const [env, words] of wrong) {
    const run = await runScript(SMOKE, env);
    assert.equal(run.status, 2);
    assert.match(run.stderr, words);
    assert.deepEqual([run.stdout, run.curlArguments], ['', '']);
    assertNoSecret(run);
  }
  for (const script of [SMOKE, CHECKS]) {
    const help = await runScript(script, {}, ['--help']);
    assert.equal(help.status, 0);
    assert.match(help.stdout, /review of PRODUCT_ID is made or edited/);
    assert.equal((await runScript(script, {}, ['--nonsense'])).status, 2);
  }
});

test('a setting that cannot be meant is refused before anything is sent', { skip }, async () => {
  const https = { WEB_URL: 'https://example.com', API_URL: 'https://example.com/' };
  const wrong: [Record<string, string>, RegExp][] = [
    [{ API_INSECURE: 'ja' }, /^API_INSECURE must be 1, true, yes or on/],
    [{ FEATURE_API_INSECURE: '2' }, /^FEATURE_API_INSECURE must be/],
    [{ SMOKE_UPLOAD: 'ture' }, /^SMOKE_UPLOAD must be/],
    [{ PRODUCT_ID: 'lamp' }, /^PRODUCT_ID must be a whole number/],
    [{ FEATURE_API_URL: 'example.com' }, /^FEATURE_API_URL must be an http/],
    [{ API_URL: 'http://127.0.0.1:9', API_INSECURE: 'yes' }, /^API_INSECURE is on, but API_URL is http:\/\//],
  ];
  const onlySmoke: typeof wrong = [
    [{ RUN_BACKEND_CHECKS: '1 ' }, /^RUN_BACKEND_CHECKS must be/],
    [{ WEB_INSECURE: 'y' }, /^WEB_INSECURE must be/],
    [{ SMOKE_UPLOAD: '1' }, /^SMOKE_UPLOAD is on, which takes RUN_BACKEND_CHECKS/],
  ];
  const runs = [
    ...[...wrong, ...onlySmoke].map((of) => [SMOKE, ...of] as const),
    ...wrong.map((of) => [CHECKS, ...of] as const),
  ];
  for (const [script, env, words] of runs) {
    const run = await runScript(script, { ...https, ...env });
    assert.equal(run.status, 2, `${script} ${JSON.stringify(env)}: ${run.stdout}${run.stderr}`);
    assert.match(run.stderr, words);
    assert.deepEqual([run.stdout, run.curlArguments], ['', '']);
  }
});

test('a certificate that is not trusted fails without API_INSECURE', { skip }, async () => {
  const run = await runScript(SMOKE, { WEB_URL: stack.nginx.url, API_URL: stack.nginx.url });
  assertFails(run, 'web /:', /certificate is not trusted/);
});

test('a site where nothing listens, and one that sends its start page for everything, fail', {
  skip,
}, async () => {
  const site = createServer((_req, res) => {
    res.setHeader('Content-Type', 'text/html').end('<!DOCTYPE html>');
  });
  const url = await listen(site);
  assertFails(
    await runScript(SMOKE, { ...settings(), WEB_URL: url }),
    'web /main.dart.js:',
    /content type "text\/html"/,
  );
  site.close();
  assertFails(await runScript(SMOKE, { ...settings(), WEB_URL: url }), 'web /:', /connection refused/);
});

async function listen(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1');
  await new Promise((listening) => server.once('listening', listening));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test('a wrong password fails at the login', { skip }, async () => {
  const run = await runScript(SMOKE, { ...settings(), SMOKE_PASSWORD: 'hunter2' });
  assertFails(run, 'login (POST /api/auth/login):', /does not accept SMOKE_EMAIL with SMOKE_PASSWORD/);
});

test('a backend that is down fails at its health, and says why', { skip }, async () => {
  await stack.restartBackend(async () => {
    const run = await runScript(SMOKE, everything());
    assertFails(
      run,
      'health (GET /healthz):',
      /status 502 instead of 200 \(The backend cannot be reached\.\)/,
    );
  });
});

test('neither the backend nor its earlier module for reviews and uploads passes for the sidecar', {
  skip,
}, async () => {
  const step = 'the sidecar answers (GET /api/uploads/limits):';
  const { url } = await stack.backendWithFeatureApi();
  const rows = () => query(stack.databaseUrl, 'SELECT count(*) FROM product_reviews');
  const before = await rows();
  const module = await runScript(CHECKS, { API_URL: url });
  assertFails(module, step, /status 401 .*: it is not the sidecar who answers/);
  assert.deepEqual(await rows(), before);
  const plain = await runScript(SMOKE, { ...everything(), FEATURE_API_URL: stack.backend.url });
  assertFails(plain, step, /status 404 \(Not Found\): it is not the sidecar who answers/);
});

test('an answer that only looks like the sidecar’s does not pass for it', { skip }, async () => {
  const server = createServer((_req, res) => {
    res.setHeader('Content-Type', 'application/json').end('{"kinds":{}}');
  });
  const run = await runScript(CHECKS, { ...settings(), FEATURE_API_URL: await listen(server) });
  server.close();
  assertFails(run, 'the sidecar answers', /something that looks like it/);
});

test('an upload URL that the storage refuses fails at the upload', { skip }, async () => {
  const sidecar = await stack.anotherSidecar({ S3_SECRET_ACCESS_KEY: 'not-the-secret-of-the-storage' });
  const run = await runScript(SMOKE, { ...everything(), FEATURE_API_URL: sidecar.url });
  assertFails(run, 'upload PUT (upload_url):', /status 403 \(SignatureDoesNotMatch\)/);
});

test('files that cannot be read by everybody fail where they are read back', { skip }, async () => {
  const sidecar = await stack.anotherSidecar({ S3_UPLOAD_ACL: '' });
  const run = await runScript(SMOKE, { ...everything(), FEATURE_API_URL: sidecar.url });
  assertFails(run, 'upload read back (file_url):', /status 403/);
});

test('a server without storage passes with 501, unless an upload is asked for', { skip }, async () => {
  const none = Object.fromEntries(
    ['ENDPOINT', 'REGION', 'BUCKET', 'ACCESS_KEY_ID', 'SECRET_ACCESS_KEY', 'PUBLIC_BASE_URL'].map((name) => [
      `S3_${name}`,
      '',
    ]),
  );
  const sidecar = await stack.anotherSidecar(none);
  const env = { ...everything(), FEATURE_API_URL: sidecar.url };
  assertFails(await runScript(SMOKE, env), 'upload contract (POST /api/uploads):', /SMOKE_UPLOAD needs it/);
  const run = await runScript(SMOKE, { ...env, SMOKE_UPLOAD: '' });
  assert.equal(run.status, 0);
  assert.match(run.stdout, /upload contract .*: status 501/);
  const skips = skipsOf(run);
  assert.ok(skips.includes('refusals of uploads: no storage is configured on this server'), run.stdout);
  assert.ok(skips.includes('upload of a file: SMOKE_UPLOAD is off'), run.stdout);
});

test('both scripts speak Russian where LANG says so, and nothing of theirs is without it', {
  skip,
}, async () => {
  const env = { ...everything(), LANG: 'ru_RU.UTF-8', FEATURE_API_URL: stack.backend.url };
  const run = await runScript(SMOKE, env);
  assert.match(run.stdout, /^ok {3}сайт \/\n[\s\S]*^ok {3}вход \(POST/m);
  assert.match(run.stderr, /^FAIL отвечает сайдкар \(.*\): статус 404 \(Not Found\): отвечает не сайдкар/);
  for (const script of [SMOKE, CHECKS])
    assert.match(
      (await runScript(script, { LC_ALL: 'ru' }, ['--help'])).stdout,
      /^Использование: [\s\S]*PRODUCT_ID/,
    );

  const read = (name: string) => readFileSync(resolve(import.meta.dirname, '../../scripts', name), 'utf8');
  const scripts = [SMOKE, CHECKS, 'lib/http-checks.sh'].map(read).join('\n');
  const calls = scripts.matchAll(
    /(?<!\w)(?:step|ok|fail|passed|usage_error) '([^']+)'|skip '([^']+)' '([^']+)'/g,
  );
  const wanted = new Set([...calls].flatMap(([, ...texts]) => texts.filter((text) => text !== undefined)));
  const given = new Map(
    [...read('lib/words-ru.sh').matchAll(/^ {2}\['([^']+)'\]='([^']+)'$/gm)].map(([, en = '', ru = '']) => [
      en,
      ru,
    ]),
  );
  assert.deepEqual([...given.keys()].sort(), [...wanted].sort());
  const places = (text: string) => text.match(/%s/g)?.length;
  for (const [en, ru] of given) assert.equal(places(ru), places(en), ru);
  // Whatever else they say would be in English for ever.
  assert.doesNotMatch(scripts, /(?<!\w)(?:step|ok|fail|skip|passed|usage_error) "/);
});
