/** Uploads are signed by the storage's clock, which judges them, whatever ours says. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { startTestObjectStore } from '../../../scripts/lab/throwaway-object-store.ts';
import type { StorageConfig } from '../../../src/config/config.ts';
import { createObjectStorage, type ObjectStorage } from '../../../src/infra/object-storage/object-storage.ts';
import { createStorageClock } from '../../../src/infra/object-storage/storage-clock.ts';
import { send } from '../../support/object-store-contract.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

/** A storage whose clock is ahead of ours by that much, and what our side logs. */
async function storageAhead(t: TestContext, aheadMs: number) {
  const ahead = { ms: aheadMs };
  const store = await startTestObjectStore('public-read', () => Date.now() + ahead.ms);
  const lines: object[] = [];
  const log = { warn: (line: object) => lines.push(line), info: (line: object) => lines.push(line) };
  const storage = createObjectStorage(store.config, createStorageClock(log as never));
  t.after(async () => {
    storage.close();
    await store.stop();
  });
  return { ahead, storage, lines };
}

let count = 0;

/** Signs, waits if asked to, and uploads; the status. */
async function upload(storage: ObjectStorage, { expiresInSeconds = 60, afterMs = 0 } = {}): Promise<number> {
  const { uploadUrl, headers } = await storage.presignPut({
    key: `uploads/1/product_image/${count++}.png`,
    contentType: 'image/png',
    contentLength: 10,
    expiresInSeconds,
  });
  await new Promise((wake) => setTimeout(wake, afterMs));
  return (await send('PUT', uploadUrl, headers, '0123456789')).status;
}

test('with a clock that is 20 minutes wrong the first upload works, and those after it', async (t) => {
  // Loads the libraries, which on a busy machine takes longer than the first upload waits for the clock.
  assert.equal(await upload((await storageAhead(t, 0)).storage), 200);
  for (const minutes of [20, -20, 600, -600]) {
    const { storage } = await storageAhead(t, minutes * MINUTE_MS);
    assert.equal(await upload(storage), 200, `${minutes} minutes`);
    assert.equal(await storage.ping(), true);
    assert.equal(await upload(storage), 200);
  }
});

test('a URL lives as long as it says, also where storage would take our clock as it is', async (t) => {
  const { storage } = await storageAhead(t, 10 * MINUTE_MS);
  assert.equal(await upload(storage), 200);
  const behind = await storageAhead(t, -10 * MINUTE_MS);
  assert.equal(await upload(behind.storage, { expiresInSeconds: 1, afterMs: 4_000 }), 403);
});

test('a difference is in the log once when it comes and once when it goes', async (t) => {
  const { ahead, storage, lines } = await storageAhead(t, 20 * MINUTE_MS);
  for (let i = 0; i < 3; i += 1) assert.equal(await storage.ping(), true);
  assert.equal(lines.length, 1);
  assert.ok(Math.abs((lines[0] as { aheadSeconds: number }).aheadSeconds - 1200) < 5, JSON.stringify(lines));
  ahead.ms = 0;
  for (let i = 0; i < 3; i += 1) assert.equal(await storage.ping(), true);
  assert.equal(await upload(storage), 200);
  assert.equal(lines.length, 2);
});

test('clocks that are more than a day apart are not believed, and storage is not ready', async (t) => {
  for (const days of [2, -9000]) {
    const { storage, lines } = await storageAhead(t, days * DAY_MS);
    for (let i = 0; i < 3; i += 1) assert.equal(await storage.ping(), false);
    assert.equal(lines.length, 1);
  }
});

/** A clock of ours that can be set, and one that only runs. */
function settableClock() {
  const clocks = { wallMs: Date.UTC(2026, 10, 26, 12), runningMs: 1000 };
  const lines: object[] = [];
  const log = { warn: (line: object) => lines.push(line), info: (line: object) => lines.push(line) };
  const clock = createStorageClock(log as never, {
    wall: () => clocks.wallMs,
    running: () => clocks.runningMs,
  });
  const pass = (ms: number) => {
    clocks.wallMs += ms;
    clocks.runningMs += ms;
  };
  const says = (aheadMs: number) => clock.observe({ date: new Date(clocks.wallMs + aheadMs).toUTCString() });
  return { clock, clocks, pass, says, lines };
}

