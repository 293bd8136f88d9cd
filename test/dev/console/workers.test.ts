/** The console beside a sidecar of several processes: each of them is seen, obeys the faults, and answers for the page. */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import { listen } from '../../../scripts/lab/ports.ts';
import { until } from '../../../scripts/lab/programs.ts';
import { exchangeRaw } from '../../../scripts/lab/raw-connection.ts';
import { type ConsoleScene, startConsoleScene } from './console-scene.ts';

const WORKERS = 2;
let scene: ConsoleScene;
const parts = new AsyncDisposableStack();

before(async () => {
  const backend = createServer((_req, res) => void res.end('fine'));
  const port = await listen(backend);
  parts.defer(() => {
    backend.close();
    backend.closeAllConnections();
  });
  const settings = { BACKEND_URL: `http://127.0.0.1:${port}`, WEB_CONCURRENCY: String(WORKERS) };
  scene = parts.use(await startConsoleScene(settings));
});
after(() => parts.disposeAsync());

/** On a connection of its own, so that any process may have it. */
const get = (path: string) =>
  exchangeRaw(
    scene.port,
    `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${scene.port}\r\nConnection: close\r\n\r\n`,
  );
const started = () => [...scene.console.records.all()].map(({ started: { id, target } }) => ({ id, target }));
/** Ids begin with the number of the process. */
const seenProcesses = () => new Set(started().map(({ id }) => id.split('-')[0]));

test('requests to every process are in the list', async () => {
  await until('both processes', async () => {
    await Promise.all(Array.from({ length: 10 }, () => get('/api/many')));
    return seenProcesses().size === WORKERS;
  });
});

test('a fault is obeyed by every process', async () => {
  const rules = [{ isOn: true, kind: 'answer', path: '/api/bent', status: 299 }];
  assert.equal((await scene.ask('/faults', { method: 'PUT', json: { rules } })).status, 200);
  // Until each of them has heard of it: a round without an exception.
  await until('all of them to know', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => get('/api/bent')));
    return answers.every(({ startLine }) => / 299 /.test(startLine));
  });
});

test('any process answers for the page', async () => {
  const pages = await Promise.all(Array.from({ length: 10 }, () => get('/dev')));
  for (const { startLine, body } of pages) {
    assert.match(startLine, / 200 /);
    assert.match(body, /<div id="app">/);
  }
});
