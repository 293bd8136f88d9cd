/** What a user sees of uploads, whose they are, and a fresh URL for one that is under way. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { api } from '../../support/api.ts';
import { send } from '../../support/object-store-contract.ts';
import { startSidecar, type TestSidecar } from '../../support/start-sidecar.ts';
import { IMAGE, issue, type UploadScene, uploadScene } from '../../support/upload-scene.ts';

let scene: UploadScene;
let sidecar: TestSidecar;
uploadScene(async (made) => {
  scene = made;
  sidecar = await scene.sidecar({ UPLOAD_RATE_PER_MINUTE: '0', UPLOAD_QUOTA_MB_PER_USER: '2' });
});

const call = (method: string, path: string, user?: number) =>
  api(method, `${sidecar.url}/api/uploads${path}`, user === undefined ? {} : { user });
async function newUser(role: string): Promise<number> {
  const [row] = await scene.sql<{ id: number }>(
    `INSERT INTO users (name, role) VALUES ('New', $1) RETURNING id`,
    [role],
  );
  return row?.id ?? 0;
}
const ADMIN = () => newUser('admin');

test('an upload is seen by its user and an admin; for anybody else it is not there', async () => {
  const { body: issued } = await issue(sidecar, IMAGE, 1);
  const path = `/${issued.upload_id}`;
  const { status, body } = await call('GET', path, 1);
  assert.equal(status, 200);
  const { created_at: createdAt, ...rest } = body;
  assert.deepEqual(rest, {
    ...{ upload_id: issued.upload_id, kind: 'product_image', filename: 'a.png', content_type: 'image/png' },
    ...{ size_bytes: 10, multipart: false, status: 'issued', reason: null, key: issued.key, etag: null },
    ...{ file_url: issued.file_url, expires_at: issued.expires_at, finished_at: null },
  });
  assert.equal(Date.parse(issued.expires_at) - Date.parse(createdAt), 900_000);
  assert.equal((await call('GET', path, await ADMIN())).status, 200);
  const foreign = await call('GET', path, 2);
  const unknown = await call('GET', `/${randomUUID()}`, 1);
  assert.deepEqual([foreign.status, foreign.body.code], [404, 'not_found']);
  assert.deepEqual([unknown.status, unknown.body], [foreign.status, foreign.body]);
  assert.equal((await call('GET', '/17', 1)).status, 404);
  assert.equal((await call('GET', path)).status, 401);
  assert.equal((await call('POST', `${path}/url`, 2)).status, 404);
});

test('every call on an upload wants its user or an admin', async () => {
  const video = {
    kind: 'reel_video',
    filename: 'a',
    content_type: 'video/mp4',
    size_bytes: 10,
    multipart: true,
  };
  const { body: issued } = await issue(sidecar, video, await newUser('buyer'));
  const admin = await ADMIN();
  for (const [method, rest, json, answer] of [
    ['GET', '', undefined, [200, undefined]],
    ['POST', '/url', undefined, [409, 'multipart']],
    ['GET', '/parts', undefined, [200, undefined]],
    ['POST', '/parts', { part_numbers: [1] }, [200, undefined]],
    ['POST', '/complete', {}, [409, 'not_uploaded']],
    ['DELETE', '', undefined, [200, undefined]],
  ] as const) {
    const ask = (user?: number) =>
      api(method, `${sidecar.url}/api/uploads/${issued.upload_id}${rest}`, {
        ...(user === undefined ? {} : { user }),
        ...(json === undefined ? {} : { json }),
      });
    const what = `${method} ${rest}`;
    for (const [user, status] of [
      [undefined, 401],
      [3, 403],
      [1, 404],
      [999, 401],
    ] as const)
      assert.equal((await ask(user)).status, status, `${what} ${user}`);
    const { status, body } = await ask(admin);
    assert.deepEqual([status, body.code], answer, what);
  }
});

/** Every upload of a walk through the pages, and how many pages there were. */
async function walk(query: string, user: number) {
  const ids: string[] = [];
  let pages = 0;
  for (let cursor = ''; ; pages += 1) {
    const { status, body } = await call('GET', `?limit=2&${query}${cursor}`, user);
    assert.equal(status, 200, JSON.stringify(body));
    ids.push(...body.items.map((item: { upload_id: string }) => item.upload_id));
    if (body.next_cursor === null) return { ids, pages: pages + 1 };
    cursor = `&cursor=${encodeURIComponent(body.next_cursor)}`;
  }
}

