/** WebSockets through the sidecar (docs/forwarding.md, 21-24). */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  connectRaw,
  exchangeRaw,
  type RawConnection,
  type RawMessage,
} from '../../scripts/lab/raw-connection.ts';
import { ok, startScriptedBackend } from '../../scripts/lab/scripted-backend.ts';
import { ACCEPT, handshake, openWebSocket, SWITCHING } from '../../scripts/lab/websocket.ts';
import { startSidecar } from '../support/start-sidecar.ts';

type Script = (connection: RawConnection, request: RawMessage) => Promise<void> | void;

/** A backend that reads the handshake and goes on as the test says. */
async function through(
  script: Script,
  run: (port: number, upstream: () => Promise<RawConnection>) => Promise<void>,
  env = {},
) {
  const backend = await startScriptedBackend(async (connection) =>
    script(connection, await connection.message()),
  );
  const sidecar = await startSidecar({ BACKEND_URL: backend.url, ...env });
  try {
    await run(sidecar.port, () =>
      backend.connection(backend.connections.length === 0 ? 0 : backend.connections.length - 1),
    );
  } finally {
    await sidecar.stop();
    await backend.stop();
  }
}

const accept: Script = (connection) => void connection.send(SWITCHING);

test('a WebSocket works as the very first request, and bytes pass both ways', async () => {
  await through(accept, async (port, upstream) => {
    const { connection, answer } = await openWebSocket(port, '/ws/chat/1');
    assert.equal(answer.startLine, 'HTTP/1.1 101 Switching Protocols');
    assert.equal(answer.header('sec-websocket-accept'), ACCEPT);
    connection.send('client says \xff\x00');
    await (await upstream()).take('client says \xff\x00');
    (await upstream()).send('server says \x00\xff');
    await connection.take('server says \x00\xff');
    connection.destroy();
  });
});

test('the handshake arrives with its query, order, spelling, subprotocols and extensions', async () => {
  let seen: RawMessage | undefined;
  await through(
    (connection, request) => {
      seen = request;
      connection.send(
        SWITCHING.replace(
          '\r\n\r\n',
          '\r\nSec-WebSocket-Protocol: b\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n',
        ),
      );
    },
    async (port) => {
      const client = await connectRaw(port);
      const extra =
        'x-ONE: 1\r\nSec-WebSocket-Protocol: a, b\r\nSec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\nX-Forwarded-For: 203.0.113.7\r\n';
      const answer = await client.send(handshake('/ws/chat/1?token=a%2Fb&x=1', extra)).message();
      assert.equal(seen?.startLine, 'GET /ws/chat/1?token=a%2Fb&x=1 HTTP/1.1');
      const names = seen?.headers.map(([name]) => name) ?? [];
      assert.ok(names.includes('x-ONE') && names.indexOf('Host') < names.indexOf('x-ONE'));
      assert.equal(seen?.header('sec-websocket-protocol'), 'a, b');
      assert.equal(seen?.header('x-forwarded-for'), '203.0.113.7');
      assert.equal(seen?.header('upgrade'), 'websocket');
      assert.match(seen?.header('connection') ?? '', /upgrade/i);
      assert.match(seen?.header('x-request-id') ?? '', /./);
      assert.equal(answer.header('sec-websocket-protocol'), 'b');
      assert.equal(answer.header('sec-websocket-extensions'), 'permessage-deflate');
      client.destroy();
    },
  );
});

