/** npm run cutover in front of the whole stack: there and back, under load, with WebSockets open. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { type Load, startLoad } from '../../scripts/drill/load.ts';
import { isAnswered, type LoadRequest, REASON } from '../../scripts/drill/sample.ts';
import { query } from '../../scripts/lab/database.ts';
import { until } from '../../scripts/lab/programs.ts';
import { runNode } from '../../scripts/lab/sidecar.ts';
import { createNginx } from '../../scripts/lib/nginx-command.ts';
import { areReplaced, takingWorkers } from '../../scripts/lib/nginx-workers.ts';
import type { Side } from '../../scripts/lib/who-answers.ts';
import { CUTOVER } from '../support/cutover-scene.ts';
import { type Stack, stackForTests } from '../support/e2e-stack.ts';

let stack: Stack;
let token: string;
/** With the earlier module, which answers the sidecar's first routes in its own way. */
let backendPort: number;
const skip = stackForTests((started) => {
  ({ stack, token } = started);
});

const REVIEWS = '/api/products/1/reviews';

async function cutover(...args: string[]): Promise<string> {
  backendPort ||= (await stack.backendWithFeatureApi()).port;
  const { upstreamConf, url, command } = stack.nginx;
  const ports = ['--sidecar-port', String(stack.sidecar.port), '--backend-port', String(backendPort)];
  const where = ['--conf', upstreamConf, '--nginx', command];
  // With what the smoke test needs, which is asked for by --smoke only.
  const smoke = { WEB_URL: url, API_URL: url, API_INSECURE: '1', RUN_BACKEND_CHECKS: '1', PRODUCT_ID: '2' };
  const { status, stdout, stderr } = await runNode(CUTOVER, [...where, ...ports, ...args], smoke);
  assert.equal(status, 0, stdout + stderr);
  return stdout;
}

/** What works whoever answers. */
async function checkBasics(): Promise<void> {
  assert.equal((await stack.ask('/healthz')).status, 200);
  token = await stack.logIn();
  assert.equal((await stack.ask('/api/auth/me', { token })).json.email, 'buyer@demo.com');
  assert.equal((await stack.ask('/api/orders', { token })).json.length, 1);
  assert.equal((await stack.ask('/api/products')).json.length, 2);
  assert.equal((await stack.ask('/')).status, 200);
}

const post = (rating: number) =>
  stack.ask(REVIEWS, { method: 'POST', token, json: { rating, text: 'here' } });

test('back to a backend with its earlier module and to the sidecar again, nothing is lost', {
  skip,
}, async () => {
  await checkBasics();
  assert.equal((await post(4)).status, 200);

  assert.match(await cutover('--to', 'backend'), /^At .* answers the sidecar: 200 .*kinds/m);
  await checkBasics();
  for (const rating of [3, 2]) assert.equal((await post(rating)).json.review.rating, rating);
  // The earlier module adds a row every time, and knows nothing of what came later.
  assert.equal((await stack.ask(REVIEWS)).json.summary.count, 3);
  assert.equal((await stack.ask('/api/uploads/limits')).status, 401);

  assert.match(await cutover('--to', 'sidecar'), /^At .* answers the backend: 401 /m);
  await checkBasics();
  const { json } = await stack.ask(REVIEWS);
  assert.deepEqual([json.summary.avg_rating, json.summary.count], [2, 1]);
  assert.equal((await query(stack.databaseUrl, 'SELECT 1 FROM product_reviews')).length, 3);
});

const CLIENTS = 6;
const EVERY_MS = 60;
const CHATS = 4;
const ROUNDS = 2;
let count = 0;

/** In turn one that is forwarded, one with a token, one that must not be sent twice, one that both answer themselves. */
function nextRequest(): LoadRequest {
  count += 1;
  const [method, path, body, sign] =
    (
      [
        ['GET', '/api/products', '', '"Lamp"'],
        ['GET', '/api/auth/me', '', '"buyer@demo.com"'],
        ['POST', '/api/products/2/comments', `{"text":"n${count}"}`, `"n${count}"`],
        ['GET', REVIEWS, '', '"items"'],
      ] as const
    )[count % 4] ?? assert.fail();
  const head = `${method} ${path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${token}\r\n`;
  const typed = body === '' ? '' : `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n`;
  return {
    id: String(count),
    label: path,
    method,
    bytes: `${head}${typed}\r\n${body}`,
    isRight: (answer) => answer.body.includes(sign),
  };
}