test('a list has a user’s uploads, newest first, page by page, each once', async () => {
  const files = [...Array(3).fill(IMAGE), { ...IMAGE, kind: 'review_image' }];
  const { body } = await issue(sidecar, { files }, 5);
  const issued: string[] = body.uploads.map((upload: { upload_id: string }) => upload.upload_id).toReversed();
  assert.deepEqual(await walk('', 5), { ids: issued, pages: 2 });
  assert.deepEqual((await walk('kind=review_image', 5)).ids, issued.slice(0, 1));
  await scene.sql(`UPDATE sidecar_uploads SET status = 'ready' WHERE id = $1`, [issued[2]]);
  assert.deepEqual((await walk('status=ready', 5)).ids, [issued[2]]);
  assert.deepEqual((await walk('status=issued', 5)).ids, [issued[0], issued[1], issued[3]]);
  const mine = await call('GET', '?user_id=5', 5);
  assert.deepEqual([mine.status, mine.body.code], [403, 'forbidden']);
});

test('an admin lists the uploads of one user or of all', async () => {
  const admin = await ADMIN();
  await issue(sidecar, { files: [IMAGE, IMAGE, IMAGE] }, 2);
  assert.equal((await walk('user_id=2', admin)).ids.length, 3);
  const [{ count } = { count: '' }] = await scene.sql<{ count: string }>(
    'SELECT count(*) FROM sidecar_uploads',
  );
  const all = await walk('user_id=any', admin);
  assert.equal(all.ids.length, Number(count));
  assert.equal(new Set(all.ids).size, Number(count));
  assert.deepEqual((await walk('user_id=9223372036854775807', admin)).ids, []);
  const { body } = await call('GET', '?user_id=any&limit=1', admin);
  const mixed = await call('GET', `?user_id=2&cursor=${body.next_cursor}`, admin);
  assert.deepEqual([mixed.status, mixed.body.code], [422, 'invalid']);
});

test('bad queries are 422', async () => {
  for (const query of [
    ...['limit=0', 'limit=201', 'limit=x', 'limit=1&limit=2', 'cursor=x', 'cursor=-1', 'status=gone'],
    ...['cursor=99999999999999999999', 'kind=avatar', 'user_id=x', 'user_id=-1'],
    ...['cursor=1_00000000-0000-4000-8000-000000000000', 'user_id=any&cursor=5'],
  ]) {
    const { status, body } = await call('GET', `?${query}`, 1);
    assert.deepEqual([status, body.code], [422, 'invalid'], query);
  }
});

test('a query’s field without a value is left out', async () => {
  const { status, body } = await call('GET', '?limit&cursor=&status&kind=&user_id', 1);
  assert.deepEqual([status, body], [200, (await call('GET', '', 1)).body]);
});