test('lines of the same name keep their places, in the handshake, its 101 and a refusal', async () => {
  const lines = ['X-One: 1', 'Set-Cookie: a=1', 'x-ONE: 2', 'Set-cookie: b=2', 'X-One: caf\xe9'];
  let seen: RawMessage | undefined;
  const pairs = lines.map((line) => line.split(': '));
  const ours = ({ headers }: RawMessage) => headers.filter(([name]) => /^(x-one|set-cookie)$/i.test(name));
  for (const answer of [
    SWITCHING.replace('Switching Protocols', 'You May'),
    'HTTP/1.1 403 Not You\r\nContent-Length: 4\r\n\r\nnope',
  ]) {
    await through(
      (connection, request) => {
        seen = request;
        connection.send(answer.replace('\r\n\r\n', `\r\n${lines.join('\r\n')}\r\n\r\n`));
      },
      async (port) => {
        const client = await connectRaw(port);
        client.send(handshake('/ws/x', `${lines.join('\r\n')}\r\n`));
        const received = await client.message();
        assert.equal(received.startLine, answer.split('\r\n')[0]);
        assert.deepEqual(ours(received), pairs);
        assert.ok(seen !== undefined);
        assert.deepEqual(ours(seen), pairs);
        client.destroy();
      },
    );
  }
});

test('early bytes of the client, sent before the 101, are not lost', async () => {
  await through(
    async (connection) => {
      await sleep(100);
      connection.send(`${SWITCHING}early server`);
    },
    async (port, upstream) => {
      const client = await connectRaw(port);
      client.send(`${handshake('/ws/x')}early client`);
      await client.take('early server');
      await (await upstream()).take('early client');
      client.destroy();
    },
  );
});

test('megabytes pass unchanged', async () => {
  await through(accept, async (port, upstream) => {
    const { connection } = await openWebSocket(port, '/ws/x');
    const block = 'abcdefghijklmnop'.repeat(4096);
    for (let i = 0; i < 64; i += 1) connection.send(block);
    const backend = await upstream();
    await backend.until((received) => received.length === 64 * block.length, '4 MB');
    assert.equal(backend.received, block.repeat(64));
    connection.destroy();
  });
});

test('a fast side waits for one that reads slowly, and every byte arrives in order', async () => {
  // More than the buffers of the system on the way take.
  const blocks = Array.from({ length: 400 }, (_, i) => Buffer.alloc(50_001, `${i},`));
  const sent = createHash('sha256');
  for (const block of blocks) sent.update(block);
  const digest = sent.digest('hex');
  const total = blocks.length * 50_001;
  const readSlowly = async ({ socket }: RawConnection) => {
    socket.removeAllListeners('data');
    const hash = createHash('sha256');
    let bytes = 0;
    let reads = 0;
    for await (const chunk of socket) {
      hash.update(chunk);
      bytes += chunk.length;
      if (bytes === total) break;
      reads += 1;
      if (reads % 50 === 0) await sleep(10);
    }
    return hash.digest('hex');
  };
  await through(accept, async (port, upstream) => {
    for (const direction of ['up', 'down']) {
      const { connection } = await openWebSocket(port, '/ws/x');
      const backend = await upstream();
      const [from, to] = direction === 'up' ? [connection, backend] : [backend, connection];
      await sleep(50);
      const received = readSlowly(to);
      for (const block of blocks) from.send(block);
      assert.equal(await received, digest, direction);
      connection.destroy();
    }
  });
});

