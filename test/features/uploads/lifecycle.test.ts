/** What becomes of an upload: by its client, by the background pass, when the storage fails, when a sidecar is killed. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { until } from '../../../scripts/lab/programs.ts';
import { startProcess } from '../../../scripts/lab/sidecar.ts';
import { apartAfter } from '../../../src/features/uploads/background-pass.ts';
import { decide } from '../../../src/features/uploads/lifecycle.ts';
import type { UploadRow } from '../../../src/features/uploads/upload.ts';
import { api } from '../../support/api.ts';
import { type Fault, startBrokenStore } from '../../support/faulty-store.ts';
import type { TestSidecar } from '../../support/start-sidecar.ts';
import { IMAGE, issue, type UploadScene, uploadScene } from '../../support/upload-scene.ts';
import { WEBHOOK_SECRET } from '../../support/webhook-receiver.ts';

/** Events are written, and delivered to nobody. */
const ENV = {
  UPLOAD_RATE_PER_MINUTE: '0',
  EVENTS_WEBHOOK_URL: 'http://127.0.0.1:9/',
  EVENTS_WEBHOOK_SECRET: WEBHOOK_SECRET,
};

let scene: UploadScene;
let sidecar: TestSidecar;
let other: TestSidecar;
uploadScene(async (made) => {
  scene = made;
  [sidecar, other] = [await scene.sidecar(ENV), await scene.sidecar(ENV)];
});

const PNG = readFileSync(join(import.meta.dirname, 'files/a.png'));
/** As long as the PNG, and none. */
const HTML = Buffer.from('<script>alert(1)</script>'.padEnd(PNG.length));

async function begin(content: Buffer | null, user = 1) {
  const { body } = await issue(sidecar, { ...IMAGE, size_bytes: PNG.length }, user);
  const put = async (bytes: Buffer) => {
    const { status } = await fetch(body.upload_url, {
      method: 'PUT',
      headers: body.headers,
      body: new Uint8Array(bytes),
    });
    assert.equal(status, 200);
  };
  if (content !== null) await put(content);
  const path = `/api/uploads/${body.upload_id}`;
  const call = (method: string, rest = '', at: { readonly url: string } = sidecar, as = user) =>
    api(method, `${at.url}${path}${rest}`, { user: as });
  const isThere = async () => (await fetch(body.file_url)).status === 200;
  const become = (status: string) =>
    until(`${body.upload_id} to be ${status}`, async () => (await call('GET')).body.status === status);
  /** The pass looks at once, as if so much time had passed. */
  const due = (interval: string) =>
    scene.sql(
      `UPDATE sidecar_uploads SET due_at = now(), lease_until = NULL, created_at = created_at - $2::interval, settles_at = settles_at - $2::interval
      WHERE id = $1`,
      [body.upload_id, interval],
    );
  const events = async () =>
    (
      await scene.sql<{ type: string }>(`SELECT type FROM sidecar_events WHERE subject = $1 ORDER BY seq`, [
        `upload:${body.upload_id}`,
      ])
    ).map(({ type }) => type);
  const pending = async () =>
    (
      await scene.sql<{ due: boolean }>(
        `SELECT due_at IS NOT NULL AS due FROM sidecar_uploads WHERE id = $1`,
        [body.upload_id],
      )
    )[0]?.due;
  return { id: body.upload_id as string, put, call, isThere, become, due, events, pending };
}
/** Longer than a URL and its grace. */
const ITS_END = '31 minutes';

