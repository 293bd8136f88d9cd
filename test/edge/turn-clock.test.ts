/** Turns of the event loop that last (docs/forwarding.md, 19: no queue without a limit). */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { createEventLoopTurn } from '../../src/edge/event-loop-turn.ts';
import { createTurnClock } from '../../src/edge/turn-clock.ts';

const LONG_MS = 100;

test('what is read in a turn has waited since its first; behind a mark, since the mark, and the turn is ended', async () => {
  let onRead: () => void = assert.fail;
  const calls: string[] = [];
  const clock = createTurnClock(LONG_MS, () => ({
    mark(callback) {
      onRead = callback;
      calls.push('mark');
    },
    end: () => calls.push('end'),
    close: () => calls.push('close'),
  }));
  assert.deepEqual([5, 105].map(clock.waitedMs), [0, 100]);
  assert.deepEqual(calls, [], 'it does not last yet');
  assert.deepEqual([106, 300].map(clock.waitedMs), [101, 295]);
  assert.deepEqual(calls, ['mark']);
  onRead();
  assert.deepEqual(calls, ['mark', 'end']);
  assert.deepEqual([301, 400].map(clock.waitedMs), [195, 294]);
  assert.deepEqual(calls, ['mark', 'end', 'mark'], 'another, since it still lasts');
  await nextTurn();
  assert.equal(clock.waitedMs(500), 0);
  onRead();
  assert.equal(clock.waitedMs(510), 10, 'a mark of a turn before says nothing');
  assert.deepEqual(calls, ['mark', 'end', 'mark']);
  clock.close();
  assert.deepEqual(calls, ['mark', 'end', 'mark', 'close']);
});

/** Sockets of a server within this process, each with its client. */
async function connectedPairs(
  t: TestContext,
  count: number,
): Promise<readonly (readonly [Socket, Socket])[]> {
  const server = createServer();
  await once(server.listen({ port: 0, host: '127.0.0.1', backlog: count }), 'listening');
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const pairs: [Socket, Socket][] = [];
  while (pairs.length < count) {
    const accepted = once(server, 'connection');
    const near = connect({ port, host: '127.0.0.1', noDelay: true });
    const [[far]] = (await Promise.all([accepted, once(near, 'connect')])) as [[Socket], unknown];
    pairs.push([near, far.setNoDelay()]);
  }
  t.after(() => {
    for (const socket of pairs.flat()) socket.destroy();
  });
  return pairs;
}

test('a mark comes back behind everything that was ready when it was set, and before what becomes ready later', async (t) => {
  const turn = createEventLoopTurn();
  t.after(turn.close);
  const pairs = await connectedPairs(t, 20);
  const read: string[] = [];
  for (const [near] of pairs) near.on('data', (bytes) => read.push(String(bytes)));
  const [first, second] = [pairs.slice(0, 10), pairs.slice(10)];
  for (const round of [1, 2]) {
    read.length = 0;
    // The kernel keeps a place in its list for what was just read until it is asked again.
    for (let i = 0; i < 3; i += 1) await nextTurn();
    for (const [, far] of first) far.write('before');
    turn.mark(() => read.push('mark'));
    for (const [, far] of second) far.write('behind');
    while (read.length < 21) await nextTurn();
    assert.equal(read.indexOf('mark'), 10, `round ${round}: ${read}`);
    assert.equal(read.indexOf('behind'), 11);
  }
});

/** libuv takes so many ready sockets at once; with fewer it ends the turn by itself. */
const BATCH = 1_024;

test('a turn with more ready sockets than libuv takes at once ends when told to', async (t) => {
  const turn = createEventLoopTurn();
  t.after(turn.close);
  const pairs = await connectedPairs(t, 1.5 * BATCH);
  let reads = 0;
  for (const [near, far] of pairs) {
    near.on('data', () => far.destroyed || near.write('x'));
    far.on('data', () => {
      reads += 1;
      if (reads % BATCH === 0) turn.end();
      far.write('x');
    });
  }
  for (const [near] of pairs) near.write('x');
  for (let i = 0; i < 5; i += 1) {
    reads = 0;
    await nextTurn();
    // Without it, 48 times as many as it takes at once.
    assert.ok(reads < 6 * BATCH, `${reads} reads in one turn`);
  }
});
