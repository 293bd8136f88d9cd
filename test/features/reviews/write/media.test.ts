/** Files of reviews: the author's own uploads that are ready, and what becomes of the review when one of them goes. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { until } from '../../../../scripts/lab/programs.ts';
import { api } from '../../../support/api.ts';
import { type Fault, startBrokenStore } from '../../../support/faulty-store.ts';
import { startSidecar, type TestSidecar } from '../../../support/start-sidecar.ts';
import { issue, type UploadScene, uploadScene } from '../../../support/upload-scene.ts';
import { WEBHOOK_SECRET } from '../../../support/webhook-receiver.ts';

const [ANNA, VERA, ADMIN] = [1, 5, 6];
const FILES = join(import.meta.dirname, '../../uploads/files');
let scene: UploadScene;
let sidecar: TestSidecar;
let pre: TestSidecar;
uploadScene(async (made) => {
  scene = made;
  const webhook = { EVENTS_WEBHOOK_URL: 'http://127.0.0.1:9/', EVENTS_WEBHOOK_SECRET: WEBHOOK_SECRET };
  const env = { UPLOAD_RATE_PER_MINUTE: '0', ...webhook };
  sidecar = await scene.sidecar(env);
  pre = await scene.sidecar({ ...env, REVIEWS_MODERATION: 'pre' });
  await scene.sql(`INSERT INTO users (id, email, name, role) VALUES (${ADMIN}, 'a', 'Dora', 'admin')`);
});

const ask = (method: string, path: string, user: number, json?: unknown, at = sidecar) =>
  api(method, `${at.url}/api/${path}`, { user, ...(json === undefined ? {} : { json }) });
const post = (user: number, json: object, at = sidecar) =>
  ask('POST', 'products/1/reviews', user, { rating: 5, ...json }, at);
const shownFiles = async (user = ANNA) =>
  (await ask('GET', 'products/1/reviews/me', user)).body.review.media.map(({ url }: { url: string }) =>
    url.split('/').at(-1),
  );
const usedBy = () => scene.sql('SELECT upload_id::text, review_id::int FROM product_review_media ORDER BY 1');
const empty = () => scene.sql('TRUNCATE product_reviews, product_review_moderated, sidecar_events');

/** An upload that is ready. */
async function upload(user: number, name: 'a.png' | 'a.mp4' = 'a.png', isComplete = true): Promise<string> {
  const bytes = readFileSync(join(FILES, name));
  const kinds = { 'a.png': ['review_image', 'image/png'], 'a.mp4': ['review_video', 'video/mp4'] } as const;
  const [kind, content_type] = kinds[name];
  const { body } = await issue(
    sidecar,
    { kind, filename: name, content_type, size_bytes: bytes.length },
    user,
  );
  const put = await fetch(body.upload_url, { method: 'PUT', headers: body.headers, body: bytes });
  assert.equal(put.status, 200);
  if (isComplete) assert.equal((await ask('POST', `uploads/${body.upload_id}/complete`, user)).status, 200);
  return body.upload_id;
}

test('ready uploads of one’s own are shown in their order; left out they stay, null takes them away', async () => {
  await empty();
  const [image, video] = [await upload(ANNA), await upload(ANNA, 'a.mp4')];
  const { review, summary } = (await post(ANNA, { media_upload_ids: [video, image.toUpperCase()] })).body;
  const base = `${scene.store.config.publicBaseUrl}/uploads/${ANNA}`;
  assert.deepEqual(review.media, [
    { type: 'video', url: `${base}/review_video/${video}.mp4`, content_type: 'video/mp4' },
    { type: 'image', url: `${base}/review_image/${image}.png`, content_type: 'image/png' },
  ]);
  assert.equal(summary.media_count ?? 1, 1);
  assert.deepEqual((await post(ANNA, { text: 'x' })).body.review.media, review.media);
  const one = (await ask('PATCH', 'products/1/reviews/me', ANNA, { media_upload_ids: [image] })).body.review;
  assert.deepEqual(one.media, review.media.slice(1));
  assert.deepEqual(await usedBy(), [{ upload_id: image, review_id: review.id }]);
  assert.deepEqual((await post(ANNA, { media_upload_ids: null })).body.review.media, []);
  assert.deepEqual(await usedBy(), []);
});

test('uploads of others, that are not ready, or not there are refused, and nothing is written', async () => {
  await empty();
  const mine = await upload(ANNA);
  const deleted = await upload(ANNA);
  await ask('DELETE', `uploads/${deleted}`, ANNA);
  const bad = [
    await upload(VERA),
    await upload(ANNA, 'a.png', false),
    deleted,
    '140da8a4-0000-4000-8000-000000000000',
  ];
  for (const id of bad) {
    const { status, body } = await post(ANNA, { media_upload_ids: [mine, id] });
    assert.deepEqual([status, body.code], [422, 'invalid']);
  }
  assert.deepEqual(await scene.sql('SELECT id FROM product_reviews'), []);
});

