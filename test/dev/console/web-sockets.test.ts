/** WebSockets in the console: what is said both ways, inflated, and saying something oneself. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import { WebSocket, WebSocketServer } from 'ws';
import { listen } from '../../../scripts/lab/ports.ts';
import { until } from '../../../scripts/lab/programs.ts';
import { type ConsoleScene, startConsoleScene } from './console-scene.ts';

let scene: ConsoleScene;
const heard: string[] = [];
const closedWith: number[] = [];
const parts = new AsyncDisposableStack();

before(async () => {
  const backend = createServer();
  const sockets = new WebSocketServer({ server: backend, perMessageDeflate: { threshold: 0 } });
  sockets.on('connection', (socket) => {
    socket.on('message', (message) => {
      heard.push(String(message));
      socket.send(`echo ${message}`);
    });
    socket.on('close', (code) => closedWith.push(code));
  });
  const port = await listen(backend);
  parts.defer(() => {
    sockets.close();
    backend.close();
    backend.closeAllConnections();
  });
  scene = parts.use(await startConsoleScene({ BACKEND_URL: `http://127.0.0.1:${port}` }));
});
after(() => parts.disposeAsync());

async function open(path: string, perMessageDeflate: boolean) {
  const socket = new WebSocket(`${scene.url.replace('http', 'ws')}${path}`, { perMessageDeflate });
  const received: string[] = [];
  socket.on('message', (message) => received.push(String(message)));
  await once(socket, 'open');
  const rows = () => [...scene.console.records.all()].map((record) => record.row());
  await until('its row', () => rows().some(({ target, status }) => target === path && status === 101));
  const n = rows().find(({ target }) => target === path)?.n ?? 0;
  const messages = async () => (await scene.detail(n)).messages;
  return { socket, received, n, messages };
}

for (const isDeflated of [false, true])
  test(`what is said is shown as it passes, ${isDeflated ? 'inflated' : 'plain'}, with the code of its end`, async () => {
    const { socket, received, n, messages } = await open(`/ws/said-${isDeflated}`, isDeflated);
    const words = ['hello hello hello', 'hello again, ü', 'x'.repeat(70_000)];
    for (const word of words) socket.send(word);
    await until('the echoes', () => received.length === 3);
    await until('the console', async () => (await messages()).length >= 6);
    const said = (await messages()) as { way: string; text: string; isCompressed: boolean }[];
    assert.deepEqual(
      said.filter(({ way }) => way === 'in').map(({ text }) => text),
      words.map((word) => word.slice(0, 20_000)),
    );
    assert.deepEqual(
      said.filter(({ way }) => way === 'out').map(({ text }) => text),
      received.map((word) => word.slice(0, 20_000)),
    );
    assert.ok(said.every(({ isCompressed }) => isCompressed === isDeflated));
    socket.close(4001, 'enough');
    await scene.untilRow((row) => row.n === n);
    const closes = (await messages()).filter(({ kind }: { kind: string }) => kind === 'close');
    assert.deepEqual([closes[0].code, closes[0].text, closes[0].way], [4001, 'enough', 'in']);
  });

test('a frame of one’s own reaches either end, and a close with its code both', async () => {
  const { socket, received, n } = await open('/ws/own', true);
  const say = (json: object) => scene.ask(`/requests/${n}/frame`, { method: 'POST', json });
  assert.equal((await say({ to: 'backend', text: 'from the console' })).status, 202);
  await until('the echo', () => received.includes('echo from the console'));
  assert.equal((await say({ to: 'client', text: 'to the client' })).status, 202);
  await until('it', () => received.includes('to the client'));
  // What the two say afterwards still fits together.
  socket.send('and on');
  await until('the echo', () => received.includes('echo and on'));
  const closed = once(socket, 'close');
  await say({ to: 'client', code: 4321 });
  await say({ to: 'backend', code: 4321 });
  assert.equal((await closed)[0], 4321);
  await until('the backend', () => closedWith.includes(4321));
  await scene.untilRow((row) => row.n === n);
  assert.equal((await say({ to: 'backend', text: 'late' })).status, 409);
});

/** Resolves when the sidecar knows. */
async function bend(rule: object): Promise<void> {
  const marker = { kind: 'answer', path: `/marker/${Math.random()}`, isOn: true, status: 299 };
  const rules = [{ isOn: true, path: '/ws/bent', ...rule }, marker];
  await scene.ask('/faults', { method: 'PUT', json: { rules } });
  await until('the sidecar to know', async () => (await fetch(scene.url + marker.path)).status === 299);
}

/** @returns status and body of the answer that refuses the handshake */
async function refused(path: string) {
  const socket = new WebSocket(`${scene.url.replace('http', 'ws')}${path}`);
  socket.on('error', () => undefined);
  const [, answer] = (await once(socket, 'unexpected-response')) as [unknown, IncomingMessage];
  return { status: answer.statusCode, body: await text(answer) };
}

test('a handshake is refused, answered or held up by a fault, and a socket cut', async () => {
  await bend({ kind: 'error' });
  const answer = await refused('/ws/bent');
  assert.deepEqual([answer.status, JSON.parse(answer.body).code], [502, 'console_fault']);
  const row = await scene.untilRow(({ target }) => target === '/ws/bent');
  assert.deepEqual([row.status, row.fault], [502, 'error']);

  await bend({ kind: 'answer', status: 403, headers: [['X-Why', 'bent']], body: 'no' });
  assert.deepEqual(await refused('/ws/bent'), { status: 403, body: 'no' });

  await bend({ kind: 'delay', delayMs: 500 });
  const startedAt = performance.now();
  const { socket: slow } = await open('/ws/bent', false);
  assert.ok(performance.now() - startedAt >= 490);
  slow.close();

  await bend({ kind: 'cut', afterBytes: 20 });
  const { socket, received } = await open('/ws/bent?cut', false);
  const closed = once(socket, 'close');
  socket.send('0123456');
  await until('its echo', () => received.length === 1);
  socket.send('0123456');
  assert.equal((await closed)[0], 1006);
  assert.deepEqual(received, ['echo 0123456']);

  await bend({ kind: 'trickle' });
  (await open('/ws/bent?trickle', false)).socket.close();
});
