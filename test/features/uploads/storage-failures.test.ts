/** A storage, or the database, that fails in the middle of a call: 503 in time, and the next call finishes it. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import pg from 'pg';
import { query } from '../../../scripts/lab/database.ts';
import { until } from '../../../scripts/lab/programs.ts';
import { type ApiAnswer, api, untilReady } from '../../support/api.ts';
import { type Fault, startBrokenStore } from '../../support/faulty-store.ts';
import { withinTime } from '../../support/in-time.ts';
import { allTables } from '../../support/sidecar-with-database.ts';
import { startSidecar, type TestSidecar } from '../../support/start-sidecar.ts';
import { IMAGE, issue, type UploadScene, uploadScene } from '../../support/upload-scene.ts';

const ENV = { UPLOAD_RATE_PER_MINUTE: '0' };
/** What the storage is asked for about one key, in order, and what becomes of it. */
interface Trouble {
  readonly asked: string[];
  fault(step: string): Fault | false | Promise<Fault | false>;
}
const troubles = new Map<string, Trouble>();

let scene: UploadScene;
let sidecar: TestSidecar;
/** One whose store is in trouble. */
let unlucky: TestSidecar;
let closeStore = () => {};
uploadScene(async (made) => {
  scene = made;
  sidecar = await scene.sidecar(ENV);
  const broken = await startBrokenStore(scene.store.config, (method, url) => {
    const { pathname, searchParams } = new URL(url, 'http://store');
    const trouble = troubles.get(pathname.split('/').at(-1) ?? '');
    const multipart = ['uploadId', 'uploads'].find((name) => searchParams.has(name));
    const step = multipart === undefined ? method : `${method} ${multipart}`;
    trouble?.asked.push(step);
    return trouble?.fault(step) ?? false;
  });
  closeStore = broken.stop;
  unlucky = await scene.sidecar({ ...ENV, ...broken.env });
});
after(() => closeStore());

const file = (name: string) => readFileSync(join(import.meta.dirname, 'files', name));
const PNG = file('a.png');
const HTML = Buffer.from('<script>alert(1)</script>'.padEnd(PNG.length));
const MP4 = file('a.mp4');
const VIDEO = { kind: 'reel_video', filename: 'a.mp4', content_type: 'video/mp4', multipart: true };

async function begin(kind: 'single' | 'wrong' | 'multipart') {
  const content = { single: PNG, wrong: HTML, multipart: MP4 }[kind];
  const announced = kind === 'multipart' ? VIDEO : IMAGE;
  const { body } = await issue(sidecar, { ...announced, size_bytes: content.length });
  const url = body.upload_url ?? body.multipart.parts[0].upload_url;
  const put = await fetch(url, { method: 'PUT', headers: body.headers ?? {}, body: new Uint8Array(content) });
  assert.equal(put.status, 200);
  const call = (at: TestSidecar, method: string, rest: string) =>
    api(method, `${at.url}/api/uploads/${body.upload_id}${rest}`, { user: 1 });
  const isThere = async () => (await fetch(body.file_url)).status === 200;
  return { name: body.key.split('/').at(-1) as string, call, isThere };
}

type Flow = readonly ['single' | 'wrong' | 'multipart', string, string, readonly [number, string], boolean];
/** What is uploaded, the call, its answer in the end, whether the object is there then. */
const FLOWS: readonly Flow[] = [
  ['single', 'POST', '/complete', [200, 'ready'], true],
  ['wrong', 'POST', '/complete', [422, 'rejected'], false],
  ['multipart', 'POST', '/complete', [200, 'ready'], true],
  ['single', 'DELETE', '', [200, 'deleted'], false],
  ['multipart', 'DELETE', '', [200, 'deleted'], false],
  ['multipart', 'GET', '/parts', [200, 'undefined'], false],
];
const outcomeOf = ({ status, body }: ApiAnswer) => [status, String(status === 422 ? body.code : body.status)];

/** The whole request, however many calls of the storage it takes; and half a second for what comes behind them. */
const REQUEST_MS = 10_500;

/** The call in trouble, which must be 503, and then once more without. */
async function inTrouble([kind, method, rest, wanted, stays]: Flow, what: string, trouble: Trouble) {
  const upload = await begin(kind);
  troubles.set(upload.name, trouble);
  const answer = await withinTime(REQUEST_MS, unlucky, upload.call(unlucky, method, rest));
  if (typeof answer === 'string') return assert.fail(`${what}: ${answer}`);
  assert.deepEqual([answer.status, answer.body.code], [503, 'unavailable'], what);
  troubles.delete(upload.name);
  const next = await upload.call(sidecar, method, rest);
  assert.deepEqual(outcomeOf(next), wanted, `${what}: ${JSON.stringify(next.body)}`);
  assert.equal(await upload.isThere(), stays, what);
}

/** What each flow asks the storage for, when nothing is wrong. */
async function stepsOf([kind, method, rest, wanted]: Flow): Promise<string[]> {
  const upload = await begin(kind);
  const trouble: Trouble = { asked: [], fault: () => false };
  troubles.set(upload.name, trouble);
  assert.deepEqual(outcomeOf(await upload.call(unlucky, method, rest)), wanted);
  return trouble.asked;
}

