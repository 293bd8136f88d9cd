/** From the outbox to a receiver: what is sent, when, in which order, and how often. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { query, startTestDatabase, type TestDatabaseServer } from '../../../scripts/lab/database.ts';
import {
  all,
  createOutboxDatabase,
  letDelaysPass,
  letTimePass,
  type Pass,
  record,
  startPass,
  untilRows,
} from '../../support/outbox.ts';
import { startWebhookReceiver, type WebhookReceiver } from '../../support/webhook-receiver.ts';

let server: TestDatabaseServer;
before(async () => {
  server = await startTestDatabase();
});
after(() => server.stop());

interface Stage {
  readonly url: string;
  readonly receiver: WebhookReceiver;
  /** Stopped with the test. */
  start(): Pass;
}

/** A test with an outbox and a receiver of its own. */
function staged(name: string, play: (stage: Stage) => Promise<void>): void {
  test(name, async () => {
    const url = await createOutboxDatabase(server);
    const receiver = await startWebhookReceiver();
    const passes: Pass[] = [];
    const start = () => {
      const pass = startPass(url, receiver.url);
      passes.push(pass);
      return pass;
    };
    try {
      await play({ url, receiver, start });
      assert.deepEqual(receiver.complaints, []);
    } finally {
      await Promise.all(passes.map((pass) => pass.stop()));
      await receiver.stop();
    }
  });
}

const upload = (n: number, type = 'upload.ready') => ({ subject: `upload:${n}`, type, data: { n } });

staged('an event is posted as Standard Webhooks says, with the time of its change', async (stage) => {
  const occurredAt = new Date('2026-01-02T03:04:05.678Z');
  const data = { upload_id: 'u', note: 'Привет \u0000 "quoted"', size: 2 ** 40, reason: null };
  await record(stage.url, [{ subject: 'upload:u', type: 'upload.ready', data, occurredAt }]);
  stage.start();
  const [row] = await untilRows(stage.url, all('delivered'));
  const [delivery] = stage.receiver.deliveries;
  assert.equal(
    delivery?.body,
    '{"type":"upload.ready","timestamp":"2026-01-02T03:04:05.678Z",' +
      '"data":{"upload_id":"u","note":"Привет \\u0000 \\"quoted\\"","size":1099511627776,"reason":null}}',
  );
  assert.equal(delivery.id, row?.id);
  assert.equal(delivery.headers['content-type'], 'application/json');
  assert.match(String(delivery.headers['webhook-signature']), /^v1,/);
  assert.ok(Math.abs(Number(delivery.headers['webhook-timestamp']) - Date.now() / 1000) < 60);
});

staged(
  'a receiver that answers 500 for days is tried ten times, with the same body, then the event is kept',
  async (stage) => {
    stage.receiver.answer((res) => res.writeHead(500).end('no'));
    const delays = await letDelaysPass(stage.url);
    await record(stage.url, [upload(1)]);
    stage.start();
    const [last] = await untilRows(stage.url, all('failed'));
    assert.deepEqual(await delays(), [5, 30, 120, 600, 3_600, 21_600, 86_400, 86_400, 86_400]);
    assert.deepEqual([last?.attempts, last?.last_error], [10, 'answered 500']);
    const { deliveries } = stage.receiver;
    assert.equal(deliveries.length, 10);
    assert.equal(new Set(deliveries.map(({ id, body }) => id + body)).size, 1);
  },
);

staged('Retry-After postpones the next attempt, by a day at the longest', async (stage) => {
  const asked = ['1', '700', '10000000'];
  stage.receiver.answer((res) => {
    const seconds = asked.shift();
    if (seconds === undefined) res.end();
    else res.writeHead(503, { 'Retry-After': seconds }).end();
  });
  const delays = await letDelaysPass(stage.url);
  await record(stage.url, [upload(1)]);
  stage.start();
  await untilRows(stage.url, all('delivered'));
  assert.deepEqual(await delays(), [5, 700, 86_400]);
});

staged('410 means that no attempt is wanted any more: the event is kept as failed at once', async (stage) => {
  stage.receiver.answer((res) => res.writeHead(410).end());
  await record(stage.url, [upload(1)]);
  stage.start();
  const [row] = await untilRows(stage.url, all('failed'));
  assert.deepEqual([row?.attempts, row?.last_error], [1, 'answered 410']);
});