test('a file that a published review shows cannot be deleted by its author; an admin’s deletion takes it out', async () => {
  await empty();
  const [first, second] = [await upload(ANNA), await upload(ANNA)];
  const { id } = (await post(ANNA, { media_upload_ids: [first, second] })).body.review;
  const refused = await ask('DELETE', `uploads/${first}`, ANNA);
  assert.deepEqual([refused.status, refused.body.code], [409, 'in_use']);
  await scene.sql('TRUNCATE sidecar_events');
  assert.equal((await ask('DELETE', `uploads/${first}`, ADMIN)).status, 200);
  assert.deepEqual(await shownFiles(), [`${second}.png`]);
  const [event] = await scene.sql(`SELECT type, data FROM sidecar_events WHERE subject LIKE 'review:%'`);
  const { type, data } = event as { type: string; data: { actor_id: null; review: { media: unknown[] } } };
  assert.deepEqual([type, data.actor_id, data.review.media.length], ['review.updated', null, 1]);
  await ask('POST', `product-reviews/${id}/moderation`, ADMIN, { action: 'hide', reason: 'spam' });
  assert.equal((await ask('DELETE', `uploads/${second}`, ANNA)).status, 200, 'nobody sees it');
  assert.deepEqual([await shownFiles(), await usedBy()], [[], []]);
  assert.deepEqual(await scene.sql('SELECT media_count FROM product_review_stats'), [{ media_count: 0 }]);
});

test('a file that only an edit refers to, which waits, can be deleted; the edit goes on without it', async () => {
  await empty();
  const [shown, waiting, other] = [await upload(ANNA), await upload(ANNA), await upload(ANNA)];
  const { id } = (await post(ANNA, { media_upload_ids: [shown] })).body.review;
  const edited = await ask(
    'PATCH',
    'products/1/reviews/me',
    ANNA,
    { media_upload_ids: [waiting, other] },
    pre,
  );
  assert.equal(edited.body.review.pending_edit.media.length, 2);
  assert.deepEqual((await usedBy()).length, 3);
  assert.equal((await ask('DELETE', `uploads/${waiting}`, ANNA)).status, 200);
  assert.equal((await ask('DELETE', `uploads/${shown}`, ANNA)).body.code, 'in_use');
  await ask('POST', `product-reviews/${id}/moderation`, ADMIN, { action: 'publish' });
  assert.deepEqual(await shownFiles(), [`${other}.png`]);
  assert.deepEqual(await usedBy(), [{ upload_id: other, review_id: id }]);
});

test('of a review and the deletion of its file at once, one comes first: nothing shows what is gone', async () => {
  for (let round = 0; round < 6; round += 1) {
    await empty();
    const id = await upload(ANNA);
    const [posted, deleted] = await Promise.all([
      post(ANNA, { media_upload_ids: [id] }),
      ask('DELETE', `uploads/${id}`, ANNA),
    ]);
    const outcome = `${posted.status} ${deleted.status}`;
    assert.ok(['200 409', '422 200'].includes(outcome), outcome);
  }
});

/** An admin's DELETE of a file by a sidecar whose storage does so when it is to delete; then the pass looks. */
async function deleteInTrouble(id: string, user: number, fault: Fault) {
  const broken = await startBrokenStore(scene.store.config, (method) => method === 'DELETE' && fault);
  const unlucky = await scene.sidecar({ UPLOAD_RATE_PER_MINUTE: '0', ...broken.env });
  assert.equal((await ask('DELETE', `uploads/${id}`, user, undefined, unlucky)).status, 503);
  await unlucky.stop();
  broken.stop();
  await scene.sql('UPDATE sidecar_uploads SET due_at = now(), lease_until = NULL WHERE id = $1', [id]);
  await until('the look', async () => {
    const [row] = await scene.sql('SELECT intent FROM sidecar_uploads WHERE id = $1', [id]);
    return row?.intent === null;
  });
  return (await ask('GET', `uploads/${id}`, ADMIN)).body;
}

test('a DELETE that is 503 and whose object is still there takes nothing out of a review, an admin’s neither', async () => {
  await empty();
  const [shown, hidden] = [await upload(ANNA), await upload(VERA)];
  await post(ANNA, { media_upload_ids: [shown] });
  const { id } = (await post(VERA, { media_upload_ids: [hidden] })).body.review;
  await ask('POST', `product-reviews/${id}/moderation`, ADMIN, { action: 'hide', reason: 'spam' });
  for (const [file, author, user] of [
    [shown, ANNA, ADMIN],
    [hidden, VERA, VERA],
  ] as const) {
    const { status, file_url: url } = await deleteInTrouble(file, user, 'before');
    assert.deepEqual([status, (await fetch(url)).status], ['ready', 200]);
    assert.deepEqual(await shownFiles(author), [`${file}.png`]);
  }
});

test('an admin’s DELETE whose answer of the storage was lost is finished by the pass, the review included', async () => {
  await empty();
  const [gone, stays] = [await upload(ANNA), await upload(ANNA)];
  await post(ANNA, { media_upload_ids: [gone, stays] });
  const { status, file_url: url } = await deleteInTrouble(gone, ADMIN, 'after');
  assert.deepEqual([status, (await fetch(url)).status], ['deleted', 403]);
  assert.deepEqual(await shownFiles(), [`${stays}.png`]);
});

test('without storage no upload is known', async () => {
  const bare = await startSidecar({ DATABASE_URL: scene.url, MIGRATE_ON_START: 'false' });
  try {
    assert.equal(
      (await post(ANNA, { media_upload_ids: ['140da8a4-0000-4000-8000-000000000000'] }, bare)).status,
      422,
    );
    assert.equal((await post(ANNA, { media_upload_ids: [] }, bare)).status, 200);
  } finally {
    await bare.stop();
  }
});
