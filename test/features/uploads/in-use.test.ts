/** Uploads that something refers to: kept from their users' deletion, taken out by an admin's, never referred to while they go. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { Knex } from 'knex';
import { until } from '../../../scripts/lab/programs.ts';
import { parseDatabaseUrl } from '../../../src/config/database-url.ts';
import { AppError } from '../../../src/errors.ts';
import { createEventWriter } from '../../../src/features/events/writer.ts';
import { createUploadCounts } from '../../../src/features/uploads/figures.ts';
import {
  createUploads,
  type ReadyUpload,
  type Uploads,
  type UploadUsage,
} from '../../../src/features/uploads/service.ts';

import { createObjectStorage, type ObjectStorage } from '../../../src/infra/object-storage/object-storage.ts';
import { createStorageClock } from '../../../src/infra/object-storage/storage-clock.ts';
import { createDatabase, type Database } from '../../../src/infra/postgres/database.ts';
import { createUserDirectory } from '../../../src/infra/user-directory.ts';
import { api } from '../../support/api.ts';
import type { TestSidecar } from '../../support/start-sidecar.ts';
import { IMAGE, issue, type UploadScene, uploadScene } from '../../support/upload-scene.ts';

let scene: UploadScene;
let sidecar: TestSidecar;
let database: Database;
let storage: ObjectStorage;
uploadScene(async (made) => {
  scene = made;
  sidecar = await scene.sidecar({ UPLOAD_RATE_PER_MINUTE: '0' });
  const target = parseDatabaseUrl(scene.url);
  if (!('host' in target)) throw new Error('no database URL');
  database = createDatabase(target, { poolMax: 5 });
  storage = createObjectStorage(scene.store.config, createStorageClock({ warn() {}, info() {} }));
  await scene.sql('CREATE TABLE shown (upload_id uuid, published boolean)');
});
after(async () => {
  await database.close();
  storage.close();
});

/** A table that refers to uploads, as reviews do. */
const usage: UploadUsage = {
  async showing(trx, id) {
    const sql = 'SELECT published FROM shown WHERE upload_id = ? FOR UPDATE';
    const { rows } = await trx.raw<{ rows: { published: boolean }[] }>(sql, [id]);
    return rows.some(({ published }) => published);
  },
  async takeOut(trx, id) {
    await trx.raw('DELETE FROM shown WHERE upload_id = ?', [id]);
  },
};

/** The feature as the composition root puts it together. @param seen is told what the storage is asked for */
function uploadsWith(seen: (call: string) => unknown = () => undefined): Uploads {
  const told = {
    ...storage,
    async delete(key: string, signal: AbortSignal) {
      await seen('delete');
      await storage.delete(key, signal);
    },
  };
  const mib = 2 ** 20;
  const limits = { maxVideoBytes: mib, maxImageBytes: mib, maxMultipartBytes: mib };
  return createUploads({
    ...{ database, storage: told, usage, limits, sink: createEventWriter(false) },
    ...{ urlTtlSeconds: 900, multipartTtlSeconds: 900, ratePerMinute: 0, quotaBytes: 0 },
    ...{ cacheControl: null, once: false, counts: createUploadCounts() },
    runForUser: createUserDirectory(database).runFor,
  });
}

const limit = () => ({ signal: AbortSignal.timeout(9_000), untilMs: performance.now() + 9_000 });
const PNG = readFileSync(join(import.meta.dirname, 'files/a.png'));

/** A ready upload of user 1. */
async function ready(): Promise<string> {
  const { body } = await issue(sidecar, { ...IMAGE, size_bytes: PNG.length });
  await fetch(body.upload_url, { method: 'PUT', headers: body.headers, body: new Uint8Array(PNG) });
  const done = await api('POST', `${sidecar.url}/api/uploads/${body.upload_id}/complete`, { user: 1 });
  assert.equal(done.body.status, 'ready');
  return body.upload_id;
}
const refer = (id: string, published: boolean) =>
  scene.sql('INSERT INTO shown VALUES ($1, $2)', [id, published]);
const isReferredTo = async (id: string) =>
  (await scene.sql('SELECT FROM shown WHERE upload_id = $1', [id])).length > 0;
const rowOf = async (id: string) =>
  (await scene.sql(`SELECT status, intent, lease, due_at FROM sidecar_uploads WHERE id = $1`, [id]))[0] ?? {};
const isInUse = (error: unknown) =>
  error instanceof AppError && error.status === 409 && error.fields.code === 'in_use';