test('a file that has arrived is ready by complete, which answers the same again', async () => {
  const upload = await begin(null);
  const early = await upload.call('POST', '/complete');
  assert.deepEqual([early.status, early.body.code], [409, 'not_uploaded']);
  await upload.put(PNG);
  const { status, body } = await upload.call('POST', '/complete');
  assert.deepEqual([status, body.status, body.reason, body.etag.length], [200, 'ready', null, 32]);
  assert.ok(Date.parse(body.finished_at) >= Date.parse(body.created_at));
  assert.deepEqual((await upload.call('POST', '/complete', other)).body, body);
  assert.deepEqual((await upload.call('GET')).body, body);
  assert.deepEqual(await upload.events(), ['upload.ready']);
  const [event] = await scene.sql<{ data: object; occurred_at: Date }>(
    'SELECT data, occurred_at FROM sidecar_events WHERE subject = $1',
    [`upload:${upload.id}`],
  );
  assert.deepEqual(event?.data, { ...body, user_id: 1 });
  assert.equal(event?.occurred_at.toISOString(), body.finished_at);
  for (const [method, rest] of [
    ['POST', '/complete'],
    ['DELETE', ''],
  ] as const)
    assert.equal((await upload.call(method, rest, sidecar, 2)).status, 404);
  assert.equal(await upload.isThere(), true);
});

test('an upload in another bucket is not judged by what is in ours, until nobody of that one has looked for a day', async () => {
  const [ready, issued] = [await begin(PNG), await begin(null)];
  await ready.call('POST', '/complete');
  await ready.put(HTML);
  const both = [ready.id, issued.id];
  const bucketsOf = (ids: string[]) =>
    scene.sql<{ bucket: string }>('SELECT bucket FROM sidecar_uploads WHERE id = ANY ($1)', [ids]);
  assert.deepEqual(await bucketsOf(both), [{ bucket: 'media' }, { bucket: 'media' }]);
  await scene.sql(`UPDATE sidecar_uploads SET bucket = 'elsewhere' WHERE id = ANY ($1)`, [both]);
  await ready.due(ITS_END);
  await issued.due(ITS_END);
  // What is due later is looked at later.
  const ours = await begin(PNG);
  await ours.due('1 minute');
  await ours.become('ready');
  const statuses = await Promise.all(
    [ready, issued].map(async ({ call }) => (await call('GET')).body.status),
  );
  assert.deepEqual(statuses, ['ready', 'issued']);
  assert.equal(await ready.isThere(), true);

  const dayLater = `UPDATE sidecar_uploads SET due_at = due_at - interval '1 day' WHERE id = ANY ($1)`;
  await scene.sql(dayLater, [both]);
  await Promise.all([ready.become('rejected'), issued.become('expired')]);
  assert.deepEqual(await bucketsOf(both), [{ bucket: 'media' }, { bucket: 'media' }]);
});

test('complete takes {} or nothing', async () => {
  const upload = await begin(PNG);
  const url = `${sidecar.url}/api/uploads/${upload.id}/complete`;
  assert.equal((await api('POST', url, { user: 1, json: [] })).status, 422);
  assert.equal(
    (await api('POST', url, { user: 1, rawBody: 'x', headers: { 'content-type': 'text/plain' } })).status,
    415,
  );
  assert.equal((await api('POST', url, { user: 1, json: {} })).status, 200);
});

test('what is no picture is rejected and goes, and that is the answer from then on', async () => {
  const upload = await begin(HTML);
  const { status, body } = await upload.call('POST', '/complete');
  assert.deepEqual([status, body.code, body.reason], [422, 'rejected', 'wrong_type']);
  assert.equal(await upload.isThere(), false);
  assert.deepEqual((await upload.call('POST', '/complete')).body, body);
  const { body: upload_ } = await upload.call('GET');
  assert.deepEqual([upload_.status, upload_.reason], ['rejected', 'wrong_type']);
  const gone = await upload.call('DELETE');
  assert.deepEqual([gone.status, gone.body.code], [409, 'rejected']);
  await upload.put(PNG);
  await upload.due(ITS_END);
  await until('the late object to go', async () => !(await upload.isThere()));
  await until('the last look', async () => (await upload.pending()) === false);
  assert.equal((await upload.call('GET')).body.status, 'rejected');
  assert.deepEqual(await upload.events(), ['upload.rejected']);
});

