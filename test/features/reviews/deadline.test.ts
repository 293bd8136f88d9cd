/** A database that hangs is answered 503 within one deadline, in however many steps it hangs (docs/contract.md, 4). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { tokenFor } from '../../../scripts/lab/tokens.ts';
import { api } from '../../support/api.ts';
import { sidecarWithDatabase } from '../../support/sidecar-with-database.ts';
import type { TestSidecar } from '../../support/start-sidecar.ts';

/** Below the limit for one statement, so that the statement goes on; two of them are above the limit for a request. */
const HANG_MS = 3_000;
/** Together still less than two statements may take. */
const SETTLE_MS = 200;
let url: string;
let sidecar: TestSidecar;

sidecarWithDatabase((started) => {
  ({ url, sidecar } = started);
});

async function locked(table: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(`BEGIN; LOCK TABLE ${table}`);
  return client;
}

test('user, product and review share one deadline', async () => {
  const [users, products] = [await locked('users'), await locked('products')];
  const order: string[] = [];
  const answered = api('POST', `${sidecar.url}/api/products/1/reviews`, {
    user: 1,
    json: { rating: 5 },
  }).then(({ status }) => {
    order.push('answered');
    return status;
  });
  await sleep(HANG_MS);
  await users.end();
  await sleep(HANG_MS);
  // Should this process have stood still: what was due meanwhile has its turn before.
  await sleep(SETTLE_MS);
  order.push('the products are free again');
  await products.end();
  assert.equal(await answered, 503);
  assert.equal(order[0], 'answered');
});

test('the time that a client takes for its body is not the database’s', async () => {
  const body = new ReadableStream({
    async start(controller) {
      controller.enqueue(Buffer.from('{"rating":'));
      await sleep(5_000);
      controller.enqueue(Buffer.from('4}'));
      controller.close();
    },
  });
  const answer = await fetch(`${sidecar.url}/api/products/1/reviews`, {
    method: 'POST',
    headers: { authorization: `Bearer ${tokenFor(1)}`, 'content-type': 'application/json' },
    body,
    duplex: 'half',
  });
  assert.equal(answer.status, 200);
});
