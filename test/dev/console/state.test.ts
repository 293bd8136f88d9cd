/** What the page State is told: the parts, the settings, the work, the webhooks, the data. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { createSources, shownSettings } from '../../../scripts/dev/console/state/settings.ts';
import { openWebhooks, type Webhooks } from '../../../scripts/dev/console/state/webhooks.ts';
import { createDemoData, type DemoData } from '../../../scripts/dev/demo/data.ts';
import { startTestDatabase } from '../../../scripts/lab/database.ts';
import { startDemoBackend } from '../../../scripts/lab/demo-backend/server.ts';
import { until } from '../../../scripts/lab/programs.ts';
import { makeScratchFolder } from '../../../scripts/lab/scratch-folder.ts';
import { startTestObjectStore, storageEnv } from '../../../scripts/lab/throwaway-object-store.ts';
import { JWT_SECRET } from '../../../scripts/lab/tokens.ts';
import { untilReady } from '../../support/api.ts';
import { type ConsoleScene, startConsoleScene } from './console-scene.ts';

let scene: ConsoleScene;
let webhooks: Webhooks;
let data: DemoData;
const parts = new AsyncDisposableStack();
const folder = makeScratchFolder('state');
parts.defer(folder.remove);

before(async () => {
  const server = parts.use(await startTestDatabase());
  const databaseUrl = await server.createDatabase();
  const store = await startTestObjectStore();
  parts.defer(store.stop);
  const backend = await startDemoBackend({
    ...{ port: 0, databaseUrl, jwtSecret: JWT_SECRET, mediaDir: folder.at('media') },
  });
  parts.defer(backend.stop);
  webhooks = await openWebhooks();
  parts.defer(webhooks.stop);
  data = createDemoData({ databaseUrl, storage: store.config, isTold: true, sets: null });
  scene = parts.use(
    await startConsoleScene(
      {
        ...storageEnv(store.config),
        ...{ DATABASE_URL: databaseUrl, MIGRATE_ON_START: 'true', BACKEND_URL: backend.url },
      },
      { webhooks, data, where: { database: 'PostgreSQL here' } },
    ),
  );
  await untilReady(scene);
});
after(() => parts.disposeAsync());

const look = async () => (await scene.ask('/state')).body;
const partNamed = async (name: string) =>
  (await look()).parts.find((part: { name: string }) => part.name === name);

test('each part with its health, and what to do when it is down', async () => {
  // A busy machine answers later than a part is waited for.
  await until('all of them', async () => {
    const { parts: found } = await look();
    const well = found.filter(({ state }: { state: string }) => state === 'ok');
    return ['sidecar', 'backend', 'database', 'storage'].every((name) =>
      well.some((part: { name: string }) => part.name === name),
    );
  });
  await until('its version', async () => /^PostgreSQL \d/.test((await partNamed('database')).detail));
  assert.equal((await partNamed('database')).where, 'PostgreSQL here');

  await scene.ask('/faults', { method: 'PUT', json: { rules: [], away: { storage: true } } });
  const storage = await partNamed('storage');
  assert.deepEqual(
    [storage.state, storage.remedy],
    ['down', 'Switch the storage on again on the page Faults.'],
  );
  await scene.ask('/faults', { method: 'PUT', json: { rules: [] } });
  await until('the storage', async () => (await partNamed('storage')).state === 'ok');
});

test('a part that is away is told with its reason', async () => {
  await using alone = await startConsoleScene({ BACKEND_URL: 'http://127.0.0.1:9' });
  const { parts: found, work, data: none } = (await alone.ask('/state')).body;
  const [, backend, database, storage] = found;
  assert.match(backend.detail, /ECONNREFUSED/);
  assert.match(backend.remedy, /BACKEND_URL/);
  assert.equal(database.state, 'down');
  assert.match(database.remedy, /DATABASE_URL/);
  assert.equal(storage.state, 'absent');
  assert.match(work, /ECONNREFUSED/);
  assert.equal(none, null);
});

test('the doctor is asked about it, and says no secret', async () => {
  const answer = await scene.ask('/doctor', { method: 'POST', json: {} });
  assert.equal(answer.status, 200);
  const { results } = answer.body as {
    results: { area: string; name: string; status: string; text: string }[];
  };
  const areas = [...new Set(results.map(({ area }) => area))];
  assert.deepEqual(areas, ['settings', 'clock', 'backend', 'database', 'storage', 'work']);
  const statusOf = (area: string, name: string) =>
    results.find((result) => result.area === area && result.name === name)?.status;
  assert.equal(statusOf('settings', 'values'), 'ok');
  assert.deepEqual(
    results.filter(({ area, status }) => area === 'database' && status === 'wrong'),
    [],
  );
  for (const secret of [JWT_SECRET, webhooks.env.EVENTS_WEBHOOK_SECRET])
    assert.ok(!answer.text.includes(secret));
});

test('settings have the place that they come from, and secrets are hidden', () => {
  const file = folder.at('.env');
  writeFileSync(file, '# mine\nLOG_LEVEL=debug\nPORT=8011\n');
  const env = {
    ...{ LOG_LEVEL: 'debug', PORT: '8012', JWT_SECRET: 'very-secret-words', HOST: '0.0.0.0' },
    EVENTS_WEBHOOK_URL: 'http://127.0.0.1:1/?key=very-secret-query',
    DATABASE_URL: 'postgresql://app:very-secret-password@127.0.0.1/app',
  };
  const shown = shownSettings(env, createSources({ PORT: '8012', HOST: '127.0.0.1' }, file));
  const named = (name: string) => shown.find((setting) => setting.name === name);
  assert.deepEqual(named('LOG_LEVEL'), { name: 'LOG_LEVEL', value: 'debug', from: '.env:2' });
  assert.equal(named('PORT')?.from, 'environment');
  assert.equal(named('HOST')?.from, 'npm run dev');
  assert.deepEqual(named('WEB_CONCURRENCY'), { name: 'WEB_CONCURRENCY', value: '1', from: 'default' });
  assert.doesNotMatch(JSON.stringify(shown), /very-secret/);
});

test('demo data is put in with progress; work and outbox are counted, and webhooks arrive and verify', async () => {
  assert.equal((await scene.ask('/data', { method: 'POST', json: { action: 'explode' } })).status, 422);
  assert.equal((await scene.ask('/data', { method: 'POST', json: { action: 'fill' } })).status, 202);
  const again = await scene.ask('/data', { method: 'POST', json: { action: 'fill' } });
  assert.deepEqual([again.status, again.body.detail], [409, 'Something is under way; wait for its end.']);
  await until('the data', async () => (await look()).data.task.state === 'done');
  const { work, data: shown } = await look();
  assert.match(shown.task.text, /There are 50 products, 2000 reviews/);
  assert.equal(shown.sets, null);
  assert.ok(work.reviews.published > 1_900 && work.reviews.held === 10, JSON.stringify(work.reviews));
  assert.ok(work.uploads.ready > 100, JSON.stringify(work.uploads));
  await until('the webhooks', async () => (await look()).work.outbox.waiting === 0);
  const { received } = (await scene.ask('/webhooks')).body;
  assert.ok(received.length > 100, String(received.length));
  const [first] = received;
  assert.deepEqual([first.type, first.problem, first.status, first.attempt], ['upload.ready', null, 204, 1]);
  assert.equal(JSON.parse(first.body).data.status, 'ready');
  assert.doesNotMatch(JSON.stringify(first.headers), /v1,[A-Za-z0-9+/]{10}/);
});

test('a receiver that refuses is tried again, and one who cannot sign is found out', async () => {
  await scene.ask('/webhooks', { method: 'PUT', json: { status: 500, clear: true } });
  await scene
    .ask('/webhooks', { method: 'PUT', json: { status: 99 } })
    .then(({ status }) => assert.equal(status, 422));
  const { EVENTS_WEBHOOK_URL } = webhooks.env;
  const answer = await fetch(EVENTS_WEBHOOK_URL, { method: 'POST', body: '{"type":"upload.ready"}' });
  assert.equal(answer.status, 500);
  const [forged] = (await scene.ask('/webhooks')).body.received;
  assert.match(forged.problem, /header/i);
});
