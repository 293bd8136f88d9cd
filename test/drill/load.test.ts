/** The load generator notices what the drills are about: their figures could not be believed otherwise. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { KeepAliveClient } from '../../scripts/drill/client.ts';
import { isPassed, report } from '../../scripts/drill/drill.ts';
import { countJournals, journalLine } from '../../scripts/drill/journal.ts';
import { type ArrivalResult, arrivals, loadFor } from '../../scripts/drill/load.ts';
import type { LoadCommand } from '../../scripts/drill/load-program.ts';
import { tableRow } from '../../scripts/drill/print.ts';
import { QuickClient } from '../../scripts/drill/quick-client.ts';
import { backendRequest } from '../../scripts/drill/requests.ts';
import {
  type LoadRequest,
  longestRecoveryMs,
  quantileMs,
  REASON,
  type Sample,
} from '../../scripts/drill/sample.ts';
import type { RawConnection } from '../../scripts/lab/raw-connection.ts';
import { answering, ok, startScriptedBackend } from '../../scripts/lab/scripted-backend.ts';
import { startWorker } from '../../scripts/lab/worker.ts';

const request = (method: 'GET' | 'POST' = 'GET'): LoadRequest => ({
  id: 'x',
  label: method,
  method,
  bytes: `${method} /api/x HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n`,
  isRight: ({ body }) => body === 'right',
});

/** What a client makes of its `turn`th request to a server that runs `script` for every connection. */
async function judged(
  script: (connection: RawConnection) => Promise<void>,
  { method = 'GET', turn = 1 }: { method?: 'GET' | 'POST'; turn?: number } = {},
): Promise<Sample> {
  const server = await startScriptedBackend(script);
  const client = new KeepAliveClient(server.port);
  for (let i = 1; i < turn; i += 1) await client.perform(request(method));
  const sample = await client.perform(request(method));
  client.close();
  await server.stop();
  return sample;
}

const refusal = (status: number, headers: string, body: string) =>
  `HTTP/1.1 ${status} No\r\ncontent-type: application/json\r\n${headers}content-length: ${body.length}\r\n\r\n${body}`;

test('a right answer is answered, a wrong one has failed', async () => {
  assert.equal((await judged(answering(ok('right')))).outcome, 'answered');
  assert.equal((await judged(answering(ok('wrong')))).reason, REASON.wrongBody);
  assert.equal((await judged(answering(refusal(500, '', '{}')))).reason, 'status 500');
});

test('a refusal counts as one only with a sentence and Retry-After', async () => {
  const sentence = '{"detail":"No."}';
  assert.equal((await judged(answering(refusal(502, 'retry-after: 1\r\n', sentence)))).outcome, 'refused');
  assert.equal((await judged(answering(refusal(504, '', sentence)))).outcome, 'refused');
  assert.equal((await judged(answering(refusal(503, '', sentence)))).reason, 'a 503 without Retry-After');
  assert.equal(
    (await judged(answering(refusal(502, 'retry-after: 1\r\n', '{}')))).reason,
    'a 502 without a detail',
  );
});

test('a response that breaks off has failed, and so has one that never begins', async () => {
  const cut = await judged(async (connection) => {
    await connection.message();
    connection.send('HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nrig').end();
  });
  assert.equal(cut.reason, REASON.cut);
  const silent = await judged(async (connection) => {
    await connection.message();
    connection.end();
  });
  assert.equal(silent.reason, REASON.unanswered);
});

/** Answers once and closes the connection when the second request arrives. */
const closesOnSecond = async (connection: RawConnection) => {
  await connection.message();
  connection.send(ok('right'));
  await connection.message();
  connection.end();
};

test('a request lost on an idle connection is repeated when it is a GET, and not when it is a POST', async () => {
  const get = await judged(closesOnSecond, { turn: 2 });
  assert.deepEqual([get.outcome, get.raced], ['answered', true]);
  const post = await judged(closesOnSecond, { method: 'POST', turn: 2 });
  assert.deepEqual([post.outcome, post.reason, post.raced], ['failed', REASON.lostOnIdle, true]);
});

test('a client leaves a connection that is to be closed', async () => {
  const sample = await judged(
    async (connection) => {
      await connection.message();
      connection.send(ok('right', 'Connection: close\r\n'));
    },
    { turn: 2 },
  );
  assert.deepEqual([sample.outcome, sample.raced], ['answered', false]);
});

test('a quick client judges as well, and fails what is sent on a connection that breaks', async (t) => {
  const server = await startScriptedBackend(async (connection) => {
    const answers = [ok('right'), ok('wrong'), refusal(503, 'Retry-After: 1\r\n', '{"detail":"Busy."}')];
    for (const answer of answers) {
      await connection.message();
      // In two pieces: it waits for the whole.
      connection.send(answer.slice(0, -3));
      await new Promise(setImmediate);
      connection.send(answer.slice(-3));
    }
    await connection.message();
    connection.end();
  });
  t.after(() => server.stop());
  const client = new QuickClient(server.port);
  await client.open();
  const samples: Sample[] = [];
  for (let i = 0; i < 5; i += 1) samples.push(await client.perform(request()));
  client.close();
  assert.deepEqual(
    samples.map(({ outcome, reason }) => `${outcome} ${reason}`.trim()),
    ['answered', `failed ${REASON.wrongBody}`, 'refused', ...Array(2).fill(`failed ${REASON.unanswered}`)],
  );
});

