/** What a library may not do to the process: read what is not a setting, and end it. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, test } from 'node:test';
import {
  createBackendTables,
  startTestDatabase,
  type TestDatabaseServer,
} from '../../scripts/lab/database.ts';
import { freePorts } from '../../scripts/lab/ports.ts';
import { until } from '../../scripts/lab/programs.ts';
import { startProcess } from '../../scripts/lab/sidecar.ts';
import {
  type RunningStore,
  startTestObjectStore,
  storageEnv,
} from '../../scripts/lab/throwaway-object-store.ts';
import { api, untilReady } from '../support/api.ts';
import { send } from '../support/object-store-contract.ts';

let server: TestDatabaseServer;
let store: RunningStore;
let home: string;

before(async () => {
  server = await startTestDatabase();
  await createBackendTables(server.url);
  store = await startTestObjectStore();
  home = mkdtempSync(join(tmpdir(), 'sidecar-test-home-'));
  mkdirSync(join(home, '.aws'));
  const nonsense =
    'defaults_mode = bogus\nretry_mode = bogus\nmax_attempts = bogus\nuse_fips_endpoint = bogus\n';
  writeFileSync(join(home, '.aws/config'), `[default]\n${nonsense}`);
  writeFileSync(join(home, '.pgpass'), '*:*:*:*:p#ss@w%rd\n', { mode: 0o600 });
});

after(async () => {
  await store.stop();
  await server.stop();
  rmSync(home, { recursive: true });
});

const IMAGE = { kind: 'product_image', filename: 'a.png', content_type: 'image/png', size_bytes: 10 };

test('names that are not ours reach no library, in a process alone and in workers', async () => {
  for (const workers of ['1', '2']) {
    const sidecar = await startProcess({
      ...foreignNames(),
      HOME: home,
      WEB_CONCURRENCY: workers,
      DATABASE_URL: server.url,
      MIGRATE_ON_START: 'true',
      ...storageEnv(store.config),
    });
    let stderr = '';
    sidecar.child.stderr?.on('data', (chunk) => {
      stderr += chunk;
    });
    try {
      await untilReady(sidecar);
      const upload = await api('POST', `${sidecar.url}/api/uploads`, { user: 1, json: IMAGE });
      assert.equal(upload.status, 200, JSON.stringify(upload.body));
      assert.equal(
        (await send('PUT', upload.body.upload_url, upload.body.headers, '0123456789')).status,
        200,
      );
      const review = await api('POST', `${sidecar.url}/api/products/1/reviews`, {
        user: 1,
        json: { rating: 5 },
      });
      assert.equal(review.status, 200);
      // Each part has two seconds to answer: on a busy machine not the first time.
      await until('the database and the storage to be ready', async () => {
        const { checks } = (await api('GET', `${sidecar.url}/readyz`)).body;
        return checks.database === 'ok' && checks.storage === 'ok';
      });
      assert.equal(stderr, '');
    } finally {
      assert.equal(await sidecar.end(), 0);
    }
  }
});

test('a password is taken from DATABASE_URL alone, not from PGPASSWORD or the home directory', async () => {
  const sidecar = await startProcess({
    HOME: home,
    PGPASSWORD: 'p#ss@w%rd',
    DATABASE_URL: server.url.replace(/\/\/app:[^@]*@/, '//app@'),
  });
  try {
    const { body } = await api('GET', `${sidecar.url}/readyz`);
    assert.equal(body.checks.database, 'down');
    assert.equal(
      (await api('POST', `${sidecar.url}/api/products/1/reviews`, { user: 1, json: {} })).status,
      503,
    );
  } finally {
    await sidecar.end();
  }
});

test('a promise of a library that nobody waits for is logged and counted, and the process goes on', async () => {
  const [metricsPort = 0] = await freePorts(1);
  const sidecar = await startProcess({
    NODE_OPTIONS: onceTold(`Promise.reject(new Error('nobody waits for this'))`),
    METRICS_PORT: String(metricsPort),
  });
  try {
    sidecar.child.kill('SIGUSR2');
    await sidecar.untilLogged('unhandled rejection');
    const [logged] = sidecar.log('unhandled rejection');
    const { level, err } = logged as unknown as { level: string; err: { message: string; stack: string } };
    assert.deepEqual([level, err.message], ['error', 'nobody waits for this']);
    assert.match(err.stack, /at /);
    assert.equal((await api('GET', `${sidecar.url}/livez`)).status, 200);
    const metrics = await api('GET', `http://127.0.0.1:${metricsPort}/metrics`);
    assert.match(metrics.body, /^sidecar_unhandled_rejections_total 1$/m);
  } finally {
    assert.equal(await sidecar.end(), 0);
  }
});

test('an exception that nobody catches still ends the process, with its reason in the log', async () => {
  const sidecar = await startProcess({ NODE_OPTIONS: onceTold(`throw new Error('caught by nobody')`) });
  assert.equal(await sidecar.end('SIGUSR2'), 70);
  const [logged] = sidecar.log('uncaught exception');
  assert.equal((logged?.err as { message: string } | undefined)?.message, 'caught by nobody');
});

/** NODE_OPTIONS of a process in which a library does that when it gets SIGUSR2, which is nobody else's. */
const onceTold = (does: string) =>
  `--import=data:text/javascript,${encodeURIComponent(`process.once('SIGUSR2', () => { ${does} })`)}`;

/** Every name that the code of the AWS SDK and of pg mentions, and those that they put together, with a value that breaks. */
function foreignNames(): Record<string, string> {
  const inCode = ['@aws-sdk', '@smithy', '@aws', 'pg'].flatMap((scope) =>
    sourcesIn(resolve(import.meta.dirname, '../../node_modules', scope)).flatMap(
      (file) => readFileSync(file, 'utf8').match(/\b(AWS_[A-Z0-9_]+|(NODE_)?PG_?[A-Z_]+)\b/g) ?? [],
    ),
  );
  const putTogether = [
    ...[
      'PGHOST',
      'PGPORT',
      'PGUSER',
      'PGDATABASE',
      'PGPASSWORD',
      'PGOPTIONS',
      'PGPASSFILE',
      'PGCLIENT_ENCODING',
    ],
    ...['PGREPLICATION', 'PGBINARY', 'PGSTATEMENT_TIMEOUT', 'PGLOCK_TIMEOUT', 'PGQUERY_TIMEOUT'],
  ];
  assert.ok(inCode.includes('AWS_DEFAULTS_MODE') && inCode.includes('NODE_PG_FORCE_NATIVE'));
  const bogus = [...inCode, ...putTogether].map((name) => [name, 'bogus']);
  return { ...Object.fromEntries(bogus), DEBUG: '*', NODE_ENV: 'bogus', HTTPS_PROXY: 'http://127.0.0.1:9' };
}

const sourcesIn = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => /(dist-cjs|lib)\/.*\.js$/.test(path))
    .map((path) => join(folder, path));
