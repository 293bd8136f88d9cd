/** Shedding when the event loop is late (forwarding.md, line 19: no queue without a limit). */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectRaw } from '../support/raw-connection.ts';
import { answering, ok, type ScriptedBackend, startScriptedBackend } from '../support/scripted-backend.ts';
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
      assert.equal(refused.body, '{"detail":"The server is busy. Please try again."}');
    }
    assert.match((await statusOf('/livez')).startLine, / 200 /);
  } finally {
    clearInterval(blocker);
  }
  await sleep(500);
  assert.equal((await statusOf('/api/x')).body, 'x');
});

test('one pause is no overload', async () => {
  await sleep(300);
  blockFor(400);
  assert.equal((await statusOf('/api/x')).body, 'x');
});
