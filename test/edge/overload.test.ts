/** Shedding when the event loop is late (docs/forwarding.md, 19: no queue without a limit). */
import assert from 'node:assert/strict';
import { after, before, type TestContext, test } from 'node:test';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { until } from '../../scripts/lab/programs.ts';
import { connectRaw } from '../../scripts/lab/raw-connection.ts';
import {
  answering,
  ok,
  type ScriptedBackend,
  startScriptedBackend,
} from '../../scripts/lab/scripted-backend.ts';
import { createOverloadWatch } from '../../src/edge/overload.ts';
import { startSidecar, type TestSidecar } from '../support/start-sidecar.ts';

let backend: ScriptedBackend;
let sidecar: TestSidecar;

before(async () => {
  backend = await startScriptedBackend(answering(ok('x')));
  sidecar = await startSidecar({ BACKEND_URL: backend.url, MAX_EVENT_LOOP_DELAY_MS: '20' });
});

after(async () => {
  await sidecar.stop();
  await backend.stop();
});

const blockFor = (ms: number) => {
  const until = performance.now() + ms;
  while (performance.now() < until);
};

const statusOf = async (path: string, headers = '') => {
  const connection = await connectRaw(sidecar.port);
  const answer = await connection.send(`GET ${path} HTTP/1.1\r\nHost: a\r\n${headers}\r\n`).message();
  connection.destroy();
  return answer;
};

test('a process that stays late refuses work with 503 and Retry-After, but not health checks, until it has caught up', async () => {
  // The sidecar runs in this process: every turn of the loop now takes 150 ms.
  const blocker = setInterval(() => blockFor(150), 1);
  try {
    await sleep(1_500);
    const upgrade = 'Connection: Upgrade\r\nUpgrade: websocket\r\n';
    for (const refused of [await statusOf('/api/x'), await statusOf('/ws/chat/1', upgrade)]) {
      assert.match(refused.startLine, / 503 /);
      assert.equal(refused.header('retry-after'), '1');
      assert.equal(refused.body, '{"detail":"The server is busy. Please try again.","code":"busy"}');
    }
    assert.match((await statusOf('/livez')).startLine, / 200 /);
  } finally {
    clearInterval(blocker);
  }
  // On a busy machine it may be late a while longer.
  await until('it to have caught up', async () => (await statusOf('/api/x')).body === 'x');
});

const MAX_DELAY_MS = 200;

/**
 * A watch with clocks of its own; `at` asks it as a request would that is read at that moment.
 * @param requestMs CPU time that a request takes; without it the core is busy all the time
 */
function watchedClock(t: TestContext, { maxDelayMs = MAX_DELAY_MS, requestMs = Number.NaN } = {}) {
  t.mock.timers.enable({ apis: ['setInterval'] });
  let now = 0;
  let taken = 0;
  const cpu = () => (Number.isNaN(requestMs) ? now : taken * requestMs);
  const watch = createOverloadWatch(maxDelayMs, { now: () => now, cpu });
  watch.start();
  t.after(() => watch.stop());
  return {
    at(ms: number): boolean {
      now = ms;
      const isRefused = watch.isOverloaded();
      if (!isRefused) taken += 1;
      return isRefused;
    },
    tickAt(ms: number): void {
      now = ms;
      t.mock.timers.tick(100);
    },
  };
}

test('one pause is no overload, nor are two; only a process that is late again and again refuses', async (t) => {
  const { at, tickAt } = watchedClock(t);
  const refuses = async (ms: number) => {
    tickAt(ms);
    await nextTurn();
    return at(ms);
  };
  assert.deepEqual([await refuses(100), await refuses(5_000), await refuses(5_100)], [false, false, false]);
  assert.deepEqual([await refuses(6_000), await refuses(7_000), await refuses(8_000)], [false, false, true]);
  assert.equal(await refuses(8_100), false);
});

test('of requests that are read in one turn, those behind more than can be done in time are refused', async (t) => {
  const { at } = watchedClock(t);
  assert.deepEqual([0, 200, 201, 300].map(at), [false, false, false, false]);
  assert.deepEqual([301, 2_000].map(at), [true, true]);
  await nextTurn();
  // From now on sooner, so that the timer is in time again; but the beginning of a turn is always taken on.
  assert.deepEqual([2_010, 2_110].map(at), [false, false]);
  assert.equal(at(2_111), true);
});

test('a pause within a turn refuses nobody who is behind it', async (t) => {
  const { at } = watchedClock(t);
  assert.deepEqual([0, 3_000, 3_099].map(at), [false, false, false]);
  await nextTurn();
  assert.deepEqual([3_110, 3_300].map(at), [false, false]);
});

test('when nobody was refused for a while, a turn may take as long as before', async (t) => {
  const { at, tickAt } = watchedClock(t);
  assert.deepEqual([0, 250, 350].map(at), [false, false, true]);
  await nextTurn();
  tickAt(360);
  assert.deepEqual([370, 480].map(at), [false, true]);
  await nextTurn();
  tickAt(490);
  assert.deepEqual([500, 550].map(at), [false, false]);
  await nextTurn();
  tickAt(600);
  assert.deepEqual([610, 800].map(at), [false, false]);
});

test('with a limit of 0 nobody is ever refused', (t) => {
  const { at } = watchedClock(t, { maxDelayMs: 0 });
  assert.deepEqual([0, 1_000, 5_000].map(at), [false, false, false]);
});

test('requests that cost no more than a few refusals may wait five times as long, in a turn and for one', async (t) => {
  const { at, tickAt } = watchedClock(t, { requestMs: 0.49 });
  at(0);
  tickAt(100);
  await nextTurn();
  assert.deepEqual([200, 1_200, 1_201, 1_300].map(at), [false, false, false, false]);
  assert.equal(at(1_301), true);
  for (const ms of [2_000, 3_000, 4_000]) tickAt(ms);
  await nextTurn();
  assert.equal(at(4_000), false, 'late by 900 ms, three times in a row');
  for (const ms of [5_200, 6_400, 7_600]) tickAt(ms);
  assert.equal(at(7_600), true, 'late by 1,100 ms');
});

test('requests that cost more than that may not', async (t) => {
  const { at, tickAt } = watchedClock(t, { requestMs: 0.5 });
  at(0);
  tickAt(100);
  await nextTurn();
  assert.deepEqual([200, 401, 501].map(at), [false, false, true]);
});