test('refusals of the backend pass with their status and body', async () => {
  for (const [status, body] of [
    [401, '{"detail":"Invalid token"}'],
    [403, ''],
    [404, 'nope'],
  ] as const) {
    await through(
      (connection) =>
        void connection.send(
          `HTTP/1.1 ${status} No\r\nx-why: policy\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
        ),
      async (port) => {
        const { connection, answer } = await openWebSocket(port, '/ws/x');
        assert.match(answer.startLine, new RegExp(`^HTTP/1.1 ${status} `));
        assert.equal(answer.header('x-why'), 'policy');
        assert.equal(answer.body, body);
        await connection.closed();
        connection.destroy();
      },
    );
  }
});

test('a refusal of unknown length passes whole, also to a client that reads slowly', async () => {
  const body = 'no room, '.repeat(200_000);
  for (const framing of ['Transfer-Encoding: chunked', 'Connection: close']) {
    await through(
      (connection) => {
        const chunked = framing !== 'Connection: close';
        connection.send(`HTTP/1.1 503 Busy\r\n${framing}\r\n\r\n`);
        connection.send(chunked ? `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n` : body);
        if (!chunked) connection.socket.end();
      },
      async (port) => {
        const client = await connectRaw(port);
        client.send(handshake('/ws/x')).socket.pause();
        await sleep(100);
        client.socket.resume();
        const answer = await client.message();
        assert.equal(answer.startLine, 'HTTP/1.1 503 Busy');
        assert.equal(answer.body, body);
        assert.equal(await client.closed(), '');
        client.destroy();
      },
    );
  }
});

test('a backend that is down is 502 on the socket, one that does not answer 504', async () => {
  const sidecar = await startSidecar({ BACKEND_URL: 'http://127.0.0.1:9' });
  const refused = await openWebSocket(sidecar.port, '/ws/x');
  assert.match(refused.answer.startLine, /^HTTP\/1\.1 502 /);
  assert.equal(typeof JSON.parse(refused.answer.body).detail, 'string');
  refused.connection.destroy();
  await sidecar.stop();
  await through(
    () => undefined,
    async (port) => {
      const { connection, answer } = await openWebSocket(port, '/ws/x');
      assert.match(answer.startLine, /^HTTP\/1\.1 504 /);
      connection.destroy();
    },
    { BACKEND_HEADERS_TIMEOUT_MS: '200' },
  );
});

test('after the 101 nothing but the backend’s bytes is written: a reset of the backend is an end', async () => {
  await through(accept, async (port, upstream) => {
    const { connection } = await openWebSocket(port, '/ws/x');
    (await upstream()).reset();
    assert.equal(await connection.closed(), '');
    connection.destroy();
  });
});

test('the end of either side ends the other, by FIN and by RST', async () => {
  for (const how of ['end', 'reset'] as const) {
    await through(accept, async (port, upstream) => {
      const { connection } = await openWebSocket(port, '/ws/x');
      const backend = await upstream();
      connection[how]();
      await backend.closed();
    });
    await through(accept, async (port, upstream) => {
      const { connection } = await openWebSocket(port, '/ws/x');
      (await upstream())[how]();
      await connection.closed();
      connection.destroy();
    });
  }
});

test('a client that leaves during the handshake frees the backend', async () => {
  for (const how of ['end', 'reset'] as const) {
    await through(
      () => undefined,
      async (port, upstream) => {
        const client = await connectRaw(port);
        client.send(handshake('/ws/x'));
        const backend = await upstream();
        await backend.until((_, ended) => ended || true);
        client[how]();
        await backend.closed();
      },
    );
  }
});

test('Upgrade to anything but websocket is an ordinary request without Upgrade', async () => {
  const backend = await startScriptedBackend(async (connection) => {
    const request = await connection.message();
    connection.send(ok(`${request.header('upgrade')} ${request.header('http2-settings')}`));
  });
  const sidecar = await startSidecar({ BACKEND_URL: backend.url });
  const answer = await exchangeRaw(
    sidecar.port,
    'GET /api/x HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQ\r\n\r\n',
  );
  assert.equal(answer.body, 'undefined undefined');
  await sidecar.stop();
  await backend.stop();
});

test('an upgrade that nobody takes is 404 and the socket is closed', async () => {
  await through(accept, async (port) => {
    const { connection, answer } = await openWebSocket(port, '/elsewhere');
    assert.match(answer.startLine, /^HTTP\/1\.1 404 /);
    assert.equal(await connection.closed(), '');
    connection.destroy();
  });
});

test('a handshake with a bad Host or a body is refused', async () => {
  await through(accept, async (port) => {
    for (const bad of [handshake('/ws/x', 'Host: b\r\n'), handshake('/ws/x', 'Content-Length: 3\r\n')]) {
      const client = await connectRaw(port);
      const answer = await client.send(bad).message();
      assert.match(answer.startLine, /^HTTP\/1\.1 400 /);
      await client.closed();
      client.destroy();
    }
  });
});

test('hundreds of connections opened and closed leave none open at the backend', async () => {
  const opened: RawConnection[] = [];
  await through(
    (connection) => {
      opened.push(connection);
      connection.send(SWITCHING);
    },
    async (port) => {
      for (let round = 0; round < 10; round += 1) {
        const sockets = await Promise.all(Array.from({ length: 30 }, () => openWebSocket(port, '/ws/x')));
        for (const [i, { connection }] of sockets.entries()) {
          if (i % 2 === 0) connection.reset();
          else connection.destroy();
        }
      }
      assert.equal(opened.length, 300);
      await Promise.all(opened.map((connection) => connection.closed()));
    },
  );
});

test('a refusal that stands still, or that nobody reads, is cut after the deadline for answers', async () => {
  for (const body of ['part', 'x'.repeat(16 * 1024 * 1024)]) {
    await through(
      (connection) => void connection.send(`HTTP/1.1 403 No\r\nContent-Length: 99999999\r\n\r\n${body}`),
      async (port, upstream) => {
        const client = await connectRaw(port);
        client.socket.pause();
        client.send(handshake('/ws/x'));
        await (await upstream()).closed();
        client.socket.resume();
        await client.closed();
        assert.ok(client.failure !== undefined, 'the connection ended as if the answer were whole');
        client.destroy();
      },
      // The 403 itself must come before that.
      { BACKEND_HEADERS_TIMEOUT_MS: '3000' },
    );
  }
});

test('a 101 goes out as HTTP/1.1 and without a Content-Length', async () => {
  await through(
    (connection) =>
      void connection.send(
        SWITCHING.replace('HTTP/1.1', 'HTTP/1.0').replace('\r\n\r\n', '\r\nContent-Length: 0\r\n\r\n'),
      ),
    async (port) => {
      const { connection, answer } = await openWebSocket(port, '/ws/x');
      assert.equal(answer.startLine, 'HTTP/1.1 101 Switching Protocols');
      assert.equal(answer.header('content-length'), undefined);
      connection.destroy();
    },
  );
});

test('what is no acceptable answer to a handshake is a 502', async () => {
  for (const nonsense of [
    SWITCHING.replace('\r\n\r\n', '\r\nContent-Length: 5\r\n\r\nhello'),
    'HTTP/1.1 101 Switching Protocols\r\n\r\n',
    SWITCHING.replace('\r\n\r\n', '\r\nTransfer-Encoding: chunked\r\n\r\n'),
    'HTTP/1.1 401 Un\0authorized\r\ncontent-length: 0\r\n\r\n',
    'HTTP/1.1 403 No\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n',
  ]) {
    await through(
      (connection) => void connection.send(nonsense),
      async (port) => {
        const { connection, answer } = await openWebSocket(port, '/ws/x');
        assert.match(answer.startLine, /^HTTP\/1\.1 502 /, nonsense);
        assert.equal(await connection.closed(), '');
        connection.destroy();
      },
    );
  }
});

test('nothing is written behind a refusal, and one that is cut short looks cut short', async () => {
  await through(
    (connection) => {
      connection.send('HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Whole: 1\r\n\r\nsurplus').socket.end();
    },
    async (port) => {
      const { connection, answer } = await openWebSocket(port, '/ws/x');
      assert.equal(answer.header('x-whole'), '1');
      assert.equal(await connection.closed(), '');
      connection.destroy();
    },
  );
  await through(
    (connection) => void connection.send('HTTP/1.1 204 No Content\r\n\r\nsurplus'),
    async (port) => {
      const { connection } = await openWebSocket(port, '/ws/x');
      assert.doesNotMatch(await connection.closed(), /502/);
      connection.destroy();
    },
  );
  await through(
    (connection) => void connection.send('HTTP/1.1 404 Not Found\r\n\r\nsome'),
    async (port, upstream) => {
      const client = await connectRaw(port);
      await client.send(handshake('/ws/x')).take('some');
      // A reset takes back what has not been read yet.
      (await upstream()).reset();
      await client.closed();
      assert.ok(client.failure, 'the connection ended as if the answer were whole');
      client.destroy();
    },
  );
});

test('a 101 with a head of 60 KB and two thousand lines passes whole, with its bytes, order and request id', async () => {
  const lines = Array.from({ length: 2000 }, (_, i) => `X-${i}: ${'v'.repeat(20)}\r\n`).join('');
  await through(
    (connection) =>
      void connection.send(
        SWITCHING.replace('\r\n\r\n', `\r\n${lines}X-Latin: caf\xe9\r\nx-Last: 1\r\n\r\n`),
      ),
    async (port) => {
      const { connection, answer } = await openWebSocket(port, '/ws/x');
      assert.equal(answer.headers.filter(([name]) => /^X-\d+$/.test(name)).length, 2000);
      assert.equal(answer.header('x-latin'), 'caf\xe9');
      assert.ok(answer.headers.some(([name]) => name === 'x-Last'));
      assert.match(answer.header('x-request-id') ?? '', /./);
      connection.destroy();
    },
  );
});

test('a handshake on HTTP/1.0, with or without Host, is one like any other and answered as HTTP/1.1', async () => {
  let seen: RawMessage | undefined;
  const spellings = [
    (request: string) => request,
    (request: string) => request.replace('Host: a\r\n', ''),
    (request: string) => request.replace('Upgrade: websocket', 'upgrade: WebSocket'),
    (request: string) => request.replace('Connection: Upgrade', 'Connection: keep-alive, upgrade'),
    (request: string) => request.replace('Host: a\r\n', 'Host: a\r\nContent-Length: 0\r\n'),
  ];
  await through(
    (connection, request) => {
      seen = request;
      connection.send(SWITCHING);
    },
    async (port, upstream) => {
      for (const spelling of spellings) {
        const request = spelling(handshake('/ws/x').replace('HTTP/1.1', 'HTTP/1.0'));
        const client = await connectRaw(port);
        assert.equal((await client.send(request).message()).startLine, SWITCHING.split('\r\n')[0], request);
        assert.equal(seen?.startLine, 'GET /ws/x HTTP/1.1');
        const hosts = seen?.headers.filter(([name]) => name === 'Host');
        assert.deepEqual(hosts, [['Host', request.includes('Host') ? 'a' : '']]);
        assert.equal(seen?.header('upgrade'), 'websocket');
        const backend = await upstream();
        client.send('from the client');
        await backend.take('from the client');
        backend.send('from the backend');
        await client.take('from the backend');
        client.destroy();
      }
    },
  );
});

test('HTTP/1.0 gets a refusal of unknown length without chunks, and a reset where it is cut short', async () => {
  const request = handshake('/ws/x').replace('HTTP/1.1', 'HTTP/1.0');
  const refusal = 'HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nnope\r\n';
  await through(
    (connection) => void connection.send(`${refusal}0\r\n\r\n`),
    async (port) => {
      const answer = await exchangeRaw(port, request);
      assert.equal(answer.startLine, 'HTTP/1.1 403 Forbidden');
      assert.deepEqual([answer.header('transfer-encoding'), answer.body], [undefined, 'nope']);
    },
  );
  await through(
    async (connection) => {
      connection.send(refusal);
      await sleep(50);
      connection.destroy();
    },
    async (port) => {
      const client = await connectRaw(port);
      await client.send(request).closed();
      assert.ok(client.failure, 'the connection ended as if the answer were whole');
      client.destroy();
    },
  );
});

test('HTTP/1.0 gets our own errors to a handshake', async () => {
  const sidecar = await startSidecar({ BACKEND_URL: 'http://127.0.0.1:9' });
  for (const [path, status] of [
    ['/ws/x', '502'],
    ['/elsewhere', '404'],
  ] as const) {
    const answer = await exchangeRaw(sidecar.port, handshake(path).replace('HTTP/1.1', 'HTTP/1.0'));
    assert.equal(answer.startLine.split(' ')[1], status);
    assert.equal(typeof JSON.parse(answer.body).detail, 'string');
  }
  await sidecar.stop();
});

test('a handshake in absolute form is one like any other', async () => {
  await through(accept, async (port) => {
    assert.match((await exchangeRaw(port, handshake('http://a/ws/x'))).startLine, / 101 /);
  });
});
