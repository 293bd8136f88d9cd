/** Who is refused by MAX_IN_FLIGHT, and when (docs/forwarding.md, 19). Over sockets: failures.test.ts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { HttpForwarder } from '../../src/forward/http.ts';
import { withSecondLook } from '../../src/forward/second-look.ts';

type Response = Parameters<HttpForwarder>[1];

/** A forwarder that takes `limit` requests; what comes beyond is refused. */
function limited(limit: number) {
  const log: string[] = [];
  const state = { inFlight: 0 };
  const isFull = () => state.inFlight >= limit;
  const forward = withSecondLook((_req, res) => {
    const { name } = res as unknown as { name: string };
    if (isFull()) {
      log.push(`${name} refused`);
      return;
    }
    state.inFlight += 1;
    log.push(name);
  }, isFull);
  const ask = (name: string, destroyed = false) =>
    forward({} as never, { name, destroyed } as unknown as Response, () => assert.fail());
  return { log, state, ask };
}

test('a request that finds no place is refused in the same turn, when the backend has answered nothing meanwhile', async () => {
  const { log, ask } = limited(1);
  ask('a');
  ask('b');
  ask('c');
  assert.deepEqual(log, ['a']);
  await nextTurn();
  assert.deepEqual(log, ['a', 'b refused', 'c refused']);
});

test('requests that find no place while answers wait to be read get the places of those, in their turn', async () => {
  const { log, state, ask } = limited(2);
  for (const name of ['a', 'b', 'c', 'd', 'e']) ask(name);
  // Both answers were there already.
  state.inFlight = 0;
  ask('f');
  await nextTurn();
  assert.deepEqual(log, ['a', 'b', 'c', 'd']);
  state.inFlight = 1;
  await nextTurn();
  assert.deepEqual(log, ['a', 'b', 'c', 'd', 'e']);
  await nextTurn();
  assert.deepEqual(log, ['a', 'b', 'c', 'd', 'e', 'f refused']);
});

test('a client that has left meanwhile takes no place', async () => {
  const { log, state, ask } = limited(1);
  ask('a');
  ask('b', true);
  ask('c');
  state.inFlight = 0;
  await nextTurn();
  assert.deepEqual(log, ['a', 'c']);
});
