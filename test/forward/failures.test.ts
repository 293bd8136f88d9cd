/** What happens when a side fails (docs/forwarding.md, 16-20). */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectRaw, exchangeRaw, type RawConnection } from '../../scripts/lab/raw-connection.ts';
import { answering, ok, startScriptedBackend } from '../../scripts/lab/scripted-backend.ts';
import { handshake } from '../../scripts/lab/websocket.ts';
import { afterRunning } from '../../src/running-time.ts';
import { startDeafBackend } from '../support/deaf-backend.ts';
import { startSidecar, type TestSidecar } from '../support/start-sidecar.ts';

const GET = 'GET /api/x HTTP/1.1\r\nHost: a\r\n\r\n';

type Script = (connection: RawConnection, index: number) => Promise<void> | void;

async function through(
  script: Script,
  run: (sidecar: TestSidecar, upstream: (index: number) => Promise<RawConnection>) => Promise<void>,
  env: Record<string, string> = {},
): Promise<void> {
  const backend = await startScriptedBackend(script);
  const sidecar = await startSidecar({ BACKEND_URL: backend.url, ...env });
  try {
    await run(sidecar, (index) => backend.connection(index));
  } finally {
    await sidecar.stop();
    await backend.stop();
  }
}

async function fails(port: number, status: number, request = GET): Promise<void> {
  const answer = await exchangeRaw(port, request);
  assert.equal(answer.startLine.split(' ')[1], String(status), answer.raw);
  assert.equal(typeof JSON.parse(answer.body).detail, 'string');
  assert.doesNotMatch(answer.raw, /127\.0\.0\.1|ECONN|x-backend/i);
  assert.equal(answer.header('retry-after'), status === 504 ? undefined : '1');
}

test('a backend that refuses connections is 502', async () => {
  const sidecar = await startSidecar({ BACKEND_URL: 'http://127.0.0.1:9' });
  await fails(sidecar.port, 502);
  await fails(sidecar.port, 502, 'POST /api/x HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi');
  await sidecar.stop();
});

test('a unix socket that is not there is 502, and one that is there works', async () => {
  const sidecar = await startSidecar({ BACKEND_URL: 'unix:/nonexistent/backend.sock' });
  await fails(sidecar.port, 502);
  await sidecar.stop();
});

test('a backend that takes no connections is 502 after 3 s, for a WebSocket as well', async () => {
  const backend = await startDeafBackend();
  const sidecar = await startSidecar({ BACKEND_URL: backend.url });
  // Without a deadline of its own an attempt would last for minutes, and a handshake be 504.
  await Promise.all([fails(sidecar.port, 502), fails(sidecar.port, 502, handshake('/ws/x'))]);
  await sidecar.stop();
  // It cannot be reached, and does not answer too late, however short the deadline for an answer is.
  const hasty = await startSidecar({ BACKEND_URL: backend.url, BACKEND_HEADERS_TIMEOUT_MS: '500' });
  await fails(hasty.port, 502, handshake('/ws/x'));
  await hasty.stop();
  backend.stop();
});

test('a backend that resets before it answers is 502', async () => {
  await through(
    async (connection) => {
      await connection.message();
      connection.reset();
    },
    ({ port }) => fails(port, 502),
  );
});

test('a backend that sends half a head and closes is 502', async () => {
  await through(
    async (connection) => {
      await connection.message();
      connection.send('HTTP/1.1 200 OK\r\nx-backend: 1\r\n').end();
    },
    ({ port }) => fails(port, 502),
  );
});

test('a backend that does not answer in time is 504', async () => {
  await through(
    () => undefined,
    ({ port }) => fails(port, 504),
    { BACKEND_HEADERS_TIMEOUT_MS: '200' },
  );
});

