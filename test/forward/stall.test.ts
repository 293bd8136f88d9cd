/**
 * The process is stopped for longer than any deadline, as a debugger, a full machine or a suspended one does it. Nobody
 * is blamed for time in which we did not run (forwarding.md, line 16). One stop for all cases: each begins before it, goes
 * on during it, and says what came of it.
 */
import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectRaw, type RawConnection } from '../../scripts/lab/raw-connection.ts';
import {
  answering,
  ok,
  type ScriptedBackend,
  startScriptedBackend,
} from '../../scripts/lab/scripted-backend.ts';
import { type SidecarProcess, startProcess } from '../../scripts/lab/sidecar.ts';
import { handshake, SWITCHING } from '../../scripts/lab/websocket.ts';
import { createHttp1Client } from '../../src/forward/http1/client.ts';
import { afterRunning } from '../../src/running-time.ts';
import { getRequest, observe } from '../support/observed-exchange.ts';

/** Above all limits below, and above the 3 s for a connection. */
const STALL_MS = 6_000;
/** And long enough for all cases to have begun on a busy machine. */
const LIMITS = {
  BACKEND_HEADERS_TIMEOUT_MS: '5000',
  BACKEND_BODY_TIMEOUT_MS: '5000',
  CLIENT_BODY_TIMEOUT_MS: '5000',
  // Not what is looked at here.
  MAX_EVENT_LOOP_DELAY_MS: '0',
};

let backend: ScriptedBackend;
let sidecar: SidecarProcess;

const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;
const post = (path: string, body: string, length = body.length) =>
  `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\n\r\n${body}`;
const last = (body: string) => ok(body, 'Connection: close\r\n');

/** What the backend goes on with, by path: the test says when. */
const waiting = new Map<string, RawConnection>();

async function backendScript(connection: RawConnection): Promise<void> {
  const head = await connection.take('\r\n\r\n');
  const path = head.split(' ')[1] ?? '';
  waiting.set(path, connection);
  // A new connection for each.
  if (path === '/api/new') connection.send(last('new'));
  if (path === '/api/body')
    connection.send('HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 9\r\n\r\nfirst');
  if (path !== '/api/upload') return;
  await connection.take('the end');
  connection.send(last('uploaded'));
}

async function reached(path: string): Promise<RawConnection> {
  for (;;) {
    const connection = waiting.get(path);
    if (connection !== undefined) return connection;
    await sleep(5);
  }
}

interface Case {
  readonly client: RawConnection;
  readonly during?: () => void;
  readonly after?: () => void;
}

const cases = new Map<string, Case>();

/** A case that has been sent and has reached the backend. */
async function begin(
  name: string,
  bytes: string,
  goOn: { during?: (atBackend: RawConnection, client: RawConnection) => void; after?: typeof goOn.during },
): Promise<void> {
  const client = await connectRaw(sidecar.port);
  client.send(bytes);
  const atBackend = await reached(bytes.split(' ')[1] ?? '');
  const { during, after: afterwards } = goOn;
  cases.set(name, {
    client,
    during: () => during?.(atBackend, client),
    after: () => afterwards?.(atBackend, client),
  });
}

before(async () => {
  backend = await startScriptedBackend(backendScript);
  sidecar = await startProcess({ BACKEND_URL: backend.url, ...LIMITS });
  const busy = startLoad();
  await busy.goesOn();
  // Together: the time of the first runs while the last one begins.
  await Promise.all([
    begin('upload', post('/api/upload', 'some ', 12), { during: (_, client) => client.send('the end') }),
    begin('body', get('/api/body'), { during: (atBackend) => atBackend.send('last') }),
    begin('head', get('/api/head'), { during: (atBackend) => atBackend.send(last('head')) }),
    begin('upgrade', handshake('/ws/x'), { during: (atBackend) => atBackend.send(SWITCHING) }),
    begin('frozen', get('/api/frozen'), {
      after: (atBackend) => setTimeout(() => atBackend.send(last('thawed')), 300),
    }),
  ]);
  await cases.get('body')?.client.take('first');
  await stall();
  await busy.goesOn();
  failures = await busy.end();
});

