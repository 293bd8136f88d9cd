/** Stopping and restarting under way (docs/forwarding.md, 25-27). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connectRaw, type RawConnection } from '../../scripts/lab/raw-connection.ts';
import { answering, ok, startScriptedBackend } from '../../scripts/lab/scripted-backend.ts';
import { type SidecarProcess, startProcess } from '../../scripts/lab/sidecar.ts';
import { handshake, openWebSocket, SWITCHING, serverFrame } from '../../scripts/lab/websocket.ts';
import { startSidecar } from '../support/start-sidecar.ts';

const GET = 'GET /api/x HTTP/1.1\r\nHost: a\r\n\r\n';

test('SIGTERM lets a request in flight finish, with Connection: close, and ends with status 0', async () => {
  const backend = await startScriptedBackend((connection) =>
    connection.take('\r\n\r\n').then(() => undefined),
  );
  const sidecar = await startProcess({ BACKEND_URL: backend.url });
  const client = await connectRaw(sidecar.port);
  client.send(GET);
  const upstream = await backend.connection(0);
  const idle = await connectRaw(sidecar.port);
  const ended = sidecar.end();
  await idle.closed();
  upstream.send(ok('finished'));
  const answer = await client.message();
  assert.equal(answer.body, 'finished');
  assert.equal(answer.header('connection'), 'close');
  assert.equal(await ended, 0);
  await backend.stop();
});

test('while it stops it says so at /readyz, and is still alive', async () => {
  const backend = await startScriptedBackend(answering(ok('x')));
  const sidecar = await startSidecar({ BACKEND_URL: backend.url, SHUTDOWN_GRACE_MS: '20000' });
  // Open and used before, since nobody is let in any more.
  const [ready, live] = await Promise.all([connectRaw(sidecar.port), connectRaw(sidecar.port)]);
  const ask = (path: string) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;
  for (const client of [ready, live]) await client.send(ask('/livez')).message();
  const stopped = sidecar.stop();
  ready.send(ask('/readyz'));
  assert.match((await live.send(ask('/livez')).message()).startLine, / 200 /);
  const answer = await ready.message();
  assert.match(answer.startLine, / 503 /);
  assert.equal(JSON.parse(answer.body).status, 'stopping');
  assert.equal(answer.header('connection'), 'close');
  await stopped;
  await backend.stop();
});

test('WebSockets are ended when the process stops', async () => {
  const backend = await startScriptedBackend(async (connection) => {
    await connection.message();
    connection.send(SWITCHING);
    await connection.closed();
    connection.end();
  });
  const sidecar = await startProcess({ BACKEND_URL: backend.url });
  const { connection } = await openWebSocket(sidecar.port, '/ws/x');
  const ended = sidecar.end();
  assert.equal(await connection.closed(), '');
  connection.end();
  assert.equal(await ended, 0);
  await backend.stop();
});

test('a WebSocket whose sides do not answer the end is cut at the deadline, also one opened or refused meanwhile', async () => {
  const backend = await startScriptedBackend(async (connection) => {
    const { startLine } = await connection.message();
    if (startLine.includes('refused')) connection.send('HTTP/1.1 403 No\r\ncontent-length: 0\r\n\r\n');
    else if (!startLine.includes('silent')) connection.send(SWITCHING);
  });
  const sidecar = await startProcess({ BACKEND_URL: backend.url, SHUTDOWN_GRACE_MS: '600' });
  const { connection } = await openWebSocket(sidecar.port, '/ws/x');
  const refused = await openWebSocket(sidecar.port, '/ws/refused');
  const silent = await connectRaw(sidecar.port);
  silent.send(handshake('/ws/silent'));
  await backend.connection(2);
  assert.equal(await sidecar.end(), 0);
  for (const client of [connection, refused.connection, silent]) {
    await client.closed();
    client.destroy();
  }
  await backend.stop();
});

test('a handshake under way when the process stops gets the backend’s answer, also one that was not yet asked for', async () => {
  const backend = await startScriptedBackend(async (connection) => {
    await connection.message();
  });
  const sidecar = await startProcess({ BACKEND_URL: backend.url });
  const [asked, connected] = await Promise.all([connectRaw(sidecar.port), connectRaw(sidecar.port)]);
  asked.send(handshake('/ws/x'));
  await backend.connection(0);
  const ended = sidecar.end();
  await sidecar.untilLogged('stopping');
  connected.send(handshake('/ws/y'));
  await backend.connection(1);
  for (const [i, client] of [asked, connected].entries()) {
    backend.connections[i]?.send(SWITCHING);
    assert.match((await client.message()).startLine, / 101 /);
    // And then the end, as for every other, whatever the backend still has to say.
    backend.connections[i]?.send(serverFrame('too late'));
    await client.closed();
    assert.equal(client.failure, undefined);
    client.end();
  }
  for (const connection of backend.connections) connection.end();
  assert.equal(await ended, 0);
  await backend.stop();
});

test('a handshake on a connection that has served before is closed, so that Nginx tries again on a new one', async () => {
  const backend = await startScriptedBackend(async (connection) => {
    await connection.message();
  });
  const sidecar = await startProcess({ BACKEND_URL: backend.url });
  const [kept, busy] = await Promise.all([connectRaw(sidecar.port), connectRaw(sidecar.port)]);
  await kept.send('GET /livez HTTP/1.1\r\nHost: a\r\n\r\n').message();
  busy.send(GET);
  const upstream = await backend.connection(0);
  const ended = sidecar.end();
  await sidecar.untilLogged('stopping');
  assert.equal(await kept.send(handshake('/ws/x')).closed(), '');
  assert.equal(backend.connections.length, 1);
  upstream.send(ok('finished'));
  assert.equal((await busy.message()).body, 'finished');
  assert.equal(await ended, 0);
  await backend.stop();
});

test('what is not finished within the grace time is cut, and has its line in the log', async () => {
  const backend = await startScriptedBackend(() => undefined);
  const sidecar = await startProcess({ BACKEND_URL: backend.url, SHUTDOWN_GRACE_MS: '300' });
  const client = await connectRaw(sidecar.port);
  client.send(GET);
  await backend.connection(0);
  assert.equal(await sidecar.end(), 0);
  assert.equal(await client.closed(), '');
  const lines = sidecar.log().filter(({ path }) => path === '/api/x');
  assert.deepEqual(
    lines.map(({ status, aborted }) => [status, aborted]),
    [[499, true]],
  );
  await backend.stop();
});

/** Requests without pause over keep-alive connections that reconnect when told to close; counts what failed. */
async function underLoad(
  port: number,
  work: () => Promise<void>,
): Promise<{ answered: number; failed: number }> {
  let going = true;
  const result = { answered: 0, failed: 0 };
  const client = async () => {
    let connection: RawConnection | undefined;
    while (going) {
      try {
        connection ??= await connectRaw(port);
        const answer = await connection.send(GET).message();
        if (answer.body === 'x') result.answered += 1;
        else result.failed += 1;
        if (answer.header('connection') !== 'close') continue;
      } catch {
        // An idle connection that the server closed is no lost request when none of its bytes came back: try it again.
        result.failed += connection?.ended && connection.received === '' ? 0 : 1;
      }
      connection?.destroy();
      connection = undefined;
    }
    connection?.destroy();
  };
  const clients = [1, 2, 3, 4].map(client);
  try {
    await work();
  } finally {
    going = false;
    await Promise.all(clients);
  }
  return result;
}

