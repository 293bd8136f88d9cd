/** What `npm run dev` does when it is told to: without a console, with demo data, with a database of one's own. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { StateView } from '../../scripts/dev/console/state/state.ts';
import { startTestDatabase } from '../../scripts/lab/database.ts';
import { until } from '../../scripts/lab/programs.ts';
import { api } from '../support/api.ts';
import { devProject } from './run-dev.ts';

const project = devProject();
const dev = project.run;

test('without its console it serves all the same, and nothing of it is there', async () => {
  const command = dev(['--no-console', '--no-watch']);
  const { url } = await command.ready();
  assert.doesNotMatch(command.output(), /console/);
  const page = await fetch(`${url}/dev`);
  assert.deepEqual([page.status, await page.json()], [404, { detail: 'Not Found', code: 'not_found' }]);
  assert.equal((await api('GET', `${url}/api/products`)).status, 200);
});

test('removes the data when asked to, and puts demo data in', async () => {
  const command = dev(['--reset', '--demo', '--no-watch']);
  const { url } = await command.ready();
  assert.match(command.output(), /removing the data in /);
  assert.deepEqual((await api('GET', `${url}/api/products/2/reviews`)).body.items, []);
  assert.match(command.output(), /There are 50 products, 2000 reviews, \d+ pictures now/);
  const { body: products } = await api('GET', `${url}/api/products`);
  const ids = products.slice(3).map(({ id }: { id: number }) => id);
  const { body } = await api('GET', `${url}/api/product-reviews/summary?product_ids=${ids}`);
  const counts = ids.map((id: number) => body.summaries[id].count);
  assert.ok(counts.reduce((sum: number, count: number) => sum + count, 0) > 1_900, String(counts));
});

test('leaves a database of one’s own alone: no sets, no reset, and its events to whom they are meant for', async () => {
  await using server = await startTestDatabase();
  const command = dev(['--no-watch'], { DATABASE_URL: server.url });
  const { url } = await command.ready();
  assert.match(command.output(), /database +yours \(DATABASE_URL\)/);
  const ask = (path: string, json?: object) =>
    fetch(`${url}/dev/api${path}`, json && { method: 'POST', body: JSON.stringify(json) });
  const state = (await (await ask('/state')).json()) as StateView;
  assert.deepEqual([state.webhooks.status, state.data?.sets], [0, null]);
  const setting = (name: string) => state.settings.find((one) => one.name === name);
  assert.deepEqual(
    [setting('DATABASE_URL')?.from, setting('JWT_SECRET')?.from, setting('EVENTS_WEBHOOK_URL')?.from],
    ['environment', 'npm run dev', 'default'],
  );
  assert.equal((await ask('/data', { action: 'reset' })).status, 202);
  await until('the refusal', async () => {
    const { data } = (await (await ask('/state')).json()) as StateView;
    return data?.task?.state === 'failed' && /database of your own/.test(data.task.text);
  });
});
