/** What Prometheus reads. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMetrics } from '../../src/infra/metrics.ts';

test('what only grows is a counter, whose value does not depend on how often it is read', async () => {
  let retries = 3;
  const { observe, registry } = createMetrics({
    inFlight: () => 1,
    retries: () => retries,
    aborted: () => 0,
    truncated: () => 2,
    webSockets: () => 5,
    backendConnections: () => ({ open: 4, idle: 1 }),
    databasePool: () => ({ used: 1, free: 2, waiting: 0 }),
    unhandledRejections: () => 0,
    events: null,
    uploads: null,
  });
  // Before anybody has scraped.
  observe({ kind: 'proxy', reason: undefined, method: 'GET', route: undefined, status: 200, durationMs: 1 });
  await registry().metrics();
  const text = await registry().metrics();
  for (const name of ['retries_total', 'aborted_total', 'truncated_total']) {
    assert.match(text, new RegExp(`^# TYPE sidecar_${name} counter$`, 'm'));
  }
  assert.match(text, /^sidecar_retries_total 3$/m);
  assert.match(text, /^sidecar_truncated_total 2$/m);
  assert.match(text, /^# TYPE sidecar_websockets gauge$/m);
  assert.match(text, /^sidecar_request_duration_seconds_count\{.*kind="proxy".*\} 1$/m);
  retries = 4;
  assert.match(await registry().metrics(), /^sidecar_retries_total 4$/m);
});