test('the deadline for the head counts from the end of the request body', async () => {
  await through(
    answering(ok('late')),
    async ({ port }) => {
      const client = await connectRaw(port);
      client.send('POST /api/x HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n');
      for (const byte of 'slow') {
        await new Promise((wake) => setTimeout(wake, 200));
        client.send(byte);
      }
      assert.equal((await client.message()).body, 'late');
      client.destroy();
    },
    { BACKEND_HEADERS_TIMEOUT_MS: '400' },
  );
});

test('a body that stands still is cut after the body deadline, an event stream never', async () => {
  const still = (type: string) => async (connection: RawConnection) => {
    await connection.message();
    connection.send(`HTTP/1.1 200 OK\r\ncontent-type: ${type}\r\ncontent-length: 100\r\n\r\npart`);
  };
  const env = { BACKEND_BODY_TIMEOUT_MS: '300' };
  await through(
    still('text/plain'),
    async ({ port }) => {
      const client = await connectRaw(port);
      await client.send(GET).take('part');
      assert.equal(await client.closed(), '');
      client.destroy();
    },
    env,
  );
  await through(
    still('text/event-stream'),
    async ({ port }, upstream) => {
      const client = await connectRaw(port);
      await client.send(GET).take('part');
      await new Promise((wake) => setTimeout(wake, 800));
      (await upstream(0)).send('more');
      await client.take('more');
      client.destroy();
    },
    env,
  );
});

test('a slow client does not make a patient backend late', async () => {
  const size = 16 * 1024 * 1024;
  await through(
    async (connection) => {
      await connection.message();
      connection.send(`HTTP/1.1 200 OK\r\ncontent-length: ${size}\r\n\r\n`).send(Buffer.alloc(size, 'x'));
    },
    async ({ port }) => {
      const client = await connectRaw(port);
      client.send(GET);
      await client.take('\r\n\r\n');
      client.socket.pause();
      await sleep(900);
      client.socket.resume();
      await client.until((received) => received.length === size, 'the whole body');
      client.destroy();
    },
    { BACKEND_BODY_TIMEOUT_MS: '300' },
  );
});

test('a request that loses the keep-alive race is sent once more on a new connection', async () => {
  let requests = 0;
  await through(
    async (connection, index) => {
      await connection.message();
      requests += 1;
      connection.send(ok(`first of ${index}`));
      await connection.message();
      requests += 1;
      connection.reset();
    },
    async ({ port }) => {
      const client = await connectRaw(port);
      assert.equal((await client.send(GET).message()).body, 'first of 0');
      assert.equal((await client.send(GET).message()).body, 'first of 1');
      assert.equal(requests, 3);
      client.destroy();
    },
  );
});

test('a PUT that loses the race before any of its body was sent goes out once more, and never after', async () => {
  const put = 'PUT /api/x HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n';
  const heads: string[] = [];
  await through(
    async (connection, index) => {
      await connection.message();
      connection.send(ok('ready'));
      heads.push(await connection.take('\r\n\r\n'));
      if (index === 0) {
        connection.reset();
        return;
      }
      await connection.take('body');
      connection.reset();
    },
    async ({ port }, upstream) => {
      const client = await connectRaw(port);
      await client.send(GET).message();
      client.send(put);
      // The second connection is new: what the script takes for its first message is the head sent again, and the body.
      await (await upstream(1)).until((received) => received.startsWith('PUT '), 'the second head');
      assert.equal((await client.send('body').message()).body, 'ready');
      // Now the connection has served one request, and the next one is cut within its body.
      const answer = await client.send(`${put}body`).message();
      assert.match(answer.startLine, / 502 /);
      assert.deepEqual(
        heads.map((head) => head.split(' ')[0]),
        ['PUT', 'PUT'],
      );
      client.destroy();
    },
  );
});