test('whoever never calls complete has an upload that ends well, or is rejected', async () => {
  const [good, bad] = [await begin(PNG), await begin(HTML)];
  await good.due('1 minute');
  await bad.due('1 minute');
  await Promise.all([good.become('ready'), bad.become('rejected')]);
  assert.deepEqual(await Promise.all([good.isThere(), bad.isThere()]), [true, false]);
  assert.deepEqual(await good.events(), ['upload.ready']);
});

test('what nobody sent expires when its URL can no longer be in use, not before', async () => {
  const upload = await begin(null);
  await upload.due('0 minutes');
  await lookedAt(upload);
  assert.equal((await upload.call('GET')).body.status, 'issued');
  await upload.due(ITS_END);
  await upload.become('expired');
  const late = await upload.call('POST', '/complete');
  assert.deepEqual([late.status, late.body.code], [409, 'expired']);
  assert.equal((await upload.call('DELETE')).body.code, 'expired');
  assert.deepEqual(await upload.events(), ['upload.expired']);
});

test('a database whose clock was set back does not have an upload looked at over and over', async () => {
  const upload = await begin(null);
  await upload.due('-1 hour');
  await lookedAt(upload);
});

/** Resolves when it has been looked at, and one look was enough for now. */
const lookedAt = ({ id }: { readonly id: string }) =>
  until('one look to be enough', async () => {
    const [row] = await scene.sql<{ done: boolean }>(
      `SELECT due_at > now() AND lease IS NULL AS done FROM sidecar_uploads WHERE id = $1`,
      [id],
    );
    return row?.done === true;
  });

test('what arrives after the end is looked at a day later, and goes unless it is what was announced', async () => {
  const [good, bad, none] = [await begin(null), await begin(null), await begin(null)];
  const all = [good, bad, none];
  for (const upload of all) await upload.due(ITS_END);
  for (const upload of all) await upload.become('expired');
  const [row] = await scene.sql<{ hours: number }>(
    'SELECT extract(epoch FROM due_at - settles_at)::integer / 3600 AS hours FROM sidecar_uploads WHERE id = $1',
    [bad.id],
  );
  assert.equal(row?.hours, 24);
  await good.put(PNG);
  await bad.put(HTML);
  for (const upload of all) await upload.due('1 day');
  for (const upload of all) await until('the last look', async () => (await upload.pending()) === false);
  assert.deepEqual([await good.isThere(), await bad.isThere()], [true, false]);
  for (const upload of all) {
    assert.equal((await upload.call('GET')).body.status, 'expired');
    assert.deepEqual(await upload.events(), ['upload.expired']);
  }
});

test('a look at what came too late that breaks off behind the storage is done once more', async () => {
  const upload = await begin(null);
  await upload.due(ITS_END);
  await upload.become('expired');
  await upload.put(HTML);
  const broken = await brokenSidecar((method) => method === 'DELETE' && 'after');
  await sidecar.stop();
  await other.stop();
  await upload.due('1 day');
  await until('the object to go', async () => !(await upload.isThere()));
  await broken.close();
  assert.equal(await upload.pending(), true);
  [sidecar, other] = [await scene.sidecar(ENV), await scene.sidecar(ENV)];
  await upload.due('0 days');
  await until('the last look', async () => (await upload.pending()) === false);
  assert.equal((await upload.call('GET')).body.status, 'expired');
});

test('a second PUT after ready is found at the end of the URL: rejected, and gone', async () => {
  const [changed, same] = [await begin(PNG), await begin(PNG)];
  for (const upload of [changed, same]) assert.equal((await upload.call('POST', '/complete')).status, 200);
  await changed.put(HTML);
  await same.put(PNG);
  await changed.due(ITS_END);
  await same.due(ITS_END);
  await changed.become('rejected');
  assert.equal((await changed.call('GET')).body.reason, 'changed');
  assert.equal(await changed.isThere(), false);
  assert.deepEqual(await changed.events(), ['upload.ready', 'upload.rejected']);
  await until('the last look', async () => (await same.pending()) === false);
  assert.equal((await same.call('GET')).body.status, 'ready');
});

