/** Sent again: edited or as it was, by the console, by curl, and out of a HAR file. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import type { Row } from '../../../scripts/dev/console/store/record.ts';
import { listen } from '../../../scripts/lab/ports.ts';
import { until } from '../../../scripts/lab/programs.ts';
import { tokenFor } from '../../../scripts/lab/tokens.ts';
import { requireTools } from '../../support/requirements.ts';
import { type ConsoleScene, startConsoleScene } from './console-scene.ts';

interface Received {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly headers: readonly string[];
  readonly body: Buffer;
}

let scene: ConsoleScene;
const received: Received[] = [];
const parts = new AsyncDisposableStack();

before(async () => {
  const backend = createServer(async (req, res) => {
    const { method, url, rawHeaders: headers } = req;
    const body = await buffer(req);
    // The sidecar itself asks for /openapi.json, some time after its start.
    if (url?.startsWith('/api/')) received.push({ method, url, headers, body });
    res.end('ok');
  });
  const port = await listen(backend);
  parts.defer(() => {
    backend.close();
    backend.closeAllConnections();
  });
  scene = parts.use(await startConsoleScene({ BACKEND_URL: `http://127.0.0.1:${port}` }));
});
after(() => parts.disposeAsync());

/** Sends one and finds its row. */
async function send(
  path: string,
  body: Buffer | string | null,
  headers: Record<string, string> = {},
): Promise<Row> {
  const sent = { method: body === null ? 'GET' : 'POST', headers };
  await fetch(scene.url + path, body === null ? sent : { ...sent, body });
  return scene.untilRow(({ target }) => target === path);
}

/** Without what belongs to one sending only. */
const lasting = ({ headers }: Received) =>
  headers
    .flatMap((name, i) => (i % 2 === 0 ? [`${name.toLowerCase()}: ${headers[i + 1]}`] : []))
    .filter((line) => !/^(connection|x-request-id|transfer-encoding|content-length):/.test(line));

async function again(
  row: Row,
  json: object = {},
): Promise<{ readonly first: Received; readonly second: Received }> {
  const first = received.at(-1) as Received;
  const answer = await scene.ask(`/requests/${row.n}/resend`, { method: 'POST', json });
  assert.equal(answer.status, 202, answer.text);
  await until('it to arrive', () => received.at(-1) !== first);
  return { first, second: received.at(-1) as Received };
}

test('sent again as it was, it has the same bytes, the token included, and says which it repeats', async () => {
  const body = randomBytes(3_000);
  const headers = {
    'Content-Type': 'application/octet-stream',
    'X-Odd': 'ä',
    Authorization: `Bearer ${tokenFor(3)}`,
  };
  const row = await send('/api/again?a=%2F', body, headers);
  const { first, second } = await again(row);
  assert.equal(second.body.toString('hex'), body.toString('hex'));
  assert.deepEqual([second.method, second.url], ['POST', '/api/again?a=%2F']);
  assert.deepEqual(lasting(second), lasting(first));
  await scene.untilRow(({ resentFrom }) => resentFrom === row.n);
});

test('a large body is on disk, and goes from there byte for byte', async () => {
  const body = randomBytes(3 * 1024 * 1024);
  const row = await send('/api/large', body, { 'Content-Type': 'application/octet-stream' });
  const record = scene.console.records.get(row.n);
  await until('the file', () => record?.bodyFile !== undefined);
  assert.ok(body.equals(readFileSync(record?.bodyFile ?? '')));
  assert.ok((record?.weight ?? 0) < 200_000, 'it is in memory as well');
  const { second } = await again(row);
  assert.ok(body.equals(second.body));
});

test('edited, it is what was written; a header that is shown hidden is sent as it was', async () => {
  const token = tokenFor(4);
  const row = await send('/api/edit', '{"a":1}', {
    'Content-Type': 'application/json',
    Authorization: `Bearer ${token}`,
  });
  const { request } = await scene.detail(row.n);
  const { second } = await again(row, {
    method: 'PATCH',
    target: '/api/edited?x=1',
    headers: [...request.headers, ['X-New', 'yes']],
    body: '{"a":2}',
  });
  assert.deepEqual(
    [second.method, second.url, second.body.toString()],
    ['PATCH', '/api/edited?x=1', '{"a":2}'],
  );
  assert.ok(lasting(second).includes(`authorization: Bearer ${token}`));
  assert.ok(lasting(second).includes('x-new: yes'));
});

test('what cannot be sent is refused with a sentence', async () => {
  const row = await send('/api/refused', null);
  for (const [json, words] of [
    [{ method: 'G T' }, /method/],
    [{ target: '/a b' }, /without spaces/],
    [{ headers: [['X-A', 'b\r\nX-C: d']] }, /X-A is not valid/],
    [{ headers: [['Authorization', 'Bearer ••••••x']] }, /show the secrets first/],
  ] as const) {
    const answer = await scene.ask(`/requests/${row.n}/resend`, { method: 'POST', json });
    assert.equal(answer.status, 422);
    assert.match(answer.body.detail, words);
  }
  assert.equal((await scene.ask('/requests/999999/resend', { method: 'POST', json: {} })).status, 404);
});

test('the curl command does what the request did', async (t) => {
  if (!requireTools(t, ['bash', 'curl'])) return;
  const bodies = ["it's 'quoted' $HOME `x` \\ ü\n", '@not-a-file', Buffer.from([0, 1, 255, 10, 39]), null];
  for (const [i, body] of bodies.entries()) {
    const headers = {
      'Content-Type': 'text/plain',
      'X-Quote': "a'b",
      Authorization: `Bearer ${tokenFor(5)}`,
      'X-Empty': '',
    };
    const row = await send(`/api/curl/${i}?q=%20[1]{2}`, body, headers);
    const first = received.at(-1) as Received;
    const { text } = await scene.ask(`/requests/${row.n}/curl?reveal=1`);
    await promisify(execFile)('bash', ['-c', text]);
    const second = received.at(-1) as Received;
    assert.notEqual(second, first);
    assert.deepEqual([second.method, second.url], [first.method, first.url]);
    assert.ok(first.body.equals(second.body), text);
    assert.deepEqual(lasting(second).toSorted(), lasting(first).toSorted());
    const { text: hidden } = await scene.ask(`/requests/${row.n}/curl`);
    assert.ok(!hidden.includes(tokenFor(5)));
  }
});

test('the HAR file has what HAR 1.2 asks for, secrets hidden', async () => {
  const row = await send('/api/har?token=topsecret', 'x=1', { Authorization: `Bearer ${tokenFor(6)}` });
  const { body, text } = await scene.ask('/har?q=/api/har');
  assert.ok(!text.includes('topsecret') && !text.includes(tokenFor(6)));
  const [entry] = body.log.entries;
  assert.equal(body.log.version, '1.2');
  assert.equal(entry.comment, `#${row.n} proxy`);
  assert.deepEqual([entry.request.method, entry.response.status], ['POST', 200]);
  assert.ok(URL.canParse(entry.request.url) && !Number.isNaN(Date.parse(entry.startedDateTime)));
  assert.deepEqual([entry.request.postData.text, entry.response.content.text], ['x=1', 'ok']);
  for (const name of ['send', 'wait', 'receive']) assert.ok(entry.timings[name] >= 0, name);
});
