/** npm run uploads -- orphans, list and take-down, beside a running sidecar. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { createBackendTables } from '../../scripts/lab/database.ts';
import { freePort } from '../../scripts/lab/ports.ts';
import { runNode } from '../../scripts/lab/sidecar.ts';
import { startTestObjectStore, storageEnv } from '../../scripts/lab/throwaway-object-store.ts';
import { findOrphans } from '../../scripts/uploads/orphans.ts';
import { parseDatabaseUrl } from '../../src/config/database-url.ts';
import { createEventWriter } from '../../src/features/events/writer.ts';
import { operateUploads } from '../../src/features/uploads/operator.ts';
import { createObjectStorage } from '../../src/infra/object-storage/object-storage.ts';
import { createStorageClock } from '../../src/infra/object-storage/storage-clock.ts';
import { createUploadUsage } from '../../src/upload-usage.ts';
import { api } from '../support/api.ts';
import { storageOf } from '../support/object-store-contract.ts';
import type { TestSidecar } from '../support/start-sidecar.ts';
import { IMAGE, issue, type UploadScene, uploadScene } from '../support/upload-scene.ts';
import { WEBHOOK_SECRET } from '../support/webhook-receiver.ts';

const SCRIPT = resolve(import.meta.dirname, '../../scripts/uploads.ts');
const PNG = new Uint8Array(readFileSync(join(import.meta.dirname, '../features/uploads/files/a.png')));
const WEBHOOK = { EVENTS_WEBHOOK_URL: 'http://127.0.0.1:9/', EVENTS_WEBHOOK_SECRET: WEBHOOK_SECRET };
const DAY_MS = 86_400_000;

let scene: UploadScene;
let sidecar: TestSidecar;
uploadScene(async (made) => {
  scene = made;
  await scene.sql(`INSERT INTO users (email) SELECT 'user-' || n FROM generate_series(6, 11) AS n`);
  sidecar = await scene.sidecar({ UPLOAD_RATE_PER_MINUTE: '0', ...WEBHOOK });
});

const uploads = (args: readonly string[], env: Record<string, string> = {}) =>
  runNode(SCRIPT, args, { DATABASE_URL: scene.url, ...storageEnv(scene.store.config), ...env });

async function upload(user: number, filename = 'a.png') {
  const { body } = await issue(sidecar, { ...IMAGE, filename, size_bytes: PNG.length }, user);
  await fetch(body.upload_url, { method: 'PUT', headers: body.headers, body: PNG });
  const done = await api('POST', `${sidecar.url}/api/uploads/${body.upload_id}/complete`, { user });
  assert.equal(done.body.status, 'ready', JSON.stringify(done.body));
  return done.body as { readonly upload_id: string; readonly key: string; readonly file_url: string };
}

const isThere = async ({ file_url: url }: { readonly file_url: string }) => (await fetch(url)).status === 200;

/** An object that no sidecar has signed. @param ageMs by the clock of this machine */
async function putObject(key: string, ageMs: number, { config, dataDir } = scene.store) {
  const storage = storageOf(config);
  const target = { key, contentType: 'image/png', contentLength: PNG.length, expiresInSeconds: 60 };
  const { uploadUrl, headers } = await storage.presignPut(target);
  assert.equal((await fetch(uploadUrl, { method: 'PUT', headers, body: PNG })).status, 200);
  storage.close();
  age(key, ageMs, dataDir);
  return { key, file_url: storage.publicUrl(key) };
}

/** In the store's own file of facts. */
function age(key: string, ageMs: number, dataDir = scene.store.dataDir): void {
  for (const name of readdirSync(dataDir).filter((file) => file.endsWith('.json'))) {
    const facts = JSON.parse(readFileSync(join(dataDir, name), 'utf8'));
    if (facts.key !== key) continue;
    facts.lastModified = new Date(Date.now() - ageMs).toUTCString();
    writeFileSync(join(dataDir, name), JSON.stringify(facts));
  }
}