const workerPids = (sidecar: SidecarProcess) => sidecar.log('listening').map(({ pid }) => Number(pid));

test('SIGHUP replaces every worker while a constant load sees no failed request', async () => {
  const backend = await startScriptedBackend(answering(ok('x')));
  const sidecar = await startProcess({ BACKEND_URL: backend.url, WEB_CONCURRENCY: '2' });
  try {
    await sidecar.untilLogged('all workers listen');
    await sidecar.untilLogged('listening', 2);
    const before = workerPids(sidecar);
    const { answered, failed } = await underLoad(sidecar.port, async () => {
      sidecar.child.kill('SIGHUP');
      await sidecar.untilLogged('workers restarted');
    });
    await sidecar.untilLogged('listening', 4);
    assert.equal(workerPids(sidecar).filter((pid) => !before.includes(pid)).length, 2);
    assert.equal(failed, 0);
    assert.ok(answered > 0);
  } finally {
    assert.equal(await sidecar.end(), 0);
    await backend.stop();
  }
});

test('a worker that is killed is replaced and the other goes on', async () => {
  const backend = await startScriptedBackend(answering(ok('x')));
  const sidecar = await startProcess({ BACKEND_URL: backend.url, WEB_CONCURRENCY: '2' });
  try {
    await sidecar.untilLogged('all workers listen');
    await sidecar.untilLogged('listening', 2);
    const [victim] = workerPids(sidecar);
    process.kill(victim ?? 0, 'SIGKILL');
    await sidecar.untilLogged('listening', 3);
    for (let i = 0; i < 10; i += 1) assert.equal((await fetch(`${sidecar.url}/livez`)).status, 200);
  } finally {
    assert.equal(await sidecar.end(), 0);
    await backend.stop();
  }
});