test('a POST is never sent twice', async () => {
  let posts = 0;
  await through(
    async (connection) => {
      await connection.message();
      connection.send(ok('x'));
      const second = await connection.message();
      if (second.startLine.startsWith('POST')) posts += 1;
      connection.reset();
    },
    async ({ port }) => {
      const client = await connectRaw(port);
      await client.send(GET).message();
      const answer = await client
        .send('POST /api/x HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n')
        .message();
      assert.match(answer.startLine, /502/);
      assert.equal(posts, 1);
      client.destroy();
    },
  );
});

/** timeout_keep_alive (https://www.uvicorn.org/settings/#timeouts). */
const UVICORN_KEEPS_MS = 5_000;

test('an idle connection is closed before uvicorn would close it', async () => {
  await through(answering(ok('x')), async ({ port }, upstream) => {
    await exchangeRaw(port, GET);
    const idle = await upstream(0);
    // On the clock that the sidecar goes by, which has no time in which the process could not run.
    let isClosedByUvicorn = false;
    const { cancel } = afterRunning(UVICORN_KEEPS_MS, () => {
      isClosedByUvicorn = true;
    });
    await idle.closed();
    cancel();
    assert.equal(isClosedByUvicorn, false);
  });
});

test('bytes on an idle connection end it: they belong to no request', async () => {
  await through(
    async (connection, index) => {
      await connection.message();
      connection.send(ok(String(index)) + (index === 0 ? ok('smuggled') : ''));
      await connection.message();
      connection.send(ok('same connection'));
    },
    async ({ port }) => {
      const client = await connectRaw(port);
      assert.equal((await client.send(GET).message()).body, '0');
      assert.equal((await client.send(GET).message()).body, '1');
      client.destroy();
    },
  );
});

test('a client that leaves aborts the backend’s work: before the answer, within it, and while uploading', async () => {
  const starts: [Script, string][] = [
    [() => undefined, GET],
    [(connection) => void connection.send('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\npart'), GET],
    [() => undefined, 'POST /api/x HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\npart'],
    [() => undefined, 'POST /api/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n'],
  ];
  for (const [script, request] of starts) {
    await through(
      async (connection, index) => {
        await connection.until((received) => received.includes('\r\n\r\n'));
        await script(connection, index);
      },
      async ({ port }, upstream) => {
        const client = await connectRaw(port);
        client.send(request);
        const backend = await upstream(0);
        await backend.until((received) => received.includes('\r\n\r\n'));
        client.reset();
        const rest = await backend.closed();
        assert.doesNotMatch(rest, /\r\n0\r\n\r\n$/, 'a body that broke off must not look complete');
      },
    );
  }
});

test('an early 413 reaches a client that is still sending', async () => {
  await through(
    async (connection) => {
      await connection.until((received) => received.includes('\r\n\r\n'));
      connection.send('HTTP/1.1 413 Too Large\r\ncontent-length: 3\r\nconnection: close\r\n\r\nbig').end();
    },
    async ({ port }) => {
      const client = await connectRaw(port);
      client.send(`POST /api/upload/video HTTP/1.1\r\nHost: a\r\nContent-Length: ${8 * 1024 * 1024}\r\n\r\n`);
      client.send(Buffer.alloc(1024 * 1024));
      const answer = await client.message();
      assert.match(answer.startLine, /413/);
      assert.equal(answer.body, 'big');
      client.destroy();
    },
  );
});

test('an early answer reaches a client that reads it only behind its body, with Connection: close as well', async () => {
  const refusal = 'b'.repeat(100_000);
  const body = Buffer.alloc(3 * 1024 * 1024);
  await through(
    async (connection) => {
      await connection.take('\r\n\r\n');
      connection.send(`HTTP/1.1 413 Too Large\r\nContent-Length: ${refusal.length}\r\n\r\n${refusal}`);
    },
    async ({ port }) => {
      // The second is answered by us, without the backend.
      for (const target of ['/api/x', '/nobody']) {
        const client = await connectRaw(port);
        client.socket.pause();
        client.send(
          `POST ${target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n`,
        );
        // In pieces, so that the answer is there long before the last.
        for (let at = 0; at < body.length && !client.socket.destroyed; at += 100_000) {
          client.send(body.subarray(at, at + 100_000));
          await sleep(2);
        }
        client.socket.resume();
        const answer = await client.message();
        assert.match(answer.startLine, target === '/api/x' ? / 413 / : / 404 /);
        assert.equal(answer.header('connection'), 'close');
        assert.equal(await client.closed(), '');
        assert.equal(client.failure, undefined);
      }
    },
  );
});