test('the limits are public, and the same for whoever has them', async () => {
  const { status, body, headers } = await call('GET', '/limits');
  assert.equal(status, 200);
  assert.equal(headers.get('cache-control'), 'public, max-age=300');
  const types = ['video/mp4', 'video/webm', 'video/quicktime'];
  assert.deepEqual(body.kinds.review_video, {
    ...{ content_types: types, max_bytes: 50 * 2 ** 20, max_bytes_multipart: 5 * 2 ** 30 },
  });
  assert.equal(body.kinds.story_image.max_bytes, 10 * 2 ** 20);
  assert.deepEqual(
    [Object.keys(body.kinds).length, body.url_ttl_seconds, body.files_per_request, body.multipart],
    [6, 900, 10, { min_part_size: 5_242_880, max_parts: 10_000 }],
  );
  const etag = headers.get('etag') ?? '';
  const again = await api('GET', `${sidecar.url}/api/uploads/limits`, { headers: { 'if-none-match': etag } });
  assert.deepEqual([again.status, again.body], [304, '']);
  const other = await api('GET', `${sidecar.url}/api/uploads/limits`, {
    headers: { 'if-none-match': '"x"' },
  });
  assert.equal(other.status, 200);
});

test('a fresh URL takes the same file for the same key, and lives as long as a first one', async () => {
  const { body: issued } = await issue(sidecar, IMAGE, 1);
  await scene.letTimePass(1, '901 seconds');
  const { status, body: fresh } = await call('POST', `/${issued.upload_id}/url`, 1);
  assert.equal(status, 200);
  assert.deepEqual(Object.keys(fresh).sort(), Object.keys(issued).sort());
  assert.deepEqual([fresh.key, fresh.upload_id, fresh.expires_in], [issued.key, issued.upload_id, 900]);
  assert.deepEqual(fresh.headers, issued.headers);
  assert.equal((await send('PUT', fresh.upload_url, fresh.headers, '0123456789')).status, 200);
  const { body } = await call('GET', `/${issued.upload_id}`, 1);
  assert.equal(body.expires_at, fresh.expires_at);
  assert.ok(Date.parse(body.expires_at) - Date.parse(body.created_at) >= 1_800_000);
  await scene.sql(`UPDATE sidecar_uploads SET status = 'ready' WHERE id = $1`, [issued.upload_id]);
  const finished = await call('POST', `/${issued.upload_id}/url`, 1);
  assert.deepEqual([finished.status, finished.body.code], [409, 'ready']);
});

test('a fresh URL for what no longer counted needs room in the quota, and then counts again', async () => {
  const user = await newUser('buyer');
  const file = { ...IMAGE, size_bytes: 2 ** 20 };
  const { body: old } = await issue(sidecar, file, user);
  await scene.letTimePass(user, '901 seconds');
  await issue(sidecar, file, user);
  const { body: last } = await issue(sidecar, file, user);
  const full = await call('POST', `/${old.upload_id}/url`, user);
  assert.deepEqual([full.status, full.body.code], [429, 'quota_exceeded']);
  assert.ok(Number(full.headers.get('retry-after')) > 800);
  // One that still counts is not in its own way.
  assert.equal((await call('POST', `/${last.upload_id}/url`, user)).status, 200);
  await scene.sql(`UPDATE sidecar_uploads SET status = 'deleted' WHERE id = $1`, [last.upload_id]);
  assert.equal((await call('POST', `/${old.upload_id}/url`, user)).status, 200);
  assert.equal((await issue(sidecar, file, user)).status, 429);
});

test('without storage settings every call is 501, without the database 503', async () => {
  const calls = [
    ...['GET ', `GET /${randomUUID()}`, `POST /${randomUUID()}/url`].map((text) => text.split(' ')),
  ] as [string, string][];
  const without = await startSidecar({ DATABASE_URL: scene.url });
  const away = await scene.sidecar({
    DATABASE_URL: scene.url.replace(/:\d+\//, ':9/'),
    MIGRATE_ON_START: 'false',
  });
  try {
    for (const [method, path] of calls) {
      assert.equal((await api(method, `${without.url}/api/uploads${path}`, { user: 1 })).status, 501, path);
      assert.equal((await api(method, `${away.url}/api/uploads${path}`, { user: 1 })).status, 503, path);
    }
    assert.equal((await api('GET', `${without.url}/api/uploads/limits`)).status, 501);
    assert.equal((await api('GET', `${away.url}/api/uploads/limits`)).status, 200);
  } finally {
    await without.stop();
  }
});
