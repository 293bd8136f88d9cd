/** The process as an operator meets it: settings, exit statuses, help. */
import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo, Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { freePort } from '../../scripts/lab/ports.ts';
import { until } from '../../scripts/lab/programs.ts';
import { answering, ok, startScriptedBackend } from '../../scripts/lab/scripted-backend.ts';
import { baseEnv, MAIN, runNode, startActivated, startProcess } from '../../scripts/lab/sidecar.ts';

test('--help explains itself, an unknown argument is refused', async () => {
  const help = await runNode(MAIN, ['--help'], {});
  assert.deepEqual([help.status, /Usage: node src\/main\.ts/.test(help.stdout)], [0, true]);
  assert.equal((await runNode(MAIN, ['--nonsense'], {})).status, 2);
});

/** Told on stderr at the end: every module that was loaded, Node's own included. */
const TELLS_MODULES = `data:text/javascript,${encodeURIComponent(`
  import { registerHooks } from 'node:module';
  const loaded = [];
  registerHooks({ load: (url, context, next) => (loaded.push(url), next(url, context)) });
  process.on('exit', () => process.stderr.write([...loaded, ...process.moduleLoadList].join('\\n')));
`)}`;

test('the start loads neither what forwarding does not need, nor undici, nor words of zod in other languages', async () => {
  const { stderr } = await runNode('--import', [TELLS_MODULES, MAIN, '--help'], {});
  const loaded = stderr.split('\n');
  for (const needed of [/\/src\/sidecar\.ts$/, /\/zod\/v4\/locales\/en\.js$/, /^NativeModule http$/])
    assert.ok(
      loaded.some((name) => needed.test(name)),
      `${needed} is how it is known`,
    );
  const spared =
    /undici|\/node_modules\/(?:@aws-sdk|@opentelemetry|express|http-proxy-middleware|jsonwebtoken|knex|pg|prom-client)\/|\/locales\/(?!en\.js)/;
  assert.deepEqual(
    loaded.filter((name) => spared.test(name)),
    [],
  );
});