test('an early answer reaches the client also when the backend resets right behind it', async () => {
  await through(
    async (connection) => {
      await connection.until((received) => received.length > 100_000);
      connection.send('HTTP/1.1 413 Too Large\r\ncontent-length: 3\r\nconnection: close\r\n\r\nbig');
      // With bytes unread this is a reset, as of a server that stops reading a body it has refused.
      connection.destroy();
    },
    async ({ port }) => {
      for (let i = 0; i < 20; i += 1) {
        const client = await connectRaw(port);
        client.send(`POST /api/x HTTP/1.1\r\nHost: a\r\nContent-Length: ${8 * 1024 * 1024}\r\n\r\n`);
        for (let sent = 0; sent < 8; sent += 1) client.send(Buffer.alloc(1024 * 1024));
        const answer = await client.message();
        assert.deepEqual([answer.startLine, answer.body], ['HTTP/1.1 413 Too Large', 'big']);
        client.destroy();
      }
    },
  );
});

test('hundreds of open streams do not hold up the next request', async () => {
  await through(
    async (connection) => {
      const request = await connection.message();
      if (request.startLine.includes('/api/quick')) connection.send(ok('quick'));
      else connection.send('HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n');
    },
    async ({ port }) => {
      const streams = await Promise.all(Array.from({ length: 300 }, () => connectRaw(port)));
      await Promise.all(streams.map((stream) => stream.send(GET).take('\r\n\r\n')));
      const answer = await exchangeRaw(port, 'GET /api/quick HTTP/1.1\r\nHost: a\r\n\r\n');
      assert.equal(answer.body, 'quick');
      for (const stream of streams) stream.destroy();
    },
    { MAX_IN_FLIGHT: '100' },
  );
});

test('past MAX_IN_FLIGHT the next request is 503 at once', async () => {
  await through(
    () => undefined,
    async ({ port }, upstream) => {
      const waiting = await Promise.all([0, 1].map(() => connectRaw(port)));
      for (const client of waiting) client.send(GET);
      await Promise.all([upstream(0), upstream(1)]);
      await fails(port, 503);
      for (const client of waiting) client.destroy();
    },
    { MAX_IN_FLIGHT: '2' },
  );
});

const MB_64 = 64 * 1024 * 1024;

test('64 MB arrive whole on the way down', async () => {
  await through(
    async (connection) => {
      await connection.message();
      connection.send(`HTTP/1.1 200 OK\r\ncontent-length: ${MB_64}\r\n\r\n`).send(Buffer.alloc(MB_64));
    },
    async ({ url }) => {
      const answer = await fetch(`${url}/api/x`);
      let bytes = 0;
      for await (const chunk of answer.body ?? []) bytes += chunk.length;
      assert.equal(bytes, MB_64);
    },
  );
});

test('64 MB arrive whole on the way up', async () => {
  await through(
    async (connection) => {
      await connection.take('\r\n\r\n');
      let received = connection.received.length;
      connection.socket.removeAllListeners('data');
      connection.socket.on('data', (chunk: Buffer) => {
        received += chunk.length;
        if (received === MB_64) connection.send(ok('all there'));
      });
    },
    async ({ url }) => {
      const answer = await fetch(`${url}/api/x`, { method: 'POST', body: Buffer.alloc(MB_64) });
      assert.equal(await answer.text(), 'all there');
    },
  );
});