/** A chat that goes on until it is closed. */
async function openChat() {
  const address = `${stack.nginx.url.replace('https', 'wss')}/ws/chat/2?token=${token}`;
  const socket = new WebSocket(address, { ca: stack.ca });
  await once(socket, 'open');
  let turn = 0;
  const say = () => socket.send(JSON.stringify({ text: String(turn) }));
  socket.on('message', async (data) => {
    if (JSON.parse(String(data)).text !== String(turn)) return socket.terminate();
    turn += 1;
    await sleep(EVERY_MS);
    if (socket.readyState === WebSocket.OPEN) say();
  });
  say();
  return { socket, turn: () => turn, isOpen: () => socket.readyState === WebSocket.OPEN };
}

type Chat = Awaited<ReturnType<typeof openChat>>;
const openChats = () => Promise.all(Array.from({ length: CHATS }, openChat));

/** All of them go on. */
async function untilTalking(chats: readonly Chat[]): Promise<void> {
  const before = chats.map(({ turn }) => turn());
  await until('every chat to go on', () => chats.every(({ turn }, i) => turn() > (before[i] ?? 0)));
}

/** A reload that switches nothing. */
async function reloadOnly(): Promise<void> {
  const before = takingWorkers(stack.nginx.pid);
  const { ok } = await createNginx(stack.nginx.command).reload();
  assert.ok(ok && before !== null);
  await until('the reload', () => areReplaced(before, stack.nginx.pid));
}

/** What became of the load during some work. */
async function during(load: Load, work: () => Promise<unknown>) {
  const [from, closedBefore] = [load.samples.length, load.closedWhileIdle()];
  await work();
  // Until every client has used its connection once more, and so has noticed what became of it.
  const seen = load.samples.length;
  await until('every client', () => load.samples.length >= seen + 2 * CLIENTS);
  const samples = load.samples.slice(from);
  // Closed by Nginx in the very moment: a client may not send it twice, and cannot know whether it arrived.
  const isLostOnIdle = ({ reason }: (typeof samples)[number]) => reason === REASON.lostOnIdle;
  return {
    sent: samples.length,
    failed: samples.filter((sample) => !isAnswered(sample) && !isLostOnIdle(sample)),
    lostOnIdle: samples.filter(isLostOnIdle).length,
    closedWhileIdle: load.closedWhileIdle() - closedBefore,
  };
}

test('under load with keep-alive and WebSockets no answer fails, both ways, and a reload alone does as much', {
  skip,
}, async (t) => {
  const load = startLoad({
    port: stack.nginx.httpsPort,
    ca: stack.ca,
    clients: CLIENTS,
    everyMs: EVERY_MS,
    next: nextRequest,
  });
  const chats: Chat[] = [];
  const sums = { sent: 0, switches: { closed: 0, lost: 0 }, reloads: { closed: 0, lost: 0 } };
  const note = (kind: 'switches' | 'reloads', result: Awaited<ReturnType<typeof during>>) => {
    assert.deepEqual(result.failed, []);
    // Each connection at most once in a reload, and nothing besides.
    assert.ok(result.closedWhileIdle + result.lostOnIdle <= CLIENTS, JSON.stringify(result));
    sums.sent += result.sent;
    sums[kind].closed += result.closedWhileIdle;
    sums[kind].lost += result.lostOnIdle;
  };
  try {
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const side of ['backend', 'sidecar'] as const satisfies Side[]) {
        chats.push(...(await openChats()));
        note('reloads', await during(load, reloadOnly));
        note('switches', await during(load, () => cutover('--to', side)));
        await untilTalking(chats);
      }
    }
  } finally {
    await load.stop();
    for (const { socket } of chats) socket.terminate();
  }
  t.diagnostic(`${CLIENTS} connections, ${chats.length} WebSockets: ${JSON.stringify(sums)}`);
  assert.ok(sums.sent > 100);
  assert.ok(sums.reloads.closed > 0 && sums.switches.closed > 0, JSON.stringify(sums));
});

test('--status counts the WebSockets that the old side still has; --smoke passes on both', {
  skip,
}, async (t) => {
  if (process.getuid?.() !== 0) return t.skip('root alone sees the sockets of other users’ processes');
  const chats = await openChats();
  assert.match(await cutover('--to', 'backend'), /^Done/m);
  await untilTalking(chats);
  const status = await cutover('--status');
  assert.match(status, new RegExp(`still has ${CHATS} old connections to the sidecar .* in 1 workers`));
  for (const { socket } of chats) socket.terminate();
  const none = /^Nginx has no old connections to the sidecar any more\.$/m;
  await until('them to be gone', async () => none.test(await cutover('--status')));
  const there = await cutover('--to', 'sidecar', '--smoke');
  assert.match(there, /^ {2}\| ok {3}reviews POST[\s\S]*^The smoke test passed\.$/m);
  const back = await cutover('--to', 'backend', '--smoke');
  assert.match(back, /^ {2}\| skip reviews and uploads[\s\S]*^The smoke test passed\.$/m);
  await cutover('--to', 'sidecar');
});