/** As if all uploads had been begun within these days. */
const span = (firstDaysAgo: number, lastDaysAgo: number) =>
  scene.sql(
    `UPDATE sidecar_uploads SET created_at = now() - interval '1 day' * CASE WHEN id = (SELECT id FROM sidecar_uploads ORDER BY id LIMIT 1) THEN $1::int ELSE $2::int END`,
    [firstDaysAgo, lastDaysAgo],
  );

const newKey = (user = 7) => `uploads/${user}/product_image/${randomUUID()}.png`;

/** As if its life had ended long ago, and its object had come back from a backup. */
async function over(user: number, status: string) {
  const made = await upload(user);
  await scene.sql(
    `UPDATE sidecar_uploads SET status = $2, due_at = NULL, settles_at = now() - interval '1 hour' WHERE id = $1`,
    [made.upload_id, status],
  );
  age(made.key, 2 * DAY_MS);
  return made;
}

test('orphans are found and not deleted; with --delete those are that are nobody’s, and no other', async () => {
  const oldest = await upload(10);
  await scene.sql(`UPDATE sidecar_uploads SET created_at = now() - interval '3 days' WHERE id = $1`, [
    oldest.upload_id,
  ]);
  const orphan = await putObject(newKey(), 2 * DAY_MS);
  const older = await putObject(newKey(), 4 * DAY_MS);
  const foreign = await putObject('uploads/old name\n.txt', 2 * DAY_MS);
  const young = await putObject(newKey(), DAY_MS - 3_600_000);
  const outside = await putObject(`other/${randomUUID()}.png`, 2 * DAY_MS);
  const kept = await upload(10);
  age(kept.key, 2 * DAY_MS);
  const deleted = await over(10, 'deleted');
  const expired = await over(10, 'expired');
  const lost = await upload(10);
  const storage = storageOf(scene.store.config);
  await storage.delete(lost.key, AbortSignal.timeout(10_000));
  storage.close();

  const dry = await uploads(['orphans']);
  assert.equal(dry.status, 1, dry.stderr);
  const lines = dry.stdout.split('\n').map((line) => line.split('\t'));
  const said = (key: string) =>
    lines.filter((fields) => fields[4] === key).map(([what, why]) => `${what}: ${why}`);
  assert.deepEqual(said(orphan.key), ['found: no row']);
  assert.deepEqual(said(older.key), ['found: no row, from before the rows']);
  assert.deepEqual(said('uploads/old name\\u{a}.txt'), ['found: no row']);
  assert.deepEqual(said(deleted.key), ['found: deleted upload']);
  assert.deepEqual(said(expired.key), ['found: expired upload']);
  assert.deepEqual(said(lost.key), [`missing: upload ${lost.upload_id} of user 10`]);
  for (const { key } of [young, outside, kept, oldest]) assert.deepEqual(said(key), []);
  assert.match(dry.stdout, /3 without a row, 2 of uploads that are over\.\n1 more.*1 uploads are ready/);
  assert.match(dry.stdout, /1 of those without a row are from before the rows/);
  for (const object of [orphan, foreign, deleted]) assert.ok(await isThere(object));

  const run = await uploads(['orphans', '--delete']);
  assert.deepEqual([run.status, /; 3 deleted\./.test(run.stdout)], [1, true], run.stdout + run.stderr);
  for (const object of [orphan, foreign, deleted]) assert.ok(!(await isThere(object)), object.key);
  for (const object of [young, outside, kept, expired, older]) assert.ok(await isThere(object), object.key);
  assert.match(run.stdout, new RegExp(`^kept\tno row, from before the rows\t.*\t${older.key}$`, 'm'));
});