test('a deleted upload is gone, says so again, and a late PUT of it goes as well', async () => {
  const upload = await begin(PNG);
  await upload.call('POST', '/complete');
  const { status, body } = await upload.call('DELETE');
  assert.deepEqual([status, body.status], [200, 'deleted']);
  assert.equal(await upload.isThere(), false);
  assert.deepEqual((await upload.call('DELETE', '', other)).body, body);
  assert.equal((await upload.call('POST', '/complete')).body.code, 'deleted');
  await upload.put(PNG);
  await upload.due(ITS_END);
  await until('the late object to go', async () => !(await upload.isThere()));
  await until('the last look', async () => (await upload.pending()) === false);
  assert.deepEqual(await upload.events(), ['upload.ready', 'upload.deleted']);
});

test('complete and delete at once, from two sidecars, end in one state that the storage agrees with', async () => {
  for (let round = 0; round < 8; round += 1) {
    const upload = await begin(PNG);
    const answers = await Promise.all([
      upload.call('POST', '/complete', sidecar),
      upload.call('DELETE', '', other),
      upload.call('POST', '/complete', other),
      upload.call('DELETE', '', sidecar),
    ]);
    assert.deepEqual([answers[1]?.status, answers[3]?.status], [200, 200]);
    assert.equal((await upload.call('GET')).body.status, 'deleted');
    assert.equal(await upload.isThere(), false);
    const events = await upload.events();
    assert.equal(events.at(-1), 'upload.deleted');
    assert.equal(new Set(events).size, events.length, events.join());
  }
});

/** A sidecar whose store is broken so. */
async function brokenSidecar(faultOf: (method: string) => Fault | false) {
  const broken = await startBrokenStore(scene.store.config, faultOf);
  const env = { ...ENV, ...broken.env };
  const at = await scene.sidecar(env);
  const close = async () => {
    await at.stop();
    broken.stop();
  };
  return { at, env, close };
}

test('a DELETE whose answer of the storage was lost is finished by the pass', async () => {
  const broken = await brokenSidecar((method) => method === 'DELETE' && 'after');
  const upload = await begin(PNG);
  await upload.call('POST', '/complete');
  const { status, body } = await upload.call('DELETE', '', broken.at);
  assert.deepEqual([status, body.code], [503, 'unavailable']);
  await broken.close();
  await upload.due('0 minutes');
  await upload.become('deleted');
});

test('a DELETE that answered 503 and whose object is still there has not happened', async () => {
  const broken = await brokenSidecar((method) => method === 'DELETE' && 'before');
  const upload = await begin(PNG);
  await upload.call('POST', '/complete');
  assert.equal((await upload.call('DELETE', '', broken.at)).status, 503);
  await broken.close();
  await upload.due('0 minutes');
  await until('the look', async () => {
    const [row] = await scene.sql<{ intent: string | null }>(
      'SELECT intent FROM sidecar_uploads WHERE id = $1',
      [upload.id],
    );
    return row?.intent === null;
  });
  assert.equal((await upload.call('GET')).body.status, 'ready');
  assert.equal(await upload.isThere(), true);
});

test('a rejection whose answer of the storage was lost is the answer of the next call', async () => {
  const broken = await brokenSidecar((method) => method === 'DELETE' && 'after');
  const upload = await begin(HTML);
  assert.equal((await upload.call('POST', '/complete', broken.at)).status, 503);
  await broken.close();
  assert.equal(await upload.isThere(), false);
  const { status, body } = await upload.call('POST', '/complete');
  assert.deepEqual([status, body.reason], [422, 'wrong_type']);
});

