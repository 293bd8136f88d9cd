/** Takes a minute, so that it runs in CI only (REQUIRE_E2E=1). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectRaw } from '../../scripts/lab/raw-connection.ts';
import { answering, ok, startScriptedBackend } from '../../scripts/lab/scripted-backend.ts';
import { startSidecar } from '../support/start-sidecar.ts';

/** Nginx keeps an idle connection to its upstream for this long (keepalive_timeout), ms. */
const NGINX_KEEPS_MS = 60_000;

const REQUEST = 'GET /api/x HTTP/1.1\r\nHost: a\r\n\r\n';

test('a connection that was idle for longer than Nginx keeps it carries another request, or its first', async (t) => {
  if (process.env.REQUIRE_E2E !== '1') {
    t.skip('takes a minute: set REQUIRE_E2E=1');
    return;
  }
  const backend = await startScriptedBackend(answering(ok('here')));
  const sidecar = await startSidecar({ BACKEND_URL: backend.url });
  const clients = await Promise.all([1, 2].map(() => connectRaw(sidecar.port)));
  assert.equal((await clients[0]?.send(REQUEST).message())?.body, 'here');
  await sleep(NGINX_KEEPS_MS + 2_000);
  for (const client of clients) {
    assert.equal(client.ended, false);
    assert.equal((await client.send(REQUEST).message()).body, 'here');
    client.destroy();
  }
  await sidecar.stop();
  await backend.stop();
});