staged('an event that waits holds up the later ones of its subject, and of no other', async (stage) => {
  stage.receiver.answer((res, { event }) =>
    res.writeHead(event.type === 'upload.ready' && event.data.n === 1 ? 500 : 200).end(),
  );
  await record(stage.url, [upload(1), upload(1, 'upload.rejected'), upload(1, 'upload.deleted'), upload(2)]);
  await query(stage.url, 'UPDATE sidecar_events SET attempts = 4');
  stage.start();
  await untilRows(stage.url, ([first, , , other]) => first?.attempts === 5 && other?.state === 'delivered');
  await record(stage.url, [upload(2, 'upload.deleted')]);
  const held = await untilRows(stage.url, (found) => found[4]?.state === 'delivered');
  assert.deepEqual(
    held.map((row) => row.state),
    ['waiting', 'waiting', 'waiting', 'delivered', 'delivered'],
  );
  stage.receiver.answer((res) => res.end());
  await letTimePass(stage.url, '1 hour');
  await untilRows(stage.url, all('delivered'));
  assert.deepEqual(
    stage.receiver.deliveries.filter(({ event }) => event.data.n === 1).map(({ event }) => event.type),
    ['upload.ready', 'upload.ready', 'upload.rejected', 'upload.deleted'],
  );
});

staged('those that are held up are not looked at again before the one that holds them up', async (stage) => {
  stage.receiver.answer((res) => res.writeHead(500).end());
  await query(
    stage.url,
    `INSERT INTO sidecar_events (subject, type, data, attempts)
     SELECT 'review:1', 'review.updated', '{}', CASE n WHEN 1 THEN 4 ELSE 0 END FROM generate_series(1, 100) AS n`,
  );
  stage.start();
  const found = await untilRows(stage.url, (seen) => seen.every((row) => (row.due_in ?? 0) > 600));
  assert.deepEqual([stage.receiver.deliveries.length, found[0]?.attempts], [1, 5]);
});

staged('when an event has failed for good, the later ones of its subject go on', async (stage) => {
  stage.receiver.answer((res, { event }) => res.writeHead(event.type === 'upload.ready' ? 500 : 200).end());
  await record(stage.url, [upload(1), upload(1, 'upload.deleted')]);
  await query(stage.url, `UPDATE sidecar_events SET attempts = 9 WHERE type = 'upload.ready'`);
  stage.start();
  const found = await untilRows(stage.url, (seen) => seen[1]?.state === 'delivered');
  assert.equal(found[0]?.state, 'failed');
});

staged(
  'several sidecars share the outbox: each event arrives once, those of a subject one after the other',
  async (stage) => {
    const SUBJECTS = 12;
    const EVENTS = 300;
    const underWay = new Set<unknown>();
    const overlaps: unknown[] = [];
    stage.receiver.answer((res, { event: { data } }) => {
      if (underWay.has(data.subject)) overlaps.push(data);
      underWay.add(data.subject);
      setTimeout(() => {
        underWay.delete(data.subject);
        res.end();
      }, Math.random() * 5);
    });
    await query(
      stage.url,
      `INSERT INTO sidecar_events (subject, type, data)
     SELECT 'review:' || n % $1, 'review.updated', json_build_object('subject', n % $1, 'n', n)
       FROM generate_series(1, $2::integer) AS n`,
      [SUBJECTS, EVENTS],
    );
    for (let n = 0; n < 4; n += 1) stage.start();
    await untilRows(stage.url, all('delivered'));
    const { deliveries } = stage.receiver;
    assert.equal(deliveries.length, EVENTS);
    assert.equal(new Set(deliveries.map(({ id }) => id)).size, EVENTS);
    assert.deepEqual(overlaps, []);
    for (let subject = 0; subject < SUBJECTS; subject += 1) {
      const order = deliveries
        .filter(({ event }) => event.data.subject === subject)
        .map(({ event }) => Number(event.data.n));
      assert.deepEqual(
        order,
        order.toSorted((x, y) => x - y),
      );
    }
  },
);

staged('what a sidecar was delivering when it died is delivered when its lease has ended', async (stage) => {
  await record(stage.url, [upload(1)]);
  await query(
    stage.url,
    `UPDATE sidecar_events SET lease = gen_random_uuid(), attempts = 1, due_at = now() + interval '60 seconds'`,
  );
  stage.start();
  await sleep(200);
  assert.equal(stage.receiver.deliveries.length, 0);
  await letTimePass(stage.url, '60 seconds');
  const [row] = await untilRows(stage.url, all('delivered'));
  assert.equal(row?.attempts, 2);
});