let failures: readonly string[] | undefined;
const BUSY_CLIENTS = 16;

/** So that the process is stopped in the midst of its work: what it still does in that turn, it does by the old clock. */
function startLoad() {
  let answered = 0;
  let isOver = false;
  const failed: string[] = [];
  const client = async () => {
    const connection = await connectRaw(sidecar.port);
    while (!isOver) {
      const { startLine, body } = await connection.send(get('/api/new')).message();
      answered += 1;
      if (!startLine.includes(' 200 ')) failed.push(`${startLine}: ${body}`);
    }
    connection.destroy();
  };
  const clients = Array.from({ length: BUSY_CLIENTS }, client);
  return {
    async goesOn() {
      const until = answered + 2 * BUSY_CLIENTS;
      while (answered < until) await sleep(5);
    },
    async end() {
      isOver = true;
      await Promise.all(clients);
      return failed;
    },
  };
}

async function stall(): Promise<void> {
  process.kill(sidecar.pid, 'SIGSTOP');
  try {
    await sleep(100);
    for (const { during } of cases.values()) during?.();
    await sleep(STALL_MS - 100);
    for (const one of cases.values()) one.after?.();
  } finally {
    process.kill(sidecar.pid, 'SIGCONT');
  }
}

after(async () => {
  for (const { client } of cases.values()) client.destroy();
  await sidecar.end();
  await backend.stop();
});

const clientOf = (name: string) => cases.get(name)?.client ?? assert.fail(name);

async function answers(name: string, body: string): Promise<void> {
  const answer = await clientOf(name).message();
  assert.deepEqual([answer.startLine, answer.body], ['HTTP/1.1 200 OK', body]);
}

test('a connection that is opened right after a stall has all its time', () => {
  assert.deepEqual(failures, []);
});

test('an answer that came during a stall is read before its head is late', () => answers('head', 'head'));

test('a body that went on during a stall has not stood still', async () => {
  assert.equal(await clientOf('body').take('last'), 'last');
});

test('a client whose body went on during a stall is not told that it stood still', () =>
  answers('upload', 'uploaded'));

test('a handshake that was answered during a stall is a WebSocket', async () => {
  assert.match((await clientOf('upgrade').message()).startLine, / 101 /);
});

test('a backend that was stopped together with us has its time as well', () => answers('frozen', 'thawed'));

/** The rest run in this process, which pauses. */
const pause = (ms: number) => {
  const until = performance.now() + ms;
  while (performance.now() < until);
};

test('behind a pause a POST goes to no connection that has been idle for too long', async () => {
  const keeping = await startScriptedBackend(answering(ok('posted')));
  const client = createHttp1Client({
    backend: { kind: 'tcp', host: '127.0.0.1', port: keeping.port },
    connectTimeoutMs: 3_000,
    headersTimeoutMs: 3_000,
    bodyTimeoutMs: 3_000,
    idleTimeoutMs: 500,
    maxHeaderBytes: 64 * 1024,
  });
  const post = (body: Readable | null) =>
    observe(client, getRequest({ method: 'POST', body, contentLength: null }));
  assert.equal((await post(null)).body, 'posted');
  pause(700);
  assert.equal((await post(null)).body, 'posted');
  assert.equal(keeping.connections.length, 2);
  // One with a body is written at the end of the turn.
  const withBody = post(Readable.from([Buffer.from('body')]));
  pause(700);
  assert.equal((await withBody).body, 'posted');
  assert.equal(keeping.connections.length, 3);
  await client.close();
  await keeping.stop();
});

test('a countdown that ends during a pause waits until what has arrived is read', async () => {
  const events: string[] = [];
  const { promise: over, resolve } = Promise.withResolvers<void>();
  const server = await startScriptedBackend((connection) => {
    connection.socket.on('data', () => events.push('read'));
  });
  const client = await connectRaw(server.port);
  await server.connection(0);
  afterRunning(100, () => {
    events.push('over');
    resolve();
  });
  const cancelled = afterRunning(100, () => events.push('cancelled'));
  client.send('bytes');
  pause(700);
  cancelled.cancel();
  await over;
  assert.deepEqual(events, ['read', 'over']);
  client.destroy();
  await server.stop();
});