test('a database that cannot be the right one, or not all of it, costs no object', async () => {
  const object = await putObject(newKey(), 2 * DAY_MS);
  const url = await scene.server.createDatabase();
  await createBackendTables(url);
  const untouched = { DATABASE_URL: url };
  const missing = await uploads(['orphans', '--delete', '--trust-database'], untouched);
  assert.deepEqual([missing.status, /npm run migrate/.test(missing.stderr)], [2, true], missing.stderr);

  await runNode(resolve(SCRIPT, '../../src/migrate.ts'), [], untouched);
  const empty = await uploads(['orphans', '--delete'], untouched);
  assert.deepEqual([empty.status, /no upload at all/.test(empty.stderr)], [2, true], empty.stderr);
  const many = await Promise.all(Array.from({ length: 12 }, () => putObject(newKey(), 2 * DAY_MS)));
  await span(3, 0);
  const most = await uploads(['orphans', '--delete']);
  assert.deepEqual([most.status, /is this the right database/.test(most.stderr)], [2, true], most.stderr);
  for (let i = 0; i < 16; i += 1) await upload(11);
  await span(5, 4);
  const restored = await uploads(['orphans', '--delete']);
  assert.deepEqual(
    [restored.status, /13 objects were put after the database's last upload/.test(restored.stderr)],
    [2, true],
    restored.stderr,
  );
  await span(1, 0);
  const earlier = await uploads(['orphans', '--delete']);
  assert.match(earlier.stdout, /14 without a row.* 0 deleted\./);
  assert.match(earlier.stdout, /14 of those without a row are from before the rows/);
  for (const each of [object, ...many]) assert.ok(await isThere(each));

  const trusted = await uploads(['orphans', '--delete', '--trust-database']);
  assert.match(trusted.stdout, /14 without a row.* 14 deleted/);
  for (const each of [object, ...many]) assert.ok(!(await isThere(each)));
});

test('how old an object is, is told by the clock of the storage', async (t) => {
  const store = await startTestObjectStore('public-read', () => Date.now() - DAY_MS / 2);
  t.after(store.stop);
  const object = await putObject(newKey(), 1.25 * DAY_MS, store);
  await upload(5);
  const run = await uploads(['orphans', '--delete'], storageEnv(store.config));
  assert.match(run.stdout, /1 objects: 0 without a row.*\n1 more would be/);
  assert.ok(await isThere(object));
});

test('a row that appears after the list was read saves its object', async (t) => {
  await upload(6);
  await span(3, 0);
  const store = await startTestObjectStore();
  t.after(store.stop);
  const object = await putObject(newKey(6), 2 * DAY_MS, store);
  const other = await putObject(newKey(6), 2 * DAY_MS, store);
  const clock = createStorageClock({ warn() {}, info() {} });
  const storage = createObjectStorage(store.config, clock);
  t.after(() => storage.close());
  const insert = () =>
    scene.sql(
      `INSERT INTO sidecar_uploads (id, user_id, number, kind, filename, content_type, size_bytes, key, created_at, expires_at, settles_at)
       VALUES ($1, 6, 1000, 'product_image', 'a.png', 'image/png', 1, $2, now(), now(), now())`,
      [/[0-9a-f-]{36}/.exec(object.key)?.[0], object.key],
    );
  const options = {
    storage,
    sink: createEventWriter(false),
    usage: createUploadUsage({ publicBaseUrl: null, sink: createEventWriter(false) }),
  };
  let isInserted = false;
  await operateUploads(parseDatabaseUrl(scene.url), options, (operator) =>
    findOrphans({
      ...{ storage, clock, delete: true, trustDatabase: false, signal: AbortSignal.timeout(30_000) },
      uploads: {
        ...operator,
        async find(ids) {
          const rows = await operator.find(ids);
          if (!isInserted) await insert();
          isInserted = true;
          return rows;
        },
      },
      onFound: () => undefined,
      onProgress: () => undefined,
    }),
  );
  assert.deepEqual([await isThere(object), await isThere(other)], [true, false]);
});

test('list: by user, status and page, as JSON, and with nothing in a name that a terminal obeys', async () => {
  const nasty = await upload(8, 'a\u202e.png');
  await scene.sql('UPDATE sidecar_uploads SET filename = $2 WHERE id = $1', [
    nasty.upload_id,
    'a\u001b[31m\tb\u202e.png',
  ]);
  const second = await upload(8);
  const lines = await uploads(['list', '--user', '8', '--status', 'ready']);
  assert.equal(lines.status, 0, lines.stderr);
  const [first, last] = lines.stdout
    .trim()
    .split('\n')
    .map((line) => line.split('\t'));
  assert.deepEqual([first?.[0], first?.[4], first?.[6]], [second.upload_id, 'ready', second.key]);
  assert.deepEqual([last?.[0], last?.[7]], [nasty.upload_id, 'a\\u{1b}[31m\\u{9}b\\u{202e}.png']);
  const json = JSON.parse((await uploads(['list', '--user', '8', '--limit', '1', '--json'])).stdout);
  assert.deepEqual(
    [json.items.length, json.items[0].upload_id, json.items[0].user_id],
    [1, second.upload_id, 8],
  );
  const next = await uploads(['list', '--user', '8', '--cursor', json.next_cursor, '--json']);
  assert.deepEqual(
    JSON.parse(next.stdout).items.map((item: { upload_id: string }) => item.upload_id),
    [nasty.upload_id],
  );
  assert.match((await uploads(['list'])).stdout, new RegExp(second.upload_id));
  for (const args of [
    ['--user', 'x'],
    ['--status', 'gone'],
    ['--cursor', '!'],
  ])
    assert.equal((await uploads(['list', ...args])).status, 2, args.join(' '));
});

test('take-down does what an admin’s DELETE does, with its event; again it is the same', async () => {
  const made = await upload(9);
  const run = await uploads(['take-down', made.upload_id.toUpperCase()], WEBHOOK);
  assert.equal(run.status, 0, run.stderr);
  assert.ok(!(await isThere(made)));
  const seen = await api('GET', `${sidecar.url}/api/uploads/${made.upload_id}`, { user: 9 });
  assert.equal(seen.body.status, 'deleted');
  const events = await scene.sql('SELECT type FROM sidecar_events WHERE subject = $1 ORDER BY seq', [
    `upload:${made.upload_id}`,
  ]);
  assert.deepEqual(
    events.map(({ type }) => type),
    ['upload.ready', 'upload.deleted'],
  );
  assert.equal((await uploads(['take-down', made.upload_id], WEBHOOK)).status, 0);
  for (const id of [randomUUID(), 'x']) {
    const unknown = await uploads(['take-down', id]);
    assert.deepEqual([unknown.status, unknown.stderr], [1, 'There is no such upload.\n']);
  }
});

test('a storage or a database that is away is status 2, and nothing has happened', async () => {
  const made = await upload(9);
  const storageAway = { S3_ENDPOINT: `http://127.0.0.1:${await freePort()}` };
  const away = await uploads(['take-down', made.upload_id], storageAway);
  assert.deepEqual(
    [away.status, /^The storage did not do it: .*ECONNREFUSED/.test(away.stderr)],
    [2, true],
    away.stderr,
  );
  assert.equal((await uploads(['orphans'], storageAway)).status, 2);
  const database = await uploads(['list'], {
    DATABASE_URL: `postgresql://app:hush-hush@127.0.0.1:${await freePort()}/x`,
  });
  assert.deepEqual(
    [database.status, /^The database did not do it: /.test(database.stderr)],
    [2, true],
    database.stderr,
  );
  assert.doesNotMatch(database.stderr, /hush-hush/);
  assert.equal((await uploads(['list'], { DATABASE_URL: '' })).status, 2);
  const seen = await api('GET', `${sidecar.url}/api/uploads/${made.upload_id}`, { user: 9 });
  assert.deepEqual([seen.body.status, await isThere(made)], ['ready', true]);
});
