/** npm run events, against an outbox in every state. */
import assert from 'node:assert/strict';
import { resolve } from 'node:path';
import { after, before, test } from 'node:test';
import { query, startTestDatabase, type TestDatabaseServer } from '../../scripts/lab/database.ts';
import { runNode } from '../../scripts/lab/sidecar.ts';
import { createOutboxDatabase, type EventRow, rows } from '../support/outbox.ts';

const SCRIPT = resolve(import.meta.dirname, '../../scripts/events.ts');
let server: TestDatabaseServer;
before(async () => {
  server = await startTestDatabase();
});
after(() => server.stop());

const events = (url: string, ...args: string[]) => runNode(SCRIPT, args, { DATABASE_URL: url });

/** One waiting, one under way, one delivered and two failed. */
async function fullOutbox(): Promise<{ url: string; found: EventRow[] }> {
  const url = await createOutboxDatabase(server);
  await query(
    url,
    `INSERT INTO sidecar_events (subject, type, data, occurred_at, due_at, lease, delivered_at, failed_at, attempts, last_error)
     VALUES ('upload:1', 'upload.ready', '{}', now() - interval '1 hour', now() + interval '1 hour', NULL, NULL, NULL, 4, 'answered 500'),
            ('upload:2', 'upload.ready', '{}', now(), now() + interval '60 seconds', gen_random_uuid(), NULL, NULL, 1, NULL),
            ('upload:3', 'upload.ready', '{}', now(), NULL, NULL, now(), NULL, 1, NULL),
            ('upload:4', 'upload.ready', '{}', '2026-01-02Z', NULL, NULL, NULL, now(), 10, 'answered 500'),
            ('upload:5', 'upload.deleted', '{}', '2026-01-03Z', NULL, NULL, NULL, now(), 1, 'answered 410')`,
  );
  return { url, found: await rows(url) };
}

test('--status counts, --failed lists', async () => {
  const { url, found } = await fullOutbox();
  const status = await events(url, '--status');
  assert.equal(status.status, 0, status.stderr);
  assert.match(status.stdout, /^waiting +2, the oldest for 36\d\d s\ndelivered +1 .*\nfailed +2\n$/);
  const failed = await events(url, '--failed');
  assert.equal(
    failed.stdout,
    `${found[3]?.id}\t2026-01-02T00:00:00.000Z\tupload.ready\tupload:4\t10\tanswered 500\n` +
      `${found[4]?.id}\t2026-01-03T00:00:00.000Z\tupload.deleted\tupload:5\t1\tanswered 410\n`,
  );
});

test('--replay makes an event due with all its attempts, whatever became of it', async () => {
  const { url, found } = await fullOutbox();
  for (const row of [found[0], found[2], found[3]]) {
    const run = await events(url, '--replay', row?.id ?? '');
    assert.equal(run.status, 0, run.stderr);
    const now = (await rows(url)).find(({ id }) => id === row?.id);
    assert.deepEqual([now?.state, now?.attempts], ['waiting', 0]);
    assert.ok((now?.due_in ?? 1) <= 0);
  }
});

test('--replay leaves an event alone that is just being sent', async () => {
  const { url, found } = await fullOutbox();
  const run = await events(url, '--replay', found[1]?.id ?? '');
  assert.deepEqual([run.status, run.stdout], [0, 'It is being sent at this moment.\n']);
  assert.equal((await rows(url))[1]?.state, 'under way');
});

test('--replay all takes those that failed or wait for a later attempt, and no other', async () => {
  const { url } = await fullOutbox();
  const run = await events(url, '--replay', 'all');
  assert.deepEqual([run.status, run.stdout], [0, '3 events are sent again.\n']);
  const found = await rows(url);
  assert.deepEqual(
    found.map(({ state, attempts }) => [state, attempts]),
    [
      ['waiting', 0],
      ['under way', 1],
      ['delivered', 1],
      ['waiting', 0],
      ['waiting', 0],
    ],
  );
  assert.ok((found[0]?.due_in ?? 1) <= 0);
});

test('an id that is not there is status 1, also one that is none', async () => {
  const { url } = await fullOutbox();
  for (const id of ['8a1f7c1e-0000-4000-8000-000000000001', 'x', '']) {
    const run = await events(url, '--replay', id);
    assert.equal(run.status, 1);
    assert.match(run.stderr, /There is no event/);
  }
});

test('wrong arguments are status 2, a missing database URL 78, a database without an outbox 1', async () => {
  for (const args of [[], ['--status', '--failed'], ['--replay'], ['--what'], ['--status', 'more']]) {
    assert.equal((await events(server.url, ...args)).status, 2, args.join(' '));
  }
  assert.equal((await runNode(SCRIPT, ['--status'], {})).status, 78);
  const empty = await events(await server.createDatabase(), '--status');
  assert.deepEqual([empty.status, /npm run migrate/.test(empty.stderr)], [1, true]);
  const help = await events(server.url, '--help');
  assert.deepEqual([help.status, /Usage/.test(help.stdout)], [0, true]);
});