staged('stopping begins no delivery and lets the one under way finish', async (stage) => {
  stage.receiver.answer((res) => setTimeout(() => res.end(), 300));
  await record(stage.url, [upload(1)]);
  const pass = stage.start();
  await stage.receiver.until(1);
  const stopped = pass.stop(30_000);
  await record(stage.url, [upload(2)]);
  await stopped;
  const found = await untilRows(stage.url, () => true);
  assert.deepEqual(
    found.map((row) => row.state),
    ['delivered', 'waiting'],
  );
});

staged('what the outbox hands out while the process stops is given back', async (stage) => {
  await record(stage.url, [upload(1)]);
  const holder = new pg.Client({ connectionString: stage.url });
  await holder.connect();
  await holder.query('BEGIN; LOCK TABLE sidecar_events');
  const pass = stage.start();
  while (!(await isAnybodyWaiting())) await sleep(20);
  const stopped = pass.stop();
  await holder.query('COMMIT');
  await stopped;
  await holder.end();
  const [row] = await untilRows(stage.url, () => true);
  assert.deepEqual([row?.state, row?.attempts, stage.receiver.deliveries.length], ['waiting', 0, 0]);
});

/** For a lock. */
const isAnybodyWaiting = async () =>
  (await query(server.url, `SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'`)).length > 0;

staged(
  'a delivery that outlasts the grace time is cut, and given back to whoever comes first',
  async (stage) => {
    stage.receiver.answer(() => undefined);
    await record(stage.url, [upload(1)]);
    const pass = stage.start();
    await stage.receiver.until(1);
    await pass.stop(100);
    const [row] = await untilRows(stage.url, () => true);
    assert.deepEqual([row?.state, row?.attempts], ['waiting', 0]);
    assert.ok((row?.due_in ?? 1) <= 0);
    stage.receiver.answer((res) => res.end());
    stage.start();
    await untilRows(stage.url, all('delivered'));
  },
);

staged('a 2xx is written down when the database is back, and the event not sent again', async (stage) => {
  await record(stage.url, [upload(1)]);
  const answers: (() => void)[] = [];
  stage.receiver.answer((res) => answers.push(() => res.end()));
  stage.start();
  await stage.receiver.until(1);
  const name = new URL(stage.url).pathname.slice(1);
  await query(server.url, `ALTER DATABASE ${name} ALLOW_CONNECTIONS false`);
  await query(server.url, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${name}'`);
  for (const answer of answers) answer();
  await sleep(600);
  await query(server.url, `ALTER DATABASE ${name} ALLOW_CONNECTIONS true`);
  await untilRows(stage.url, all('delivered'));
  assert.equal(stage.receiver.deliveries.length, 1);
  await record(stage.url, [upload(2)]);
  await stage.receiver.until(2);
});

staged('delivered events are removed after a week, failed ones are kept', async (stage) => {
  stage.receiver.answer((res, { event }) => res.writeHead(event.data.n === 1 ? 410 : 200).end());
  await record(stage.url, [upload(1), upload(2)]);
  await stage.start().stop(0);
  stage.start();
  await untilRows(
    stage.url,
    ([failed, delivered]) => failed?.state === 'failed' && delivered?.state === 'delivered',
  );
  await letTimePass(stage.url, '7 days');
  await record(stage.url, [upload(3)]);
  stage.start();
  const left = await untilRows(stage.url, (found) => found.length === 2 && found[1]?.state === 'delivered');
  assert.equal(left[0]?.state, 'failed');
});

staged('the figures say how many wait, since when, and how many failed', async (stage) => {
  stage.receiver.answer((res, { event }) => res.writeHead(event.data.n === 1 ? 410 : 500).end());
  const occurredAt = new Date(Date.now() - 60_000);
  await record(stage.url, [upload(1), { ...upload(2), occurredAt }, upload(3)]);
  const first = stage.start();
  await untilRows(stage.url, (found) =>
    found.every((row) => row.attempts === 1 && row.state !== 'under way'),
  );
  await first.stop();
  const { delivery } = stage.start();
  while (delivery.figures() === null) await sleep(20);
  const figures = delivery.figures();
  assert.deepEqual([figures?.waiting, figures?.failed], [2, 1]);
  assert.ok((figures?.oldestSeconds ?? 0) >= 60);
});
