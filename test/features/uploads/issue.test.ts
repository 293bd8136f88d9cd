/** What is issued to one user, and how much of it: rows, rate limit, quota (shared by all sidecars). */
import assert from 'node:assert/strict';
import { createHash, randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { createBackendTables, query, usingDatabase } from '../../../scripts/lab/database.ts';
import { until } from '../../../scripts/lab/programs.ts';
import { storageEnv } from '../../../scripts/lab/throwaway-object-store.ts';
import { api, untilAvailable, untilReady } from '../../support/api.ts';
import { send } from '../../support/object-store-contract.ts';
import { allTables } from '../../support/sidecar-with-database.ts';
import { startSidecar, type TestSidecar } from '../../support/start-sidecar.ts';
import { IMAGE, issue, type UploadScene, uploadScene } from '../../support/upload-scene.ts';

let scene: UploadScene;
let unlimited: TestSidecar;
uploadScene(async (made) => {
  scene = made;
  unlimited = await scene.sidecar({ UPLOAD_RATE_PER_MINUTE: '0' });
});

/** Users of their own, so that no test counts another's uploads. */
async function newUser(): Promise<number> {
  const [row] = await scene.sql<{ id: number }>(`INSERT INTO users (name) VALUES ('New') RETURNING id`);
  return row?.id ?? 0;
}
/** Nobody looks at what has come due by that: here the tests say what becomes of an upload. */
async function letTimePass(user: number, interval: string): Promise<void> {
  await scene.sql('UPDATE sidecar_uploads SET due_at = NULL WHERE user_id = $1', [user]);
  await scene.letTimePass(user, interval);
}
const statusesOf = (answers: readonly { status: number }[]) => {
  const counts: Record<number, number> = {};
  for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
};
test('an upload is a row, as the answer says', async () => {
  const user = await newUser();
  const { status, body } = await issue(unlimited, IMAGE, user);
  assert.equal(status, 200);
  const [row] = await scene.sql<Record<string, unknown>>(
    `SELECT id, user_id, number, kind, filename, content_type, size_bytes, key, status,
            extract(epoch FROM expires_at - created_at)::int AS lives, date_trunc('milliseconds', expires_at) AS expires_at
       FROM sidecar_uploads WHERE user_id = $1`,
    [user],
  );
  assert.deepEqual(row, {
    ...{ id: body.upload_id, user_id: String(user), number: '1', kind: 'product_image', filename: 'a.png' },
    ...{ content_type: 'image/png', size_bytes: '10', key: body.key, status: 'issued', lives: 900 },
    expires_at: new Date(body.expires_at),
  });
  assert.equal(body.method, 'PUT');
  assert.equal(body.file_url, `${scene.store.config.publicBaseUrl}/${body.key}`);
});

test('several files are issued in order, or none of them', async () => {
  const user = await newUser();
  const files = [
    IMAGE,
    { ...IMAGE, kind: 'review_image' },
    { ...IMAGE, kind: 'story_image', size_bytes: 11 },
  ];
  const { status, body } = await issue(unlimited, { files }, user);
  assert.equal(status, 200);
  assert.deepEqual(Object.keys(body), ['uploads']);
  const kinds = body.uploads.map(({ key }: { key: string }) => key.split('/')[2]);
  assert.deepEqual(kinds, ['product_image', 'review_image', 'story_image']);
  const tooLarge = { ...IMAGE, size_bytes: 10 * 2 ** 20 + 1 };
  assert.equal((await issue(unlimited, { files: [IMAGE, tooLarge] }, user)).status, 413);
  assert.equal(
    (await issue(unlimited, { files: [IMAGE, { ...IMAGE, content_type: 'text/html' }] }, user)).status,
    415,
  );
  const rows = await scene.sql('SELECT number FROM sidecar_uploads WHERE user_id = $1 ORDER BY number', [
    user,
  ]);
  assert.deepEqual(
    rows.map(({ number }) => number),
    ['1', '2', '3'],
  );
});

test('a hundred requests at once over two sidecars get exactly as many uploads as the rate allows', async () => {
  const sidecars = await Promise.all([1, 2].map(() => scene.sidecar({ UPLOAD_RATE_PER_MINUTE: '30' })));
  const user = await newUser();
  const answers = await Promise.all(
    Array.from({ length: 100 }, (_, index) =>
      untilAvailable(() => issue(sidecars[index % 2] as TestSidecar, IMAGE, user)),
    ),
  );
  assert.deepEqual(statusesOf(answers), { 200: 30, 429: 70 });
  const refused = answers.find(({ status }) => status === 429);
  assert.equal(refused?.body.code, 'rate_limited');
  const seconds = Number(refused?.headers.get('retry-after'));
  assert.ok(seconds >= 1 && seconds <= 60, String(seconds));
});

test('the rate is that of any 60 s, by the file; refusals do not count', async () => {
  const sidecar = await scene.sidecar({ UPLOAD_RATE_PER_MINUTE: '3' });
  const user = await newUser();
  const batch = (files: number) => issue(sidecar, { files: Array(files).fill(IMAGE) }, user);
  assert.equal((await batch(2)).status, 200);
  assert.equal((await batch(4)).status, 429);
  await letTimePass(user, '40 seconds');
  assert.equal((await batch(2)).status, 429);
  assert.equal((await batch(1)).status, 200);
  const full = await batch(1);
  assert.equal(full.status, 429);
  const seconds = Number(full.headers.get('retry-after'));
  assert.ok(seconds >= 1 && seconds <= 20, `the first two leave the window after 20 s, it says ${seconds}`);
  await letTimePass(user, '20 seconds');
  assert.equal((await batch(3)).status, 429);
  assert.equal((await batch(2)).status, 200);
});

test('who waits for an upload of the same user counts it, whether it is by rate or by quota', async () => {
  const sidecars = {
    rate_limited: await scene.sidecar({ UPLOAD_RATE_PER_MINUTE: '1' }),
    quota_exceeded: await scene.sidecar({ UPLOAD_RATE_PER_MINUTE: '0', UPLOAD_QUOTA_MB_PER_USER: '1' }),
  };
  for (const [code, sidecar] of Object.entries(sidecars)) {
    const user = await newUser();
    const file = { ...IMAGE, size_bytes: 2 ** 19 };
    assert.equal((await issue(sidecar, file, user)).status, 200);
    await letTimePass(user, '10 minutes');
    const other = JSON.stringify([{ ...file, id: randomUUID(), key: 'k' }]);
    let waiting: ReturnType<typeof issue> | undefined;
    await usingDatabase(scene.url, (database) =>
      database.transaction(async (trx) => {
        await trx.raw('SELECT sidecar_issue_uploads(?, ?, 900, 0, 0)', [user, other]);
        waiting = issue(sidecar, file, user);
        await until('it to wait', async () => {
          const sql = `SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`;
          return (await scene.sql(sql)).length > 0;
        });
      }),
    );
    assert.equal((await waiting)?.body.code, code);
  }
});

test('an upload whose row is gone stands in nobody’s way', async () => {
  const sidecar = await scene.sidecar({ UPLOAD_RATE_PER_MINUTE: '1' });
  const user = await newUser();
  assert.equal((await issue(sidecar, IMAGE, user)).status, 200);
  await scene.sql('DELETE FROM sidecar_uploads WHERE user_id = $1', [user]);
  assert.equal((await issue(sidecar, IMAGE, user)).status, 200);
  assert.equal((await issue(sidecar, IMAGE, user)).status, 429);
});

test('figures of a user that are gone, or of an older backup than his uploads, are counted anew', async () => {
  const sidecar = await scene.sidecar({ UPLOAD_QUOTA_MB_PER_USER: '3', UPLOAD_RATE_PER_MINUTE: '4' });
  const file = { ...IMAGE, size_bytes: 2 ** 20 };
  for (const damage of [
    'DELETE FROM sidecar_upload_usage WHERE user_id = $1',
    'UPDATE sidecar_upload_usage SET last_number = 1, bytes = 0 WHERE user_id = $1',
  ]) {
    const user = await newUser();
    for (const _ of [1, 2]) assert.equal((await issue(sidecar, file, user)).status, 200);
    await scene.sql(damage, [user]);
    assert.equal((await issue(sidecar, file, user)).status, 200, damage);
    assert.equal((await issue(sidecar, file, user)).body.code, 'quota_exceeded', damage);
    assert.equal((await issue(sidecar, IMAGE, user)).status, 429, damage);
    const numbers = await scene.sql('SELECT number FROM sidecar_uploads WHERE user_id = $1 ORDER BY number', [
      user,
    ]);
    assert.deepEqual(
      numbers.map(({ number }) => number),
      ['1', '2', '3'],
    );
    assert.deepEqual(
      await scene.sql('SELECT last_number, bytes FROM sidecar_upload_usage WHERE user_id = $1', [user]),
      [{ last_number: '3', bytes: String(3 * 2 ** 20) }],
    );
  }
});

test('a database whose clock was set back by an hour refuses nobody for the hour to come, and counts right', async () => {
  const sidecar = await scene.sidecar({ UPLOAD_QUOTA_MB_PER_USER: '1', UPLOAD_RATE_PER_MINUTE: '1' });
  const user = await newUser();
  assert.equal((await issue(sidecar, IMAGE, user)).status, 200);
  await letTimePass(user, '-1 hour');
  await scene.sql(
    `UPDATE sidecar_upload_usage SET bytes = 999999999, swept_until = now() + interval '1 hour' WHERE user_id = $1`,
    [user],
  );
  assert.equal((await issue(sidecar, IMAGE, user)).status, 200);
  assert.equal((await issue(sidecar, IMAGE, user)).body.code, 'rate_limited');
  const figures = await scene.sql(
    'SELECT bytes, swept_until <= now() AS is_past FROM sidecar_upload_usage WHERE user_id = $1',
    [user],
  );
  assert.deepEqual(figures, [{ bytes: '20', is_past: true }]);
});

test('the quota counts what is ready, and what was issued until its URL expires', async () => {
  const sidecar = await scene.sidecar({ UPLOAD_QUOTA_MB_PER_USER: '2', UPLOAD_RATE_PER_MINUTE: '0' });
  const user = await newUser();
  const MIB = 2 ** 20;
  const mib = (size: number) => issue(sidecar, { ...IMAGE, size_bytes: size * MIB }, user);
  const first = await mib(1);
  assert.equal(first.status, 200);
  const larger = await mib(3);
  assert.deepEqual([larger.status, larger.body.code], [413, 'too_large']);
  assert.equal((await issue(sidecar, { ...IMAGE, size_bytes: MIB }, user)).status, 200);
  const full = await issue(sidecar, { ...IMAGE, size_bytes: 1 }, user);
  assert.deepEqual([full.status, full.body.code], [429, 'quota_exceeded']);
  const seconds = Number(full.headers.get('retry-after'));
  assert.ok(seconds > 800 && seconds <= 900, String(seconds));

  await scene.sql(`UPDATE sidecar_uploads SET status = 'ready' WHERE id = $1`, [first.body.upload_id]);
  await letTimePass(user, '900 seconds');
  assert.equal((await mib(1)).status, 200);
  assert.equal((await mib(1)).status, 429);
  await scene.sql(`UPDATE sidecar_uploads SET status = 'deleted' WHERE id = $1`, [first.body.upload_id]);
  assert.equal((await mib(1)).status, 200);
  // What had expired and was found after all counts from then on.
  await letTimePass(user, '901 seconds');
  await scene.sql(`UPDATE sidecar_uploads SET status = 'ready' WHERE number IN (2, 3) AND user_id = $1`, [
    user,
  ]);
  const over = await mib(1);
  assert.deepEqual([over.status, over.headers.get('retry-after')], [429, '3600']);
});

test('the quota is exact for a hundred requests at once over two sidecars', async () => {
  const env = { UPLOAD_QUOTA_MB_PER_USER: '10', UPLOAD_RATE_PER_MINUTE: '0' };
  const sidecars = await Promise.all([1, 2].map(() => scene.sidecar(env)));
  const user = await newUser();
  const file = { ...IMAGE, size_bytes: 2 ** 20 };
  const answers = await Promise.all(
    Array.from({ length: 100 }, (_, index) =>
      untilAvailable(() => issue(sidecars[index % 2] as TestSidecar, file, user)),
    ),
  );
  assert.deepEqual(statusesOf(answers), { 200: 10, 429: 90 });
});

test('what the usage row says is what the rows add up to, whatever happens to them at once', async () => {
  const sidecar = await scene.sidecar({ UPLOAD_QUOTA_MB_PER_USER: '1000', UPLOAD_RATE_PER_MINUTE: '0' });
  const user = await newUser();
  const issued = await Promise.all(
    Array.from({ length: 40 }, () => untilAvailable(() => issue(sidecar, IMAGE, user))),
  );
  await letTimePass(user, '890 seconds');
  const ids = issued.map(({ body }) => body.upload_id);
  const become = (id: string, status: string) =>
    scene.sql(`UPDATE sidecar_uploads SET status = $2 WHERE id = $1`, [id, status]);
  await Promise.all([
    ...ids.map((id, index) => become(id, ['ready', 'rejected', 'expired', 'deleted'][index % 4] as string)),
    ...Array.from({ length: 20 }, () => untilAvailable(() => issue(sidecar, IMAGE, user))),
  ]);
  const [{ bytes, sum } = {}] = await scene.sql<{ bytes: string; sum: string }>(
    `SELECT usage.bytes, (SELECT sum(size_bytes) FROM sidecar_uploads
                     WHERE user_id = $1 AND (status = 'ready' OR status = 'issued' AND expires_at > swept_until))
       FROM sidecar_upload_usage AS usage WHERE user_id = $1`,
    [user],
  );
  assert.equal(bytes, sum);
  assert.equal(bytes, '300');
});

test('a user with 100,000 uploads costs no more rows than one with ten', async () => {
  const user = await newUser();
  await issue(unlimited, IMAGE, user);
  const call = `SELECT sidecar_issue_uploads(${user}, '[{"id":"00000000-0000-4000-8000-000000000000","kind":"product_image",
    "filename":"a","content_type":"image/png","size_bytes":1,"key":"k"}]', 900, 30, 1000000000)`;
  const few = await rowsReadBy(call);
  await scene.sql(
    `INSERT INTO sidecar_uploads (id, user_id, number, kind, filename, content_type, size_bytes, key, status,
                                  created_at, expires_at, settles_at)
     SELECT gen_random_uuid(), $1, place, 'product_image', 'a', 'image/png', 1, 'k',
            (ARRAY['ready', 'issued', 'deleted'])[place % 3 + 1], now() - interval '1 day', now() - interval '1 hour', now()
       FROM generate_series(2, 100000) AS place`,
    [user],
  );
  await scene.sql(
    `UPDATE sidecar_upload_usage SET last_number = 100000, swept_until = now() WHERE user_id = $1`,
    [user],
  );
  await scene.sql('ANALYZE sidecar_uploads');
  const many = await rowsReadBy(call);
  assert.ok(many <= few + 2, `${few} rows with few uploads, ${many} with many`);
});

/** Rows of the uploads that a call reads; what it changes is taken back. */
async function rowsReadBy(call: string): Promise<number> {
  let read = Number.NaN;
  const takenBack = new Error('taken back');
  const work = usingDatabase(scene.url, (database) =>
    database.transaction(async (trx) => {
      await trx.raw(call);
      const { rows } = await trx.raw<{ rows: [{ read: string }] }>(
        `SELECT seq_tup_read + idx_tup_fetch AS read FROM pg_stat_xact_user_tables WHERE relname = 'sidecar_uploads'`,
      );
      read = Number(rows[0].read);
      throw takenBack;
    }),
  );
  await assert.rejects(work, takenBack);
  return read;
}

test('without the database there is no URL: 503, and no row is missing afterwards', async () => {
  const away = await startSidecar({
    ...storageEnv(scene.store.config),
    DATABASE_URL: scene.url.replace(/:\d+\//, ':9/'),
  });
  try {
    const { status, body } = await issue(away, IMAGE);
    assert.deepEqual([status, body.code], [503, 'unavailable']);
  } finally {
    await away.stop();
  }
});

test('before the migrations have run there is no URL: 503', async () => {
  const url = await scene.server.createDatabase();
  const early = await startSidecar({
    ...{ ...storageEnv(scene.store.config), DATABASE_URL: url, MIGRATE_ON_START: 'false' },
  });
  try {
    assert.equal((await issue(early, IMAGE)).status, 503);
  } finally {
    await early.stop();
  }
});

test('in a LATIN1 database a file name that it cannot hold is 422', async () => {
  await scene.sql(`CREATE DATABASE latin1 ENCODING 'LATIN1' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'`);
  const url = scene.url.replace(/\w+$/, 'latin1');
  await createBackendTables(url);
  const sidecar = await scene.sidecar({ DATABASE_URL: url });
  await untilReady(sidecar);
  const video = { kind: 'reel_video', content_type: 'video/mp4', size_bytes: 1_000, multipart: true };
  for (const file of [IMAGE, video]) {
    const refused = await issue(sidecar, { ...file, filename: 'кино' }, 1);
    assert.deepEqual([refused.status, refused.body.detail], [422, 'filename: is not valid']);
    assert.equal((await issue(sidecar, { ...file, filename: 'ciné' }, 1)).status, 200);
  }
});

test('what is configured, and a checksum, is signed and returned in the headers', async () => {
  const cacheControl = 'public, max-age=31536000, immutable';
  const sidecar = await scene.sidecar({ S3_UPLOAD_CACHE_CONTROL: cacheControl, S3_UPLOAD_ONCE: 'true' });
  const content = '0123456789';
  const sha256 = createHash('sha256').update(content);
  const { body } = await issue(sidecar, { ...IMAGE, sha256: sha256.copy().digest('hex').toUpperCase() });
  assert.deepEqual(body.headers, {
    'Content-Type': 'image/png',
    'Cache-Control': cacheControl,
    'If-None-Match': '*',
    'x-amz-acl': 'public-read',
    'x-amz-checksum-sha256': sha256.digest('base64'),
  });
  for (const left of Object.keys(body.headers)) {
    const { [left]: _, ...others } = body.headers;
    assert.equal((await send('PUT', body.upload_url, others, content)).status, 403, `without ${left}`);
  }
  assert.equal((await send('PUT', body.upload_url, body.headers, content)).status, 200);
  assert.equal((await send('PUT', body.upload_url, body.headers, content)).status, 412);
  assert.equal((await issue(sidecar, { ...IMAGE, sha256: 'abc' })).status, 422);
});

test('tables that a restored backup lacks make /readyz say so, and are made again', async () => {
  const url = await scene.server.createDatabase(allTables);
  // Not at its start: it might still be about to put right what is broken here.
  const settings = { ...storageEnv(scene.store.config), DATABASE_URL: url };
  const at = await startSidecar({ ...settings, MIGRATE_ON_START: 'false' });
  const database = async () => (await api('GET', `${at.url}/readyz`)).body.checks.database;
  await until('readiness', async () => (await database()) === 'ok', { everyMs: 200 });
  await query(url, 'DROP TRIGGER sidecar_uploads_usage ON sidecar_uploads');
  await until('the trigger to be missed', async () => (await database()) === 'down', { everyMs: 200 });
  const { body } = await issue(at, IMAGE);
  await at.stop();
  // Whose connections have not met them.
  const after = await startSidecar({ ...settings, MIGRATE_ON_START: 'false' });
  await query(url, 'DROP TABLE sidecar_upload_usage');
  assert.equal((await issue(after, IMAGE)).status, 503);
  const fresh = await api('POST', `${after.url}/api/uploads/${body.upload_id}/url`, { user: 1 });
  assert.equal(fresh.status, 503);
  await query(url, 'DROP TABLE sidecar_uploads');
  assert.equal((await issue(after, IMAGE)).status, 503);
  await after.stop();
  const again = await startSidecar(settings);
  try {
    await until('the tables', async () => (await issue(again, IMAGE)).status === 200, { everyMs: 100 });
    assert.equal((await api('GET', `${again.url}/readyz`)).body.checks.database, 'ok');
  } finally {
    await again.stop();
  }
});