test('whatever the storage does at whichever step, the call is 503 in ten seconds and the next one finishes it', async () => {
  const all: Promise<unknown>[] = [];
  const seen: Record<string, string[]> = {};
  for (const flow of FLOWS) {
    const steps = await stepsOf(flow);
    seen[flow.slice(0, 3).join(' ')] = steps;
    for (const [position, step] of steps.entries())
      for (const fault of ['before', 'after', 'never', 'hangs', 'refused'] as const) {
        const asked: string[] = [];
        // Its second try as well.
        const failsAt = () => (asked.length > position ? fault : false);
        all.push(inTrouble(flow, `${flow} ${step} ${fault}`, { asked, fault: failsAt }));
      }
  }
  assert.deepEqual(seen, {
    'single POST /complete': ['GET'],
    'wrong POST /complete': ['GET', 'DELETE'],
    'multipart POST /complete': ['GET', 'GET uploadId', 'POST uploadId', 'GET'],
    'single DELETE ': ['DELETE'],
    'multipart DELETE ': ['DELETE uploadId', 'DELETE'],
    'multipart GET /parts': ['GET uploadId'],
  });
  await Promise.all(all);
});

test('calls that are slow each are not waited for longer than ten seconds together', async () => {
  const [, , multipart] = FLOWS;
  assert.ok(multipart);
  await inTrouble(multipart, 'slow', { asked: [], fault: () => 3_500 });
});

/** Longer than a database that hangs may be waited for. */
const HANG_MS = 5_000;

/** What a call answers while `hang` goes on, or that it does not. */
async function whileHanging(at: TestSidecar, call: Promise<ApiAnswer>, end: () => unknown) {
  const answer = await withinTime(HANG_MS, at, call);
  await end();
  return typeof answer === 'string' ? answer : answer.status;
}

test('a database that stands still in the middle is a 503 within five seconds, and the next call finishes it', async () => {
  for (const [kind, method, rest, wanted] of [FLOWS[1], FLOWS[3]] as Flow[]) {
    const what = `${kind} ${method}`;
    const upload = await begin(kind);
    const { promise: frozen, resolve } = Promise.withResolvers<void>();
    const isAsked = () => {
      scene.server.freeze();
      resolve();
      return false as const;
    };
    troubles.set(upload.name, { asked: [], fault: isAsked });
    const call = upload.call(unlucky, method, rest);
    await frozen;
    assert.equal(await whileHanging(unlucky, call, scene.server.thaw), 503, what);
    troubles.delete(upload.name);
    assert.deepEqual(outcomeOf(await upload.call(sidecar, method, rest)), wanted, what);
  }
});

test('the user and the upload share what a request may wait for the database', async () => {
  const upload = await begin('single');
  const lock = async (table: string) => {
    const client = new pg.Client({ connectionString: scene.url });
    await client.connect();
    await client.query(`BEGIN; LOCK TABLE ${table}`);
    return client;
  };
  // Its cache knows none of the users.
  const fresh = await scene.sidecar(ENV);
  const [users, uploads] = [await lock('users'), await lock('sidecar_uploads')];
  const call = upload.call(fresh, 'DELETE', '');
  setTimeout(() => users.end(), 3_000);
  assert.equal(await whileHanging(fresh, call, () => uploads.end()), 503);
  assert.equal(await upload.isThere(), true);
});

test('uploads that the storage refuses for good keep no others waiting, however many they are', async (t) => {
  const url = await scene.server.createDatabase(allTables);
  const broken = await startBrokenStore(
    scene.store.config,
    (_, path) => path.includes('/uploads/5/') && 'refused',
  );
  t.after(broken.stop);
  const one = await startSidecar({ DATABASE_URL: url, MIGRATE_ON_START: 'false', ...broken.env });
  t.after(one.stop);
  await untilReady(one);
  await issue(one, IMAGE, 5);
  await query(
    url,
    `INSERT INTO sidecar_uploads (id, user_id, number, kind, filename, content_type, size_bytes, key, created_at, expires_at,
                                  settles_at, due_at, bucket, attempts)
     SELECT gen_random_uuid(), user_id, number + n, kind, filename, content_type, size_bytes, key, created_at, expires_at,
            settles_at, now() - interval '1 hour', bucket, 1
       FROM sidecar_uploads, generate_series(1, 5000) AS n`,
  );
  const { body } = await issue(one, { ...IMAGE, size_bytes: PNG.length });
  await fetch(body.upload_url, { method: 'PUT', headers: body.headers, body: new Uint8Array(PNG) });
  await query(url, 'UPDATE sidecar_uploads SET due_at = now() WHERE id = $1', [body.upload_id]);
  await until('the upload to be looked at', async () => {
    const { body: upload } = await api('GET', `${one.url}/api/uploads/${body.upload_id}`, { user: 1 });
    return upload.status === 'ready';
  });
});