test('while the storage is away nothing becomes of an upload', async () => {
  const broken = await brokenSidecar(() => 'before');
  const upload = await begin(PNG);
  assert.equal((await upload.call('POST', '/complete', broken.at)).status, 503);
  assert.equal((await upload.call('GET')).body.status, 'issued');
  await broken.close();
  assert.equal((await upload.call('POST', '/complete')).status, 200);
});

test('what a killed sidecar had begun waits for its lease, and is then finished', async () => {
  const upload = await begin(PNG);
  // As it is between the claim of a DELETE and its end.
  await scene.sql(
    `UPDATE sidecar_uploads SET lease = gen_random_uuid(), lease_until = now() + interval '1500 milliseconds', intent = 'deleted'
      WHERE id = $1`,
    [upload.id],
  );
  const { status, body } = await upload.call('POST', '/complete');
  assert.deepEqual([status, body.status], [200, 'ready']);
});

test('a sidecar that is killed between the storage and the row leaves nothing undone', async () => {
  const broken = await brokenSidecar((method) => method === 'DELETE' && 'never');
  const upload = await begin(PNG);
  await upload.call('POST', '/complete');
  const killed = await startProcess({ ...broken.env, DATABASE_URL: scene.url });
  const answer = upload.call('DELETE', '', killed).catch(() => 'none');
  await until('the object to go', async () => !(await upload.isThere()));
  killed.child.kill('SIGKILL');
  assert.equal(await answer, 'none');
  await killed.ended;
  await broken.close();
  assert.equal((await upload.call('GET')).body.status, 'ready');
  await upload.due('0 minutes');
  await upload.become('deleted');
});

test('the table of changes', () => {
  const row = (status: UploadRow['status'], more: Partial<UploadRow> = {}) =>
    ({ status, etag: 'a', intent: null, is_settled: false, ...more }) as UploadRow;
  const [good, bad] = [
    { etag: 'a', reason: null },
    { etag: 'b', reason: 'wrong_type' },
  ] as const;
  const changed = { to: 'rejected', reason: 'changed' };
  for (const [from, found, to] of [
    [row('issued'), null, { to: 'stays' }],
    [row('issued', { is_settled: true }), null, { to: 'expired' }],
    [row('issued'), good, { to: 'ready', etag: 'a' }],
    [row('issued', { is_settled: true }), good, { to: 'ready', etag: 'a' }],
    [row('issued'), bad, { to: 'rejected', reason: 'wrong_type', mustGo: true }],
    [row('issued', { intent: 'deleted' }), null, { to: 'deleted' }],
    [row('issued', { intent: 'deleted' }), good, { to: 'ready', etag: 'a' }],
    [row('issued', { intent: 'too_small' }), null, { to: 'rejected', reason: 'too_small' }],
    [row('ready'), good, { to: 'stays' }],
    [row('ready'), { ...good, etag: 'b' }, { ...changed, mustGo: true }],
    [row('ready'), null, changed],
    [row('ready', { intent: 'deleted' }), null, { to: 'deleted' }],
    [row('ready', { intent: 'deleted' }), good, { to: 'stays' }],
    [row('rejected'), good, { to: 'stays', mustGo: true }],
    [row('deleted'), good, { to: 'stays', mustGo: true }],
    [row('deleted'), null, { to: 'stays' }],
    [row('expired'), good, { to: 'stays' }],
    [row('expired'), bad, { to: 'stays', mustGo: true }],
    [row('expired'), null, { to: 'stays' }],
  ] as const) {
    assert.deepEqual(decide(from, found), to, `${JSON.stringify(from)} ${JSON.stringify(found)}`);
  }
});

test('the later the process is with its other work, the longer the next look waits, within limits', () => {
  const waits = [0, 1, 2, 3, 5, 1_000].map(apartAfter);
  assert.deepEqual(waits, [2, 2, 4, 8, 16, 20]);
});
