/** Sidecars → PgBouncer in transaction mode → one outbox, and a receiver. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { query, startTestDatabase } from '../../scripts/lab/database.ts';
import { startPgBouncer } from '../../scripts/lab/pgbouncer.ts';
import { startProcess } from '../../scripts/lab/sidecar.ts';
import { all, createOutboxDatabase, record, untilRows } from '../support/outbox.ts';
import { skipWithout } from '../support/requirements.ts';
import { startWebhookReceiver, WEBHOOK_SECRET } from '../support/webhook-receiver.ts';

const skip = skipWithout(['pgbouncer']);

test('two sidecars share an outbox through PgBouncer; one that is killed doubles at most what it was sending', {
  skip,
}, async (t) => {
  const server = await startTestDatabase();
  t.after(server.stop);
  const pooler = await startPgBouncer(server);
  t.after(pooler.stop);
  const url = await createOutboxDatabase(server);
  const receiver = await startWebhookReceiver();
  t.after(receiver.stop);
  receiver.answer((res) => setTimeout(() => res.end(), 20));
  const events = Array.from({ length: 120 }, (_, n) => ({
    subject: `upload:${n % 12}`,
    type: 'upload.ready',
    data: { subject: n % 12, n },
  }));
  await record(pooler.through(url), events);
  const env = {
    DATABASE_URL: pooler.through(url),
    EVENTS_WEBHOOK_URL: receiver.url,
    EVENTS_WEBHOOK_SECRET: WEBHOOK_SECRET,
  };
  const [killed, other] = await Promise.all([startProcess(env), startProcess(env)]);
  t.after(() => other.end());
  await receiver.until(40);
  await killed.end('SIGKILL');
  // It finishes what it has under way: what is left is what the other was sending, until a minute has passed.
  assert.equal(await other.end(), 0);
  const abandoned = await query(
    url,
    'UPDATE sidecar_events SET due_at = now() WHERE lease IS NOT NULL RETURNING 1',
  );
  const third = await startProcess(env);
  t.after(() => third.end());
  await untilRows(url, all('delivered'));
  assert.equal(await third.end(), 0);

  assert.ok(abandoned.length <= 8, `${abandoned.length} leases`);
  assert.ok(receiver.deliveries.length <= events.length + abandoned.length);
  assert.equal(new Set(receiver.deliveries.map(({ id }) => id)).size, events.length);
  const seen = new Map<unknown, number>();
  for (const { event } of receiver.deliveries) {
    const last = seen.get(event.data.subject) ?? -1;
    assert.ok(Number(event.data.n) >= last, 'out of order');
    seen.set(event.data.subject, Number(event.data.n));
  }
});
