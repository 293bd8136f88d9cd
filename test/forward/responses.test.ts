/** How responses reach the client (docs/forwarding.md, 9-15). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connectRaw, exchangeRaw, type RawConnection } from '../../scripts/lab/raw-connection.ts';
import { answering, ok, startScriptedBackend } from '../../scripts/lab/scripted-backend.ts';
import { startSidecar } from '../support/start-sidecar.ts';

const GET = 'GET /api/x HTTP/1.1\r\nHost: a\r\n\r\n';

type Script = (connection: RawConnection) => Promise<void> | void;

async function through(script: Script, run: (port: number) => Promise<void>): Promise<void> {
  const backend = await startScriptedBackend(script);
  const sidecar = await startSidecar({ BACKEND_URL: backend.url });
  try {
    await run(sidecar.port);
  } finally {
    await sidecar.stop();
    await backend.stop();
  }
}

test('status, reason, header order, duplicates and latin1 bytes arrive as the backend sent them', async () => {
  const head =
    'HTTP/1.1 299 Tr\xe8s bien\r\ndate: x\r\nX-b: 1\r\nset-cookie: a=1\r\nx-A: \xe9\r\nset-cookie: b=2\r\ncontent-length: 2\r\n\r\n';
  await through(answering(`${head}hi`), async (port) => {
    const answer = await exchangeRaw(port, GET);
    assert.equal(answer.startLine, 'HTTP/1.1 299 Tr\xe8s bien');
    assert.deepEqual(answer.headers.slice(0, 6), [
      ['date', 'x'],
      ['X-b', '1'],
      ['set-cookie', 'a=1'],
      ['x-A', '\xe9'],
      ['set-cookie', 'b=2'],
      ['content-length', '2'],
    ]);
    assert.equal(answer.body, 'hi');
  });
});

test('latin1 header bytes survive when the head is sent before the body', async () => {
  const script: Script = async (connection) => {
    await connection.message();
    connection.send('HTTP/1.1 200 OK\r\nx-a: \xe9\r\ntransfer-encoding: chunked\r\n\r\n');
    await connection.take('never');
  };
  await through(script, async (port) => {
    const client = await connectRaw(port);
    await client.send(GET).take('x-a: \xe9\r\n');
    client.destroy();
  });
});

test('an empty reason phrase stays empty', async () => {
  await through(answering('HTTP/1.1 200 \r\ncontent-length: 0\r\n\r\n'), async (port) => {
    assert.equal((await exchangeRaw(port, GET)).startLine, 'HTTP/1.1 200 ');
  });
});

test('hop-by-hop headers of the backend stay behind, and those that its Connection lists', async () => {
  const response = ok(
    'x',
    'connection: x-hop\r\nx-hop: 1\r\nkeep-alive: timeout=1\r\nupgrade: h2c\r\nproxy-connection: x\r\n',
  );
  await through(answering(response), async (port) => {
    const answer = await exchangeRaw(port, GET);
    for (const name of ['x-hop', 'upgrade', 'proxy-connection'])
      assert.equal(answer.header(name), undefined, name);
    assert.notEqual(answer.header('keep-alive'), 'timeout=1');
    assert.ok(!answer.header('connection')?.includes('x-hop'));
  });
});

test('no X-Powered-By, Via or Server is added, and no Date', async () => {
  await through(answering(ok('x')), async (port) => {
    const answer = await exchangeRaw(port, GET);
    for (const name of ['x-powered-by', 'via', 'server', 'date'])
      assert.equal(answer.header(name), undefined, name);
  });
});

test('HEAD, 204, 205 and 304 are framed so that the next response on the connection is found', async () => {
  const responses = [
    { request: 'HEAD', head: 'HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n', bodyless: true },
    { request: 'HEAD', head: 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n', bodyless: true },
    { request: 'GET', head: 'HTTP/1.1 204 No Content\r\n\r\n', bodyless: true },
    { request: 'GET', head: 'HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n', bodyless: true },
    { request: 'GET', head: 'HTTP/1.1 205 Reset Content\r\ncontent-length: 0\r\n\r\n', bodyless: false },
    { request: 'GET', head: 'HTTP/1.1 205 Reset Content\r\ncontent-length: 9\r\n\r\ncut', bodyless: false },
    {
      request: 'GET',
      head: 'HTTP/1.1 205 Reset Content\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
      bodyless: false,
    },
    {
      request: 'GET',
      head: 'HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\netag: "a"\r\n\r\n',
      bodyless: true,
    },
  ];
  for (const { request, head, bodyless } of responses) {
    const script: Script = async (connection) => {
      const first = await connection.message();
      connection.send(first.startLine.includes('/api/next') ? ok('next') : head);
      await connection.message();
      connection.send(ok('next'));
    };
    await through(script, async (port) => {
      const client = await connectRaw(port);
      client.send(`${request} /api/x HTTP/1.1\r\nHost: a\r\n\r\n`);
      const answer = await client.message({ bodyless });
      assert.equal(answer.startLine, head.slice(0, head.indexOf('\r\n')));
      assert.equal(answer.header('transfer-encoding'), undefined, head);
      if (head.includes(' 204')) assert.equal(answer.header('content-length'), undefined);
      client.send('GET /api/next HTTP/1.1\r\nHost: a\r\n\r\n');
      assert.equal((await client.message()).body, 'next', head);
      client.destroy();
    });
  }
});

test('interim responses are passed on, but not to HTTP/1.0', async () => {
  const early = 'HTTP/1.1 103 Early Hints\r\nlink: </s.css>; rel=preload\r\n\r\n';
  await through(answering(`${early}${ok('x')}`), async (port) => {
    const client = await connectRaw(port);
    const first = await client.send(GET).message();
    assert.equal(first.startLine, 'HTTP/1.1 103 Early Hints');
    assert.equal(first.header('link'), '</s.css>; rel=preload');
    assert.match((await client.message()).startLine, /200/);
    client.destroy();
    const old = await exchangeRaw(port, 'GET /api/x HTTP/1.0\r\n\r\n');
    assert.match(old.startLine, /200/);
  });
});

test('trailers of a chunked response are passed', async () => {
  const response =
    'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-sum\r\n\r\n2\r\nhi\r\n0\r\nx-sum: 7\r\n\r\n';
  await through(answering(response), async (port) => {
    const answer = await exchangeRaw(port, GET);
    assert.equal(answer.body, 'hi');
    assert.deepEqual(answer.trailers, ['x-sum: 7']);
  });
});

test('an event stream arrives head first, then event by event', async () => {
  const backend = await startScriptedBackend(async (connection) => {
    await connection.message();
    connection.send('HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n');
  });
  const sidecar = await startSidecar({ BACKEND_URL: backend.url });
  const client = await connectRaw(sidecar.port);
  await client.send(GET).take('\r\n\r\n');
  for (const event of ['data: 1\n\n', 'data: 2\n\n']) {
    (await backend.connection(0)).send(event);
    await client.take(event);
  }
  client.destroy();
  await sidecar.stop();
  await backend.stop();
});

test('a head of 60 KB from the backend passes whole, one of 70 KB is a 502', async () => {
  const withHead = (kilobytes: number) => ok('x', `X-Long: ${'v'.repeat(kilobytes * 1024)}\r\n`);
  await through(answering(withHead(60)), async (port) => {
    const answer = await exchangeRaw(port, 'GET /api/x HTTP/1.1\r\nHost: a\r\n\r\n');
    assert.deepEqual([answer.body, answer.header('x-long')?.length], ['x', 60 * 1024]);
  });
  await through(answering(withHead(70)), async (port) => {
    const answer = await exchangeRaw(port, 'GET /api/x HTTP/1.1\r\nHost: a\r\n\r\n');
    assert.match(answer.startLine, /^HTTP\/1\.1 502 /);
  });
});

test('nonsense from the backend is a 502 with a sentence', async () => {
  const nonsense = [
    'HTTP/1.1 000 Zero\r\ncontent-length: 0\r\n\r\n',
    'HTTP/1.1 99 Low\r\ncontent-length: 0\r\n\r\n',
    'HTTP/1.1 200 O\x00K\r\ncontent-length: 0\r\n\r\n',
    'HTTP/1.1 200 OK\r\nx: a\x00b\r\ncontent-length: 0\r\n\r\n',
    'HTTP/1.1 200 OK\r\nx: a\rb\r\ncontent-length: 0\r\n\r\n',
    'HTTP/1.1 200 OK\r\nx: a\nb\r\ncontent-length: 0\r\n\r\n',
    'HTTP/1.1 200 OK\r\nx\x01y: 1\r\ncontent-length: 0\r\n\r\n',
    'HTTP/1.1 200 OK\r\nbad name: 1\r\ncontent-length: 0\r\n\r\n',
    'HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nxx',
    'HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n',
    'HTTP/1.1 200 OK\r\ncontent-length: 1, 2\r\n\r\nxx',
    'HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n',
    'HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\nhi\r\n',
    'SSH-2.0-OpenSSH\r\n\r\n',
    '\x16\x03\x01\x02\x00',
    `HTTP/1.1 200 OK\r\nx: ${'y'.repeat(70_000)}\r\ncontent-length: 0\r\n\r\n`,
    'HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n',
  ];
  for (const bytes of nonsense) {
    const script: Script = async (connection) => {
      await connection.message();
      connection.send(bytes);
      connection.end();
    };
    await through(script, async (port) => {
      const answer = await exchangeRaw(port, GET);
      assert.match(answer.startLine, /^HTTP\/1\.1 502 /, JSON.stringify(bytes.slice(0, 80)));
      assert.equal(typeof JSON.parse(answer.body).detail, 'string');
      assert.equal(answer.header('retry-after'), '1');
    });
  }
});

test('an answer with both Content-Length and chunked is read as chunked, its length dropped', async () => {
  for (const version of ['1.1', '1.0']) {
    for (const framing of [
      'content-length: 99\r\ntransfer-encoding: chunked',
      'Transfer-Encoding: chunked\r\nContent-Length: 5',
      'content-length: 1\r\ntransfer-encoding: Chunked\r\ncontent-length: nonsense',
    ]) {
      const response = `HTTP/${version} 200 OK\r\n${framing}\r\nx-end: 1\r\n\r\n5\r\nhello\r\n0\r\n\r\n`;
      await through(answering(response), async (port) => {
        const answer = await exchangeRaw(port, GET);
        assert.deepEqual([answer.startLine, answer.body], ['HTTP/1.1 200 OK', 'hello'], response);
        assert.equal(answer.header('content-length'), undefined);
        assert.equal(answer.header('x-end'), '1');
        const old = await exchangeRaw(port, 'GET /api/x HTTP/1.0\r\n\r\n');
        assert.deepEqual([old.header('transfer-encoding'), old.body], [undefined, 'hello']);
        const head = await exchangeRaw(port, 'HEAD /api/x HTTP/1.1\r\nHost: a\r\n\r\n', { bodyless: true });
        assert.match(head.startLine, / 200 /);
      });
    }
  }
});

test('a connection whose answer was framed in two ways serves nothing else', async () => {
  const chunks = '5\r\nhello\r\n0\r\n\r\n';
  const faulty = [
    `HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}`,
    `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n${chunks}`,
    `HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}`,
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\nContent-Length: 5\r\n\r\nhello',
    // Nothing may follow these, and from some backends it does, a moment later.
    'HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n',
    'HTTP/1.1 204 No Content\r\nContent-Length: 4\r\n\r\n',
    'HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n',
  ];
  for (const response of faulty) {
    const backend = await startScriptedBackend(answering(response));
    const sidecar = await startSidecar({ BACKEND_URL: backend.url });
    for (const expected of [1, 2]) {
      const answer = await exchangeRaw(sidecar.port, GET);
      if (response.includes(' 200 ')) assert.equal(answer.body, 'hello', response);
      assert.equal(backend.connections.length, expected, response);
    }
    await sidecar.stop();
    await backend.stop();
  }
});

test('a Content-Length that is repeated with the same value is one', async () => {
  for (const lengths of [
    'content-length: 5\r\nx-between: 1\r\nContent-Length: 5',
    'content-length: 5, 5\r\nx-between: 1',
    'content-length: 5\r\nx-between: 1\r\ncontent-length: 05,5',
  ]) {
    await through(answering(`HTTP/1.1 200 OK\r\n${lengths}\r\n\r\nhello`), async (port) => {
      const client = await connectRaw(port);
      for (let i = 0; i < 2; i += 1) {
        const answer = await client.send(GET).message();
        assert.equal(answer.body, 'hello', lengths);
        const ofLength = ([name]: readonly [string, string]) => /^content-length$/i.test(name);
        assert.deepEqual(answer.headers.filter(ofLength), [['content-length', '5']]);
        assert.equal(answer.header('x-between'), '1');
      }
      client.destroy();
    });
  }
});

test('control bytes other than NUL, CR and LF pass in values, the reason and trailers', async () => {
  const odd = '\x01a\x08\x0b\x0c\x1b[1m\x7f\x01';
  const head = `HTTP/1.1 200 O\x01K\r\nX-Odd: ${odd}\r\nx-last: \x0b\r\n`;
  await through(answering(`${head}content-length: 2\r\n\r\nhi`), async (port) => {
    const { raw } = await exchangeRaw(port, GET);
    assert.ok(raw.startsWith(head), JSON.stringify(raw));
  });
  const trailers = `0\r\nX-Sum: ${odd}\r\nx-t: \xe9\r\n\r\n`;
  const early = `HTTP/1.1 103 Early Hints\r\nlink: ${odd}\r\n\r\n`;
  const chunked = `${head}transfer-encoding: chunked\r\n\r\n2;a=\x01\r\nhi\r\n${trailers}`;
  await through(answering(early + chunked), async (port) => {
    const client = await connectRaw(port);
    assert.equal((await client.send(GET).message()).raw, early);
    const { raw } = await client.message();
    assert.ok(raw.startsWith(head) && raw.endsWith(`2\r\nhi\r\n${trailers}`), JSON.stringify(raw));
    client.destroy();
  });
});

test('Trailer beside Content-Length is harmless', async () => {
  await through(answering(ok('hi', 'trailer: x\r\n')), async (port) => {
    const answer = await exchangeRaw(port, GET);
    assert.equal(answer.body, 'hi');
    assert.equal(answer.header('trailer'), undefined);
  });
});

test('a response cut short by the backend is cut short for the client, with nothing appended', async () => {
  const chunked = 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n7\r\npartial\r\n';
  const cuts = [
    { bytes: 'HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\npartial', next: '' },
    { bytes: chunked, next: '' },
    { bytes: chunked, next: 'nonsense\r\n' },
    { bytes: chunked, next: '1\r\nxx\r\n' },
  ];
  for (const { bytes, next } of cuts) {
    const backend = await startScriptedBackend(async (connection) => {
      await connection.message();
      connection.send(bytes);
    });
    const sidecar = await startSidecar({ BACKEND_URL: backend.url });
    const client = await connectRaw(sidecar.port);
    await client.send(GET).take('partial');
    const upstream = await backend.connection(0);
    upstream.send(next);
    if (next === '') upstream.end();
    const rest = await client.closed();
    assert.doesNotMatch(rest, /0\r\n\r\n|detail|Error/);
    client.destroy();
    await sidecar.stop();
    await backend.stop();
  }
});

test('HTTP/1.0 gets no chunks, whatever its TE says', async () => {
  const chunked = 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n';
  await through(answering(chunked), async (port) => {
    const answer = await exchangeRaw(port, 'GET /api/x HTTP/1.0\r\nTE: chunked\r\n\r\n');
    assert.equal(answer.header('transfer-encoding'), undefined);
    assert.match(answer.raw, /\r\n\r\nhi$/);
  });
});

test('a response cut short is cut short for HTTP/1.0 too, where only the end of the connection tells', async () => {
  await through(
    async (connection) => {
      await connection.message();
      connection.send('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n');
      await new Promise((wake) => setTimeout(wake, 50));
      connection.destroy();
    },
    async (port) => {
      const client = await connectRaw(port);
      client.send('GET /api/x HTTP/1.0\r\n\r\n');
      await client.closed();
      assert.ok(client.failure, 'the connection ended as if the answer were whole');
      client.destroy();
    },
  );
});

test('Connection: close of the client is honoured', async () => {
  await through(answering(ok('x')), async (port) => {
    const client = await connectRaw(port);
    client.send('GET /api/x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    const answer = await client.message();
    assert.equal(answer.header('connection'), 'close');
    assert.equal(await client.closed(), '');
    client.destroy();
  });
});