test('a file of its own that is missing is named, and one that throws tells where', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sidecar test #'));
  const src = (name: string) => join(folder, 'src', name);
  const start = async (run: string) => {
    writeFileSync(src('run.ts'), run);
    const { status, stderr } = await runNode(src('main.ts'), [], {});
    return { status, stderr };
  };
  try {
    mkdirSync(join(folder, 'src'));
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
    copyFileSync(MAIN, src('main.ts'));
    const missing = await start(`import './gone.ts';`);
    assert.equal(missing.status, 1);
    assert.match(missing.stderr, /no such file.*src\/gone\.ts/);
    const throwing = await start(`const a: number = 1;\n\nthrow new Error(\`broken \${a}\`);`);
    assert.equal(throwing.status, 1);
    assert.match(throwing.stderr, /Error: broken 1\n +at .*src\/run\.ts:3:7/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('--check-config accepts a complete configuration and starts nothing', async () => {
  const run = await runNode(MAIN, ['--check-config'], baseEnv({}));
  assert.deepEqual([run.status, run.stdout], [0, 'The configuration is complete.\n']);
});

test('--check-config says when DATABASE_URL may lead to a standby', async () => {
  const noteOf = async (url: string) =>
    (await runNode(MAIN, ['--check-config'], baseEnv({ DATABASE_URL: url }))).stdout.split('\n')[1];
  assert.match(
    String(await noteOf('postgresql://a:b@h1,h2/d')),
    /^Note: .*several hosts.*target_session_attrs=read-write\.$/,
  );
  assert.match(String(await noteOf('postgresql://a:b@h1/d?target_session_attrs=standby')), /^Note: /);
  assert.equal(await noteOf('postgresql://a:b@h1,h2/d?target_session_attrs=read-write'), '');
});

test('a bad configuration is exit status 78 with every problem and no value', async () => {
  for (const args of [[], ['--check-config']]) {
    const run = await runNode(MAIN, args, {
      JWT_SECRET: '',
      DATABASE_URL: 'postgresql://u:hunter2@h/d?sslmode=hunter3',
      PORT: '99999',
      BACKEND_URL: 'ftp://x',
      S3_BUCKET: 'media',
      S3_SECRET_ACCESS_KEY: 'hunter4',
      LOG_LEVEL: 'loud',
    });
    assert.equal(run.status, 78);
    for (const name of [
      'JWT_SECRET',
      'DATABASE_URL',
      'PORT',
      'BACKEND_URL',
      'S3_ENDPOINT',
      'S3_REGION',
      'LOG_LEVEL',
    ]) {
      assert.match(run.stderr, new RegExp(`- ${name} `), name);
    }
    assert.doesNotMatch(run.stderr + run.stdout, /hunter/);
  }
});

test('a taken port is a sentence and exit status 1', async () => {
  const holder: Server = createServer().listen(0, '127.0.0.1');
  await new Promise((listening) => holder.once('listening', listening));
  const { port } = holder.address() as AddressInfo;
  const run = await runNode(MAIN, [], baseEnv({ PORT: String(port) }));
  holder.close();
  assert.equal(run.status, 1);
  assert.match(
    run.stderr,
    new RegExp(
      `Cannot listen on 127.0.0.1:${port}: another program listens there already: listen EADDRINUSE`,
    ),
  );
});

test('a metrics port that cannot be listened on is told with its reason', async () => {
  await using sidecar = await startProcess();
  const env = baseEnv({ METRICS_PORT: String(sidecar.port) });
  assert.match(
    (await runNode(MAIN, [], env)).stderr,
    /^Cannot serve metrics on 127.0.0.1:\d+: listen EADDRINUSE/,
  );
});

test('a Node that is not tested is a warning in the log, and a note of --check-config', async () => {
  const older = `data:text/javascript,Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '22.18.0' } })`;
  const check = await runNode('--import', [older, MAIN, '--check-config'], baseEnv({}));
  assert.match(check.stdout, /^Note: Node 22\.18\.0 is none that the sidecar is tested with/m);
  await using sidecar = await startProcess({ NODE_OPTIONS: `--import "${older}"` });
  assert.match(JSON.stringify(sidecar.log()), /"level":"warn".*Node 22\.18\.0 is none/);
});

test('it starts, forwards and answers /livez with everything behind it down', async () => {
  const sidecar = await startProcess({ BACKEND_URL: 'http://127.0.0.1:9' });
  try {
    assert.equal((await fetch(`${sidecar.url}/livez`)).status, 200);
    const ready = await fetch(`${sidecar.url}/readyz`);
    assert.equal(ready.status, 503);
    assert.deepEqual(await ready.json(), {
      status: 'unavailable',
      checks: { backend: 'down', database: 'down', storage: 'not configured' },
    });
    assert.equal((await fetch(`${sidecar.url}/api/x`)).status, 502);
    assert.equal((await fetch(`${sidecar.url}/api/products/1/reviews`)).status, 503);
  } finally {
    assert.equal(await sidecar.end(), 0);
  }
});

test('no token, query or password is ever logged', async () => {
  const backend = await startScriptedBackend(answering(ok('x')));
  const sidecar = await startProcess({
    BACKEND_URL: backend.url,
    LOG_LEVEL: 'trace',
    JWT_SECRET: 'hunter2-jwt',
  });
  try {
    const headers = { authorization: 'Bearer hunter3-token', cookie: 'session=hunter4' };
    await fetch(`${sidecar.url}/api/x?token=hunter5`, { headers });
    await fetch(`${sidecar.url}/api/products/1/reviews?cursor=hunter6`, { headers });
    await fetch(`${sidecar.url}/api/products/1/reviews`, { method: 'POST', headers, body: 'hunter7' });
  } finally {
    await sidecar.end();
    await backend.stop();
  }
  const text = JSON.stringify(sidecar.log());
  assert.match(text, /"path":"\/api\/x"/);
  assert.doesNotMatch(text, /hunter/);
});

test('a socket that systemd passed is used instead of PORT', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((listening) => server.once('listening', listening));
  const { port } = server.address() as AddressInfo;
  const sidecar = await startActivated(server, { PORT: '1' });
  server.close();
  try {
    assert.equal(sidecar.port, port);
    assert.equal((await fetch(`${sidecar.url}/livez`)).status, 200);
  } finally {
    await sidecar.end();
  }
});

const FORWARDED_SIX =
  /sidecar_request_duration_seconds_count\{kind="proxy",reason="",method="GET",status="2xx",route=""\} 6$/m;

test('metrics are served on loopback with route labels and without paths', async () => {
  const backend = await startScriptedBackend(answering(ok('x')));
  const port = await freePort();
  for (const workers of ['1', '2']) {
    const sidecar = await startProcess({
      BACKEND_URL: backend.url,
      METRICS_PORT: String(port),
      WEB_CONCURRENCY: workers,
    });
    try {
      for (let i = 0; i < 6; i += 1)
        await fetch(`${sidecar.url}/api/secret-path-${i}`, { headers: { connection: 'close' } });
      await fetch(`${sidecar.url}/api/products/1/reviews`);
      // A request is counted behind its answer, and the primary serves metrics once all workers listen.
      if (workers !== '1') await sidecar.untilLogged('all workers listen');
      let text = '';
      await until('every request to be counted', async () => {
        text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
        return FORWARDED_SIX.test(text) && text.includes('route="/api/products/:productId/reviews"');
      });
      assert.match(text, /sidecar_backend_connections_open/);
      assert.match(text, /nodejs_eventloop_lag/);
      assert.doesNotMatch(text, /secret-path/);
      assert.equal((await fetch(`http://127.0.0.1:${port}/metrics?format=prometheus`)).status, 200);
    } finally {
      await sidecar.end();
    }
  }
  await backend.stop();
});

test('migrate prints what it did, and its settings problems like the sidecar', async () => {
  const migrate = resolve(import.meta.dirname, '../../src/migrate.ts');
  assert.match((await runNode(migrate, ['--help'], {})).stdout, /Usage: node src\/migrate\.ts/);
  const run = await runNode(migrate, [], { DATABASE_URL: 'mysql://u:hunter2@h/d' });
  assert.deepEqual([run.status, run.stderr.includes('hunter2')], [78, false]);
  const away = { DATABASE_URL: 'postgresql://u:p@127.0.0.1:9/d' };
  assert.equal((await runNode(migrate, [], away)).status, 1);
  assert.match((await runNode(migrate, ['--status'], away)).stderr, /^The status cannot be told: connect/);
  assert.match((await runNode(migrate, ['--down', '--now'], away)).stderr, /^Unknown argument --now\./);
});
