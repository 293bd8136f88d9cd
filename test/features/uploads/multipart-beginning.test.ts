/** A multipart is begun in PostgreSQL first: whoever is refused leaves nothing in the bucket, and what is broken off heals. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { until } from '../../../scripts/lab/programs.ts';
import { startProcess } from '../../../scripts/lab/sidecar.ts';
import { createObjectStorage } from '../../../src/infra/object-storage/object-storage.ts';
import { createStorageClock } from '../../../src/infra/object-storage/storage-clock.ts';
import { api } from '../../support/api.ts';
import { type Fault, startBrokenStore } from '../../support/faulty-store.ts';
import { withinTime } from '../../support/in-time.ts';
import type { TestSidecar } from '../../support/start-sidecar.ts';
import { issue, type UploadScene, uploadScene } from '../../support/upload-scene.ts';

const MIB = 2 ** 20;
const VIDEO = {
  ...{ kind: 'reel_video', filename: 'a.mp4', content_type: 'video/mp4' },
  ...{ multipart: true, size_bytes: 9 * MIB },
};
/** The whole request, and half a second for what comes behind it. */
const REQUEST_MS = 10_500;
/** Room for one of them. */
const ENV = { UPLOAD_RATE_PER_MINUTE: '3', UPLOAD_QUOTA_MB_PER_USER: '10' };

/** So often was the storage asked to begin one. */
let begun = 0;
/** What becomes of that. */
let beginning: () => Fault | false | Promise<Fault | false> = () => false;
/** May multiparts be listed? */
let listing: () => Fault | false = () => false;

let scene: UploadScene;
let sidecar: TestSidecar;
let storeEnv: Readonly<Record<string, string>> = {};
let closeStore = () => {};
uploadScene(async (made) => {
  scene = made;
  const store = await startBrokenStore(scene.store.config, (method, url) => {
    const { pathname, searchParams } = new URL(url, 'http://store');
    if (!searchParams.has('uploads')) return false;
    if (method === 'GET') return listing();
    assert.match(pathname, /\.mp4$/);
    begun += 1;
    return beginning();
  });
  closeStore = store.stop;
  storeEnv = store.env;
  sidecar = await scene.sidecar({ ...ENV, ...storeEnv });
});
after(() => closeStore());

/** Users of their own, so that no test counts another's uploads. */
async function newUser(): Promise<number> {
  const [row] = await scene.sql<{ id: number }>(`INSERT INTO users (name) VALUES ('New') RETURNING id`);
  return row?.id ?? 0;
}

/** Of a user, in the bucket. */
async function openMultiparts(user: number): Promise<string[]> {
  const storage = createObjectStorage(scene.store.config, createStorageClock({ warn() {}, info() {} }));
  const keys: string[] = [];
  for await (const { key } of storage.listMultiparts(`uploads/${user}/`, AbortSignal.timeout(20_000)))
    keys.push(key);
  storage.close();
  return keys;
}

const rowsOf = (user: number) =>
  scene.sql<{ id: string; status: string; multipart_id: string | null }>(
    'SELECT id, status, multipart_id FROM sidecar_uploads WHERE user_id = $1 ORDER BY number',
    [user],
  );
/** The pass looks at once, as if that time had passed. */
const due = (user: number, interval: string) =>
  scene.sql(
    `UPDATE sidecar_uploads SET due_at = now(), settles_at = settles_at - $2::interval,
            expires_at = expires_at - $2::interval WHERE user_id = $1 AND status = 'issued'`,
    [user, interval],
  );
const become = (user: number, status: string) =>
  until(`it to be ${status}`, async () => (await rowsOf(user)).every((row) => row.status === status));

/** The storage is told to begin one, and what becomes of that is said later. */
function holdBeginning() {
  const { promise: isAsked, resolve: asked } = Promise.withResolvers<void>();
  const { promise: fault, resolve: goOn } = Promise.withResolvers<Fault | false>();
  beginning = () => {
    beginning = () => false;
    asked();
    return fault;
  };
  return { isAsked, goOn };
}

test('whoever is over the rate or the quota does not get as far as the storage', async () => {
  const user = await newUser();
  const before = begun;
  const post = (size: number) => issue(sidecar, { ...VIDEO, size_bytes: size * MIB }, user);
  assert.equal((await post(9)).status, 200);
  assert.equal((await post(2)).body.code, 'quota_exceeded');
  assert.deepEqual([(await post(1)).status, begun], [200, before + 2]);
  await scene.sql(`UPDATE sidecar_uploads SET status = 'deleted' WHERE user_id = $1`, [user]);
  assert.equal((await post(1)).status, 200);
  for (let i = 0; i < 5; i += 1) {
    // However slow this machine is, its minute is not over.
    await scene.sql('UPDATE sidecar_uploads SET created_at = now() WHERE user_id = $1', [user]);
    assert.equal((await post(1)).body.code, 'rate_limited');
  }
  assert.equal(begun, before + 3);
  assert.equal((await openMultiparts(user)).length, 3);
});

