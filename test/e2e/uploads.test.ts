/** Sidecars → PgBouncer in transaction mode and Ceph's radosgw → a receiver of events: the whole life of uploads on real parts. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { createBackendTables, query, startTestDatabase } from '../../scripts/lab/database.ts';
import { startPgBouncer } from '../../scripts/lab/pgbouncer.ts';
import { until } from '../../scripts/lab/programs.ts';
import { startRadosgw } from '../../scripts/lab/radosgw.ts';
import { storageEnv } from '../../scripts/lab/throwaway-object-store.ts';
import { api, untilAvailable, untilReady } from '../support/api.ts';
import { skipWithout } from '../support/requirements.ts';
import { startSidecar, type TestSidecar } from '../support/start-sidecar.ts';
import { IMAGE, issue } from '../support/upload-scene.ts';
import { startWebhookReceiver, WEBHOOK_SECRET, type WebhookReceiver } from '../support/webhook-receiver.ts';

const skip = skipWithout(['pgbouncer', 'radosgw', 'ceph-mon', 'ceph-osd']);
const parts = new AsyncDisposableStack();
let url: string;
let receiver: WebhookReceiver;
let sidecars: readonly TestSidecar[];

before(async () => {
  if (skip) return;
  const server = parts.use(await startTestDatabase());
  const pooler = await startPgBouncer(server);
  parts.defer(pooler.stop);
  url = await server.createDatabase();
  await createBackendTables(url);
  const store = await startRadosgw();
  parts.defer(store.stop);
  receiver = await startWebhookReceiver();
  parts.defer(receiver.stop);
  const env = {
    ...{ ...storageEnv(store.config), DATABASE_URL: pooler.through(url), UPLOAD_RATE_PER_MINUTE: '0' },
    ...{ EVENTS_WEBHOOK_URL: receiver.url, EVENTS_WEBHOOK_SECRET: WEBHOOK_SECRET },
  };
  sidecars = [await startSidecar(env), await startSidecar(env)];
  for (const { stop } of sidecars) parts.defer(stop);
  for (const sidecar of sidecars) await untilReady(sidecar);
});
after(() => parts.disposeAsync());

const file = (name: string) => readFileSync(join(import.meta.dirname, '../features/uploads/files', name));
const PNG = file('a.png');
const HTML = Buffer.from('<script>alert(1)</script>'.padEnd(PNG.length));
const PART = 8 * 2 ** 20;
const VIDEO = Buffer.concat([file('a.mp4'), Buffer.alloc(PART, 7)]);
/** Longer than a URL and its grace. */
const ITS_END = '31 minutes';

/** Every call goes to another sidecar than the one before. */
let calls = 0;
function next(): TestSidecar {
  calls += 1;
  return sidecars[calls % 2] as TestSidecar;
}

async function begin(announced: object) {
  const { status, body } = await untilAvailable(() => issue(next(), announced));
  assert.equal(status, 200, JSON.stringify(body));
  const put = async (bytes: Buffer, to: string = body.upload_url) =>
    (await fetch(to, { method: 'PUT', headers: body.headers ?? {}, body: new Uint8Array(bytes) })).status;
  const call = (method: string, rest = '', json?: unknown) =>
    api(method, `${next().url}/api/uploads/${body.upload_id}${rest}`, { user: 1, ...(json ? { json } : {}) });
  /** The pass looks at once, as if so much time had passed. */
  const due = (interval: string) =>
    query(
      url,
      `UPDATE sidecar_uploads SET due_at = now(), settles_at = settles_at - $2::interval WHERE id = $1`,
      [body.upload_id, interval],
    );
  const become = (status: string) =>
    until(`to be ${status}`, async () => (await call('GET')).body.status === status, { everyMs: 100 });
  const isThere = async () => (await fetch(body.file_url)).status === 200;
  /** The receiver has heard of these, in this order. */
  const heard = async (...types: string[]) => {
    const mine = () => receiver.deliveries.filter(({ event }) => event.data.upload_id === body.upload_id);
    await until(types.join(), async () => mine().length >= types.length, { everyMs: 100 });
    assert.deepEqual(
      mine().map(({ event }) => event.type),
      types.map((type) => `upload.${type}`),
    );
    const [last] = mine().slice(-1);
    assert.deepEqual([last?.event.data.status, last?.event.data.user_id], [types.at(-1), 1]);
  };
  return { body, put, call, due, become, isThere, heard };
}
const image = () => begin({ ...IMAGE, size_bytes: PNG.length });