test('what is no date, or an old one out of a cache, changes nothing', () => {
  const { clock, clocks, says } = settableClock();
  says(20 * MINUTE_MS);
  const before = clock.now();
  const other = new Date(clocks.wallMs).toUTCString();
  const bytes = [
    '',
    'x',
    '0',
    '\xff\xfe',
    'Thu, 99 Nov 2026 12:00:00 GMT',
    '2026-11-26',
    '1e400',
    'x'.repeat(1e6),
  ];
  for (const date of [...bytes, `${other}, ${other}`, `${other} `, undefined]) {
    for (let i = 0; i < 3; i += 1) clock.observe(date === undefined ? {} : { date });
    assert.equal(clock.now(), before, String(date).slice(0, 50));
  }
  for (let i = 0; i < 3; i += 1) clock.observe({ date: other, age: '1200' });
  assert.equal(clock.now(), before);
  assert.equal(clock.isContradicted(), false);
});

test('a date that contradicts what is known counts when the next one agrees with it', () => {
  const { clock, clocks, says } = settableClock();
  const aheadMinutes = () => Math.round((clock.now() - clocks.wallMs) / MINUTE_MS);
  says(20 * MINUTE_MS);
  assert.equal(aheadMinutes(), 20);
  for (const bad of [-300 * MINUTE_MS, 0, 300 * MINUTE_MS]) {
    says(bad);
    assert.equal(clock.isStale(), true, 'another one is wanted');
    says(20 * MINUTE_MS);
    assert.equal(aheadMinutes(), 20);
    assert.equal(clock.isStale(), false);
  }
  says(0);
  says(0);
  assert.equal(aheadMinutes(), 0);
});

test('a difference of which half is the whole seconds of a Date header is none', () => {
  const { clock, clocks, says } = settableClock();
  for (const ms of [0, -999, 900, -1500]) {
    says(ms);
    assert.equal(clock.now(), clocks.wallMs, `${ms}`);
  }
});

test('what is known is asked for anew after a minute, and forgotten when our clock is set or the machine has slept', () => {
  const { clock, clocks, pass, says } = settableClock();
  assert.equal(clock.isStale(), true);
  says(20 * MINUTE_MS);
  pass(59_000);
  assert.deepEqual([clock.isStale(), clock.isKnown()], [false, true]);
  pass(2_000);
  assert.deepEqual([clock.isStale(), clock.isKnown()], [true, true]);
  // As chrony does after a start with a wrong clock.
  clocks.wallMs += 20 * MINUTE_MS;
  assert.equal(clock.isKnown(), false);
  assert.equal(clock.now(), clocks.wallMs);
  says(0);
  assert.equal(clock.isKnown(), true);
  // The clock that only runs stands still meanwhile.
  clocks.wallMs += 60 * MINUTE_MS;
  assert.equal(clock.isKnown(), false);
});

test('a storage that hangs holds an upload up for a second at most, and not every upload', async (t) => {
  const server = createServer(() => undefined).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const config: StorageConfig = {
    endpoint: `http://127.0.0.1:${port}`,
    region: 'us-east-1',
    bucket: 'media',
    accessKeyId: 'k',
    secretAccessKey: 's',
    publicBaseUrl: `http://127.0.0.1:${port}/media`,
    uploadAcl: null,
    forcePathStyle: true,
  };
  let asked = 0;
  server.on('request', () => {
    asked += 1;
  });
  const storage = createObjectStorage(config, createStorageClock({ warn() {}, info() {} } as never));
  t.after(() => {
    storage.close();
    server.closeAllConnections();
    server.close();
  });
  const target = { key: 'k', contentType: 'image/png', contentLength: 1, expiresInSeconds: 60 };
  for (let i = 0; i < 5; i += 1)
    assert.match((await storage.presignPut(target)).uploadUrl, /X-Amz-Signature/);
  assert.equal(asked, 1);
});
