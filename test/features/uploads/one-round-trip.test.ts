/** The user is looked at by the statement that issues an upload: nobody gets one who could not have got it before. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { query } from '../../../scripts/lab/database.ts';
import { parseDatabaseUrl } from '../../../src/config/database-url.ts';
import { createUploadCounts } from '../../../src/features/uploads/figures.ts';
import { createIssue } from '../../../src/features/uploads/issue.ts';
import type { AnnouncedFile } from '../../../src/features/uploads/schema.ts';
import { createObjectStorage } from '../../../src/infra/object-storage/object-storage.ts';
import { createStorageClock } from '../../../src/infra/object-storage/storage-clock.ts';
import { createDatabase, type Database } from '../../../src/infra/postgres/database.ts';
import { createUserDirectory } from '../../../src/infra/user-directory.ts';
import { untilReady } from '../../support/api.ts';
import { allTables } from '../../support/sidecar-with-database.ts';
import type { TestSidecar } from '../../support/start-sidecar.ts';
import { IMAGE, issue, type UploadScene, uploadScene } from '../../support/upload-scene.ts';

let scene: UploadScene;
let sidecar: TestSidecar;
uploadScene(async (made) => {
  scene = made;
  sidecar = await scene.sidecar({ UPLOAD_RATE_PER_MINUTE: '2' });
  // From here on it knows that the backend's users are there.
  assert.equal((await issue(sidecar, IMAGE, await newUser())).status, 200);
});

async function newUser(state = {}): Promise<number> {
  const { is_active, is_blocked } = { is_active: true, is_blocked: false, ...state };
  const [row] = await scene.sql<{ id: number }>(
    `INSERT INTO users (name, is_active, is_blocked) VALUES ('New', $1, $2) RETURNING id`,
    [is_active, is_blocked],
  );
  return row?.id ?? 0;
}
const uploadsOf = async (user: number) =>
  (await scene.sql('SELECT FROM sidecar_uploads WHERE user_id = $1', [user])).length;

/** What is asked, and what somebody who may ask is answered. */
const REQUESTS: readonly [unknown, number][] = [
  [IMAGE, 200],
  [{ files: [IMAGE] }, 200],
  [{ ...IMAGE, kind: 'reel_video', content_type: 'video/mp4', multipart: true }, 200],
  [{ ...IMAGE, size_bytes: 0 }, 422],
  [{ ...IMAGE, size_bytes: 2 ** 40 }, 413],
  [{ ...IMAGE, content_type: 'text/html' }, 415],
];

test('an unknown, a blocked and an inactive user are told so whatever else is wrong, and get no upload', async () => {
  const nobodies: readonly [number, number, string][] = [
    [await newUser({ is_blocked: true }), 403, 'This account is blocked.'],
    [await newUser({ is_active: false }), 403, 'This account is not active.'],
    [2 ** 31 - 1, 401, 'User not found'],
    [2 ** 31, 401, 'User not found'],
  ];
  for (const [json] of REQUESTS)
    for (const [user, status, detail] of nobodies) {
      const answer = await issue(sidecar, json, user);
      assert.deepEqual([answer.status, answer.body.detail], [status, detail], JSON.stringify(json));
      assert.equal(await uploadsOf(user), 0);
    }
  for (const [json, status] of REQUESTS) {
    assert.equal((await issue(sidecar, json, await newUser())).status, status, JSON.stringify(json));
  }
});

test('what a column of the user leaves open is as everywhere: active, not blocked', async () => {
  assert.equal(
    (await issue(sidecar, IMAGE, await newUser({ is_active: null, is_blocked: null }))).status,
    200,
  );
});

test('flags of a user that are numbers or letters mean what they say', async () => {
  for (const [type, no, yes] of [
    ['smallint', 0, 1],
    ['integer', 0, 1],
    ['bigint', 0, 1],
    ['numeric', 0, 1],
    ['char', "'N'", "'Y'"],
  ]) {
    const url = await scene.server.createDatabase(allTables);
    const become = (column: string) =>
      `ALTER COLUMN ${column} DROP DEFAULT, ALTER COLUMN ${column} TYPE ${type} USING CASE WHEN ${column} THEN ${yes} ELSE ${no} END`;
    await query(url, `ALTER TABLE users ${become('is_active')}, ${become('is_blocked')}`);
    const at = await scene.sidecar({ DATABASE_URL: url, MIGRATE_ON_START: 'false' });
    await untilReady(at);
    // By the function, then by the statement that looks at the user as well; Gleb is blocked, Dina inactive.
    for (const [user, status] of [
      [1, 200],
      [1, 200],
      [3, 403],
      [4, 403],
    ] as const)
      assert.equal((await issue(at, IMAGE, user)).status, status, `${type}, ${user}`);
    await at.stop();
  }
});

test('a block takes effect with the next upload', async () => {
  const user = await newUser();
  assert.equal((await issue(sidecar, IMAGE, user)).status, 200);
  await scene.sql('UPDATE users SET is_blocked = true WHERE id = $1', [user]);
  assert.equal((await issue(sidecar, IMAGE, user)).status, 403);
  assert.equal(await uploadsOf(user), 1);
});

test('an upload is one round trip to PostgreSQL, its refusal by the rate as well', async () => {
  const target = parseDatabaseUrl(scene.url);
  if (!('host' in target)) throw new Error('no database URL');
  const database = createDatabase(target, { poolMax: 1 });
  const storage = createObjectStorage(scene.store.config, createStorageClock({ warn() {}, info() {} }));
  const sent: string[] = [];
  const told: Database = {
    ...database,
    query(statement, options) {
      sent.push(statement.name);
      return database.query(statement, options);
    },
    run: () => assert.fail('another statement'),
    transaction: () => assert.fail('a transaction'),
  };
  const users = createUserDirectory({ ...told, run: database.run });
  const mib = 2 ** 20;
  const issueUploads = createIssue({
    ...{ database: told, storage, runForUser: users.runFor, counts: createUploadCounts() },
    limits: { maxVideoBytes: mib, maxImageBytes: mib, maxMultipartBytes: mib },
    ...{ urlTtlSeconds: 900, multipartTtlSeconds: 900, ratePerMinute: 1, quotaBytes: mib },
    ...{ cacheControl: null, once: false },
  });
  const untilMs = performance.now() + 60_000;
  const user = await newUser();
  const ask = () => issueUploads.toNamed(user, [IMAGE as AnnouncedFile], untilMs);
  assert.equal(await ask(), null, 'not before users have been seen');
  await users.find(user, untilMs);
  sent.length = 0;
  assert.equal((await ask())?.length, 1);
  await assert.rejects(ask(), { status: 429 });
  assert.deepEqual(sent, ['issue_to_named', 'issue_to_named']);
  await database.close();
  storage.close();
});

test('users that vanish while a process runs do not open it to everybody', async () => {
  const user = await newUser();
  await scene.sql('ALTER TABLE users RENAME TO users_elsewhere');
  try {
    const { status, body } = await issue(sidecar, IMAGE, user);
    assert.deepEqual([status, body.code], [503, 'unavailable']);
  } finally {
    await scene.sql('ALTER TABLE users_elsewhere RENAME TO users');
  }
  assert.equal((await issue(sidecar, IMAGE, user)).status, 200);
});