test('confirmed, then deleted', { skip }, async () => {
  const upload = await image();
  assert.equal((await upload.call('POST', '/complete')).body.code, 'not_uploaded');
  assert.equal(await upload.put(PNG), 200);
  const ready = await upload.call('POST', '/complete');
  assert.deepEqual([ready.status, ready.body.status], [200, 'ready']);
  assert.equal(await upload.isThere(), true);
  assert.equal((await upload.call('DELETE')).body.status, 'deleted');
  assert.equal(await upload.isThere(), false);
  await upload.heard('ready', 'deleted');
});

test('never confirmed: the pass finds what arrived, what is something else, and what never came', {
  skip,
}, async () => {
  const [good, bad, none] = [await image(), await image(), await image()];
  await good.put(PNG);
  await bad.put(HTML);
  await Promise.all([good.due('0 minutes'), bad.due('0 minutes'), none.due(ITS_END)]);
  await Promise.all([good.become('ready'), bad.become('rejected'), none.become('expired')]);
  assert.deepEqual(await Promise.all([good.isThere(), bad.isThere()]), [true, false]);
  await good.heard('ready');
  await bad.heard('rejected');
  await none.heard('expired');
});

test('changed after it was ready', { skip }, async () => {
  const upload = await image();
  await upload.put(PNG);
  await upload.call('POST', '/complete');
  await upload.put(HTML);
  await upload.due(ITS_END);
  await upload.become('rejected');
  assert.equal(await upload.isThere(), false);
  await upload.heard('ready', 'rejected');
});

test('in parts: resumed, put together, and aborted', { skip }, async () => {
  const announced = { kind: 'reel_video', filename: 'a', content_type: 'video/mp4', multipart: true };
  const begun = () => begin({ ...announced, size_bytes: VIDEO.length });
  const [whole, dropped, late] = [await begun(), await begun(), await begun()];
  const send = async (upload: typeof whole, number: number, to?: string) => {
    const bytes = VIDEO.subarray((number - 1) * PART, number * PART);
    assert.equal(await upload.put(bytes, to ?? upload.body.multipart.parts[number - 1].upload_url), 200);
  };
  await send(whole, 1);
  assert.deepEqual((await whole.call('POST', '/complete')).body.missing, [2]);
  assert.deepEqual((await whole.call('GET', '/parts')).body.missing, [2]);
  const { body } = await whole.call('POST', '/parts', { part_numbers: [2] });
  await send(whole, 2, body.parts[0].upload_url);
  assert.equal((await whole.call('POST', '/complete')).body.status, 'ready');
  const read = await fetch(whole.body.file_url);
  assert.ok(VIDEO.equals(Buffer.from(await read.arrayBuffer())));
  assert.equal(read.headers.get('content-type'), 'video/mp4');
  await whole.heard('ready');

  await send(dropped, 1);
  assert.equal((await dropped.call('DELETE')).body.status, 'deleted');
  await dropped.heard('deleted');

  // Nobody says that all of it has arrived.
  await send(late, 1);
  await send(late, 2);
  await late.due('2 days');
  await late.become('ready');
  await late.heard('ready');
});

test('many at once share the pooler’s two connections', { skip }, async () => {
  const uploads = await Promise.all(Array.from({ length: 12 }, image));
  await Promise.all(uploads.map((upload) => upload.put(PNG)));
  await Promise.all(uploads.map((upload) => upload.due('0 minutes')));
  await Promise.all(uploads.map((upload) => upload.become('ready')));
  await Promise.all(uploads.map((upload) => upload.heard('ready')));
});