test('a multipart that the storage does not begin is a 503 in ten seconds, takes no room, and expires', async () => {
  const user = await newUser();
  for (const fault of ['hangs', 'refused'] as const) {
    beginning = () => fault;
    const answer = await withinTime(REQUEST_MS, sidecar, issue(sidecar, VIDEO, user));
    beginning = () => false;
    assert.equal(typeof answer === 'string' ? answer : answer.status, 503);
    await until('its room to be free', async () => {
      const rows = await scene.sql(
        `SELECT FROM sidecar_uploads WHERE user_id = $1 AND status = 'issued' AND expires_at > now()`,
        [user],
      );
      return rows.length === 0;
    });
  }
  assert.equal((await issue(sidecar, VIDEO, user)).status, 200);
  await scene.sql(`UPDATE sidecar_uploads SET status = 'deleted' WHERE user_id = $1 AND number = 3`, [user]);
  await due(user, '20 seconds');
  await until('both to be over', async () =>
    (await rowsOf(user)).slice(0, 2).every(({ status }) => status === 'expired'),
  );
});

test('a multipart whose answer was lost is found by its key and given up', async () => {
  const user = await newUser();
  const { isAsked, goOn } = holdBeginning();
  const call = issue(sidecar, VIDEO, user);
  await isAsked;
  // Every try of it.
  beginning = () => 'after';
  goOn('after');
  assert.equal((await call).status, 503);
  beginning = () => false;
  assert.ok((await openMultiparts(user)).length > 0);
  await due(user, '40 seconds');
  await become(user, 'expired');
  assert.deepEqual(await openMultiparts(user), []);
});

test('a sidecar that is killed between the multipart and its id in the row leaves neither behind', async () => {
  const user = await newUser();
  beginning = () => 'never';
  const killed = await startProcess({ ...ENV, ...storeEnv, DATABASE_URL: scene.url });
  const answer = issue(killed, VIDEO, user).catch(() => 'none');
  await until('the multipart', async () => (await openMultiparts(user)).length > 0);
  killed.child.kill('SIGKILL');
  assert.equal(await answer, 'none');
  await killed.ended;
  beginning = () => false;
  assert.deepEqual(
    (await rowsOf(user)).map(({ status, multipart_id: id }) => [status, id]),
    [['issued', null]],
  );
  await due(user, '40 seconds');
  await become(user, 'expired');
  assert.deepEqual(await openMultiparts(user), []);
});

test('where multiparts may not be listed an upload that was never begun expires all the same', async () => {
  const user = await newUser();
  beginning = () => 'refused';
  assert.equal((await issue(sidecar, VIDEO, user)).status, 503);
  beginning = () => false;
  listing = () => 'refused';
  await due(user, '40 seconds');
  await become(user, 'expired');
  listing = () => false;
});

test('what is still being begun says so, and can be deleted', async () => {
  const user = await newUser();
  const { isAsked, goOn } = holdBeginning();
  const call = issue(sidecar, VIDEO, user);
  await isAsked;
  const [row] = await rowsOf(user);
  const ask = (method: string, rest: string, json?: object) =>
    api(method, `${sidecar.url}/api/uploads/${row?.id}${rest}`, { user, ...(json ? { json } : {}) });
  for (const [method, rest, json, status, code] of [
    ['GET', '/parts', undefined, 503, 'unavailable'],
    ['POST', '/parts', { part_numbers: [1] }, 503, 'unavailable'],
    ['POST', '/url', undefined, 409, 'multipart'],
    ['POST', '/complete', undefined, 409, 'not_uploaded'],
  ] as const) {
    const { body, ...answer } = await ask(method, rest, json);
    assert.deepEqual([answer.status, body.code], [status, code], `${method} ${rest}`);
    if (code === 'not_uploaded') assert.deepEqual(body.missing, [1, 2]);
  }
  assert.equal((await ask('DELETE', '')).body.status, 'deleted');
  goOn(false);
  assert.equal((await call).status, 503);
  await until('the multipart to go', async () => (await openMultiparts(user)).length === 0);
});

test('a multipart whose id cannot be noted, the database standing still, is given up', async () => {
  const user = await newUser();
  const { isAsked, goOn } = holdBeginning();
  const call = issue(sidecar, VIDEO, user);
  await isAsked;
  scene.server.freeze();
  goOn(false);
  const answer = await withinTime(5_000, sidecar, call);
  scene.server.thaw();
  assert.equal(typeof answer === 'string' ? answer : answer.status, 503);
  await until('the multipart to go', async () => (await openMultiparts(user)).length === 0, { everyMs: 200 });
});