test('its user cannot delete what something published shows, and nothing of it changes', async () => {
  const id = await ready();
  await refer(id, true);
  const { lifecycle } = uploadsWith(() => assert.fail('asked to delete'));
  await assert.rejects(lifecycle.remove(id, 1, limit()), isInUse);
  const { due_at: due, ...row } = await rowOf(id);
  assert.deepEqual(row, { status: 'ready', intent: null, lease: null });
  // The look at the end of its URL is still to come.
  assert.notEqual(due, null);
  assert.equal(await isReferredTo(id), true);
  await assert.rejects(lifecycle.remove(id, 1, limit()), isInUse);
  await scene.sql('DELETE FROM shown WHERE upload_id = $1', [id]);
  assert.equal((await uploadsWith().lifecycle.remove(id, 1, limit())).status, 'deleted');
});

test('an admin’s delete deletes the object first, takes it out of what shows it, then says so in the row', async () => {
  const id = await ready();
  await refer(id, true);
  const order: unknown[] = [];
  const { lifecycle } = uploadsWith(async (call) => {
    order.push(call, await isReferredTo(id), (await rowOf(id)).status);
  });
  assert.equal((await lifecycle.remove(id, 'any', limit())).status, 'deleted');
  assert.deepEqual(order, ['delete', true, 'ready']);
  assert.equal(await isReferredTo(id), false);
});

test('what is not published does not keep it, and is without it afterwards', async () => {
  const id = await ready();
  await refer(id, false);
  assert.equal((await uploadsWith().lifecycle.remove(id, 1, limit())).status, 'deleted');
  assert.equal(await isReferredTo(id), false);
});

test('what was changed behind our back is taken out of what shows it', async () => {
  const id = await ready();
  await refer(id, true);
  const { lifecycle } = uploadsWith(async () => assert.equal(await isReferredTo(id), false));
  const [row] = await scene.sql<never>(
    `UPDATE sidecar_uploads SET lease = gen_random_uuid(), lease_until = now() + interval '20 seconds', etag = 'x'
      WHERE id = $1 RETURNING *, true AS is_settled`,
    [id],
  );
  assert.ok(row);
  const { status, reason } = await lifecycle.settle(row, limit());
  assert.deepEqual([status, reason, await isReferredTo(id)], ['rejected', 'changed', false]);
});

test('only the user’s own ready uploads may be referred to', async () => {
  const [mine, other, going, begun] = [
    await ready(),
    await ready(),
    await ready(),
    await issue(sidecar, IMAGE),
  ];
  await scene.sql(`UPDATE sidecar_uploads SET intent = 'deleted' WHERE id = $1`, [going]);
  const asked = [mine, other, going, begun.body.upload_id, '00000000-0000-4000-8000-000000000000'];
  const read = (user: number) => database.transaction((trx) => uploadsWith().readyOf(trx, user, asked));
  assert.deepEqual(
    (await read(1)).map(({ id }) => id),
    [mine, other].sort(),
  );
  const key = `uploads/1/product_image/${mine}.png`;
  const url = `${scene.store.config.publicBaseUrl}/${key}`;
  const wanted: ReadyUpload = { id: mine, kind: 'product_image', content_type: 'image/png', key, url };
  assert.deepEqual(
    (await read(1)).find(({ id }) => id === mine),
    wanted,
  );
  assert.deepEqual(await read(2), []);
});

/** A review that is being written: it has read the upload, and commits when it is told to. */
async function writing(id: string) {
  const { promise: told, resolve: commit } = Promise.withResolvers<void>();
  const { promise: hasRead, resolve: read } = Promise.withResolvers<number>();
  const done = database.transaction(async (trx: Knex.Transaction) => {
    const found = await uploadsWith().readyOf(trx, 1, [id]);
    for (const { id: ready } of found) await trx.raw('INSERT INTO shown VALUES (?, true)', [ready]);
    read(found.length);
    await told;
  });
  const finish = async () => {
    commit();
    await done;
  };
  return { found: await hasRead, commit: finish };
}

test('a delete that meets one being written waits for it, and is refused', async () => {
  const id = await ready();
  const review = await writing(id);
  assert.equal(review.found, 1);
  const deletion = assert.rejects(uploadsWith().lifecycle.remove(id, 1, limit()), isInUse);
  await until('the delete to wait for the review', async () => {
    const rows = await scene.sql(`SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'
      AND query LIKE '%UPDATE sidecar_uploads SET lease%'`);
    return rows.length > 0;
  });
  await review.commit();
  await deletion;
  assert.equal(await isReferredTo(id), true);
});

test('while it is being deleted it cannot be referred to', async () => {
  const id = await ready();
  let found: number | undefined;
  const { lifecycle } = uploadsWith(async () => {
    const review = await writing(id);
    found = review.found;
    await review.commit();
  });
  assert.equal((await lifecycle.remove(id, 1, limit())).status, 'deleted');
  assert.deepEqual([found, await isReferredTo(id)], [0, false]);
});