test('nobody listening is a failure, too', async () => {
  const client = new KeepAliveClient(9);
  assert.equal((await client.perform(request())).reason, REASON.notConnected);
});

test('the paced load lets every client send, the arrivals are as many as asked for', async (t) => {
  const server = await startScriptedBackend(answering(ok('right')));
  t.after(() => server.stop());
  const { port } = server;
  const paced = await loadFor(200, { port, clients: 3, everyMs: 20, next: () => request() });
  assert.ok(paced.length >= 3, `${paced.length} requests`);
  const next = () => request('POST');
  const open = await arrivals({ perSecond: 100, forMs: 200, more: { port, atMost: 1_000 }, next });
  assert.deepEqual([open.samples.length, open.unsent], [20, 0]);
  assert.ok([...paced, ...open.samples].every(({ outcome }) => outcome === 'answered'));
  const crowded = await arrivals({ perSecond: 100, forMs: 200, next });
  assert.deepEqual([crowded.samples.length, crowded.unsent], [0, 20]);
});

test('arrivals use connections that are open already, and count those for which there is none', async (t) => {
  let connections = 0;
  const server = await startScriptedBackend(async (connection) => {
    connections += 1;
    await answering(ok('right'))(connection);
  });
  t.after(() => server.stop());
  const clients = [1, 2, 3].map(() => new KeepAliveClient(server.port));
  await Promise.all(clients.map((client) => client.open()));
  const next = () => request();
  const wishes = { perSecond: 100, forMs: 200, clients, next };
  const { samples, unsent, sendingMs } = await arrivals(wishes);
  assert.equal(samples.length + unsent, 20);
  assert.ok(samples.length > 0 && samples.every(({ outcome }) => outcome === 'answered'));
  assert.ok(sendingMs >= 200, `${sendingMs} ms`);
  assert.equal(connections, 3);
});

test('a load process sends from outside, and its end is noticed', async (t) => {
  const server = await startScriptedBackend(answering(ok('{"detail":"No.","code":"unsupported_type"}')));
  t.after(() => server.stop());
  const { port } = server;
  const program = import.meta.resolve('../../scripts/drill/load-program.ts');
  await using load = startWorker<LoadCommand, ArrivalResult>(program);
  const ask = { kind: 'upload', token: 'x' } as const;
  await load.do({ kind: 'open', port, ask, connections: 2 });
  const closed = await load.do({ kind: 'closed-loop', ask, forMs: 100 });
  await load.do({ kind: 'open', port, ask, connections: 2 });
  const open = await load.do({ kind: 'open-loop', ask, perSecond: 50, forMs: 100 });
  assert.equal(open.samples.length + open.unsent, 5);
  assert.ok([...closed.samples, ...open.samples].every(({ outcome }) => outcome === 'answered'));
  await load[Symbol.asyncDispose]();
  await assert.rejects(load.do({ kind: 'open', port, ask, connections: 1 }));
});

test('quantiles of no requests are 0, and of some are theirs', () => {
  const some = [3, 1, 2].map((ms) => sample('answered', 0, ms));
  assert.deepEqual([quantileMs([], 0.5), quantileMs(some, 0.5), quantileMs(some, 0.99)], [0, 2, 3]);
});

test('the journal tells which requests came twice', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sidecar-test-journal-'));
  const path = join(folder, 'journal');
  writeFileSync(path, ['POST a', 'GET b', 'POST c', 'GET b', 'POST a'].map((line) => `${line}\n`).join(''));
  assert.deepEqual(countJournals([path]), { total: 5, doubledPosts: 1, doubledGets: 1 });
  assert.equal(journalLine('POST', 'a'), 'POST a\n');
  rmSync(folder, { recursive: true });
});

const sample = (outcome: Sample['outcome'], startedAt: number, endedAt: number): Sample => ({
  ...{ id: 'x', label: 'GET', method: 'GET', startedAt, endedAt, outcome, status: null, reason: 'why' },
  raced: false,
});

test('a failed request or a doubled POST fails the drill, and the row says so', () => {
  const fine = report({ samples: [sample('answered', 0, 1)], doubledPosts: 0, figures: [] });
  assert.ok(fine.figures.every(isPassed));
  for (const bad of [
    report({ samples: [sample('answered', 0, 1), sample('failed', 0, 1)], doubledPosts: 0, figures: [] }),
    report({ samples: [sample('answered', 0, 1)], doubledPosts: 1, figures: [] }),
    report({ samples: [], doubledPosts: 0, figures: [] }),
  ]) {
    assert.equal(bad.figures.filter((figure) => !isPassed(figure)).length, 1);
    assert.match(tableRow({ name: 'x' }, bad), / FAIL\n(?: {4}.*\n)* {2}! /);
  }
});

test('recovery is counted from the end of a fault to the next right answer', () => {
  const samples = [sample('answered', 0, 10), sample('refused', 20, 30), sample('answered', 35, 47)];
  assert.equal(longestRecoveryMs(samples, [{ downAt: 15, upAt: 40 }]), 7);
  assert.equal(longestRecoveryMs(samples, [{ downAt: 15, upAt: 50 }]), Number.POSITIVE_INFINITY);
});

test('an answer to another request is not taken for the right one', () => {
  const mine = backendRequest('GET', { bytes: 3 });
  const answer = (id: string) => ({ body: JSON.stringify({ id, received: 0, padding: 'xxx' }) });
  assert.equal(mine.isRight(answer(mine.id) as never), true);
  assert.equal(mine.isRight(answer('other') as never), false);
});
