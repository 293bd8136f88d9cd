/** Connections on which nothing is asked (docs/forwarding.md, 20 and 29): an answer there would be read as that of the next request. */
import assert from 'node:assert/strict';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectRaw, type RawConnection } from '../../scripts/lab/raw-connection.ts';
import { endSocketWithError } from '../../src/edge/error-response.ts';
import { createHttpServer, type Deadlines, listen } from '../../src/edge/server.ts';

const REQUEST = 'GET /x HTTP/1.1\r\nHost: a\r\n\r\n';

/** A server with short deadlines; every request is answered `here`. */
async function connected(
  deadlines: Partial<Deadlines>,
  run: (client: RawConnection) => Promise<void>,
): Promise<void> {
  const { server } = createHttpServer(
    {
      handleRequest: (_req, res) => res.end('here'),
      isUpgrade: () => false,
      handleUpgrade: (_req, socket) => socket.destroy(),
      rejectBody: (res) => res.destroy(),
      rejectSocket: (socket, error) => endSocketWithError(socket, error, 'id', 'en'),
      maxConnections: 10,
      bodySilenceMs: 60_000,
    },
    { headMs: 100, lookEveryMs: 20, idleMs: 60_000, ...deadlines },
  );
  await listen(server, 0, '127.0.0.1');
  const client = await connectRaw((server.address() as AddressInfo).port);
  try {
    await run(client);
  } finally {
    client.destroy();
    server.close();
  }
}

/** Long enough for several looks after the deadline of a head. */
const afterDeadline = () => sleep(500);

/** Empty lines in front of a request are no part of it (RFC 9112 §2.2). */
for (const [what, bytes] of Object.entries({
  'that has sent nothing': '',
  'with an empty line only': '\r\n',
})) {
  test(`a connection ${what} is not answered, and its first request is, however late`, async () => {
    await connected({}, async (client) => {
      client.send(bytes);
      await afterDeadline();
      const answer = await client.send(REQUEST).message();
      assert.deepEqual([answer.startLine, answer.body], ['HTTP/1.1 200 OK', 'here']);
    });
  });

  test(`a connection ${what} is closed in the end, without a word`, async () => {
    await connected({ idleMs: 300 }, async (client) => {
      client.send(bytes);
      assert.equal(await client.closed(), '');
    });
  });
}

test('empty lines that keep coming hold no connection', async () => {
  await connected({ idleMs: 1_000 }, async (client) => {
    while (!client.ended) {
      client.send('\r\n');
      await sleep(50);
    }
    assert.equal(client.received, '');
  });
});

test('a first request that came late has the time of any other', async () => {
  await connected({ idleMs: 1_000 }, async (client) => {
    await afterDeadline();
    await client.send(REQUEST).message();
    await sleep(800);
    assert.equal((await client.send(REQUEST).message()).body, 'here');
  });
});

test('an idle connection is closed without a word, however many requests it has carried', async () => {
  await connected({ idleMs: 100 }, async (client) => {
    for (let i = 0; i < 2; i += 1) await client.send(REQUEST).message();
    assert.equal(await client.closed(), '');
  });
});

test('a head that has begun and does not end is 408, also behind silence or another request', async () => {
  const before: ((client: RawConnection) => Promise<unknown>)[] = [
    async () => undefined,
    afterDeadline,
    (client) => client.send(REQUEST).message(),
  ];
  for (const first of before) {
    await connected({}, async (client) => {
      await first(client);
      assert.match((await client.send('GET /x HT').message()).startLine, / 408 /);
      assert.equal(await client.closed(), '');
    });
  }
});

test('a head that comes byte by byte has the same deadline', async () => {
  await connected({ headMs: 500 }, async (client) => {
    for (const byte of REQUEST) {
      if (client.received !== '') break;
      client.send(byte);
      await sleep(50);
    }
    assert.match(client.received, /^HTTP\/1\.1 408 /);
  });
});

test('a head whose rest arrived while the process stood still is not refused', async () => {
  await connected({ headMs: 2_000 }, async (client) => {
    client.send(REQUEST.slice(0, 9));
    await sleep(50);
    // So that the next thing the process does is to look at its timers.
    await new Promise(setImmediate);
    client.send(REQUEST.slice(9));
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2_500);
    assert.equal((await client.message()).body, 'here');
  });
});

test('a request that came on an idle connection while the process stood still is answered', async () => {
  await connected({ idleMs: 100 }, async (client) => {
    await client.send(REQUEST).message();
    await new Promise(setImmediate);
    client.send(REQUEST);
    // node:http adds a second to the time of an idle connection.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_500);
    assert.equal((await client.message()).body, 'here');
    assert.equal(await client.closed(), '');
  });
});
