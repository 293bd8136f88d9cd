/** Connections that do not behave (docs/forwarding.md, 7, 8, 20 and 24): what one client sends never becomes another's problem. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { openDescriptors } from '../../scripts/lab/proc.ts';
import { until } from '../../scripts/lab/programs.ts';
import { connectRaw, exchangeRaw, type RawConnection } from '../../scripts/lab/raw-connection.ts';
import {
  answering,
  ok,
  type ScriptedBackend,
  startScriptedBackend,
} from '../../scripts/lab/scripted-backend.ts';
import { type SidecarProcess, startProcess } from '../../scripts/lab/sidecar.ts';
import { handshake } from '../../scripts/lab/websocket.ts';
import { requireProc } from '../support/process-resources.ts';
import { startSidecar, type TestSidecar } from '../support/start-sidecar.ts';

type Script = (connection: RawConnection, index: number) => Promise<void> | void;

async function through(
  script: Script,
  run: (sidecar: TestSidecar, backend: ScriptedBackend) => Promise<void>,
  env: Record<string, string> = {},
): Promise<void> {
  const backend = await startScriptedBackend(script);
  const sidecar = await startSidecar({ BACKEND_URL: backend.url, ...env });
  try {
    await run(sidecar, backend);
  } finally {
    await sidecar.stop();
    await backend.stop();
  }
}

/** Answers with the request's own target and keeps the targets in order of arrival. */
function recording(seen: string[]): Script {
  return async (connection) => {
    for (;;) {
      const { startLine } = await connection.message();
      const target = startLine.split(' ')[1] ?? '';
      seen.push(target);
      connection.send(ok(`answer to ${target}`));
    }
  };
}

const get = (path: string, headers = '') => `GET ${path} HTTP/1.1\r\nHost: a\r\n${headers}\r\n`;
const post = (path: string, headers: string, body: string) =>
  `POST ${path} HTTP/1.1\r\nHost: a\r\n${headers}\r\n${body}`;

async function withProcess(run: (sidecar: SidecarProcess) => Promise<void>, env = {}): Promise<void> {
  const sidecar = await startProcess(env);
  try {
    await run(sidecar);
    assert.equal(sidecar.child.exitCode, null, 'the process has died');
    assert.match((await exchangeRaw(sidecar.port, get('/livez'))).startLine, / 200 /);
  } finally {
    await sidecar.end();
  }
}

test('CONNECT and a reset while it is being refused do not end the process', async () => {
  await withProcess(async ({ port }) => {
    const request = 'CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n';
    assert.match((await exchangeRaw(port, request)).startLine, /^HTTP\/1\.1 405 /);
    for (let i = 0; i < 30; i += 1) {
      const client = await connectRaw(port);
      client.send(request).reset();
    }
  });
});

test('a WebSocket handshake with Expect reaches the backend clean, or is 417, and never ends the process', async () => {
  await withProcess(
    async ({ port }) => {
      for (const [expect, status] of [
        ['100-continue', 502],
        ['something else', 417],
      ] as const) {
        const answer = await exchangeRaw(port, handshake('/ws/x', `Expect: ${expect}\r\n`));
        assert.equal(answer.startLine.split(' ')[1], String(status));
      }
    },
    { BACKEND_URL: 'http://127.0.0.1:9' },
  );
  let seen: readonly (readonly [string, string])[] = [];
  await through(
    async (connection) => {
      seen = (await connection.message()).headers;
      connection.send('HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n');
    },
    async ({ port }) => {
      await exchangeRaw(port, handshake('/ws/x', 'Expect: 100-continue\r\nX-Forwarded-For: 6.6.6.6\r\n'));
      const names = seen.map(([name]) => name.toLowerCase());
      assert.ok(!names.includes('expect'), names.join());
      assert.deepEqual(seen.filter(([name]) => name === 'X-Forwarded-For').length, 1);
      assert.ok(!seen.some(([, value]) => value === '6.6.6.6'));
    },
    { TRUSTED_PROXIES: 'none' },
  );
});

test('what is pipelined behind a refused request is not executed', async () => {
  const seen: string[] = [];
  await through(recording(seen), async ({ port }) => {
    assert.equal((await exchangeRaw(port, get('/api/warm-up'))).body, 'answer to /api/warm-up');
    for (const refused of [
      post('/api/x', 'Transfer-Encoding: gzip, chunked\r\n', '0\r\n\r\n'),
      'GET /api/x HTTP/1.1\r\nHost: a b\r\n\r\n',
    ]) {
      const client = await connectRaw(port);
      client.send(refused + post('/api/evil', 'Content-Length: 5\r\n', 'do=it'));
      assert.match((await client.message()).startLine, /^HTTP\/1\.1 400 /);
      assert.equal(await client.closed(), '');
      client.destroy();
    }
    assert.deepEqual(seen, ['/api/warm-up']);
  });
});

test('pipelined requests are worked on one after the other', async () => {
  const seen: string[] = [];
  let release: (() => void) | undefined;
  await through(
    async (connection) => {
      for (;;) {
        const target = (await connection.message()).startLine.split(' ')[1] ?? '';
        seen.push(target);
        if (target === '/api/first') await new Promise<void>((resolve) => (release = resolve));
        connection.send(ok(target));
      }
    },
    async ({ port }) => {
      const client = await connectRaw(port);
      client.send(post('/api/first', 'Content-Length: 2\r\n', 'hi') + get('/api/second'));
      while (release === undefined) await new Promise((wake) => setTimeout(wake, 10));
      await exchangeRaw(port, get('/api/other'));
      assert.deepEqual(seen, ['/api/first', '/api/other']);
      release?.();
      assert.equal((await client.message()).body, '/api/first');
      assert.equal((await client.message()).body, '/api/second');
      client.destroy();
    },
  );
});

test('an upgrade behind a request that is still being answered does not overtake it', async () => {
  const seen: string[] = [];
  await through(recording(seen), async ({ port }) => {
    const client = await connectRaw(port);
    client.send(get('/api/first') + handshake('/ws/x'));
    assert.equal((await client.message()).body, 'answer to /api/first');
    assert.equal((await client.message()).body, 'answer to /ws/x');
    assert.equal(await client.closed(), '');
    client.destroy();
  });
});

test('an ignored Upgrade is the last request on its connection, and what came with it has no effect', async () => {
  const seen: string[] = [];
  await through(recording(seen), async ({ port }) => {
    const client = await connectRaw(port);
    client.send(get('/api/a', 'Connection: Upgrade\r\nUpgrade: h2c\r\n') + get('/api/b'));
    const answer = await client.message();
    assert.deepEqual([answer.body, answer.header('connection')], ['answer to /api/a', 'close']);
    client.send(get('/api/c'));
    assert.equal(await client.closed(), '');
    client.destroy();
    assert.deepEqual(seen, ['/api/a']);
  });
});

test('a 100 Continue is written in its place, also behind another request', async () => {
  const seen: string[] = [];
  await through(recording(seen), async ({ port }) => {
    const client = await connectRaw(port);
    const expecting = post('/api/second', 'Expect: 100-continue\r\nContent-Length: 9\r\n', 'continued');
    client.send(get('/api/first') + expecting);
    assert.equal((await client.message()).body, 'answer to /api/first');
    assert.equal((await client.message()).startLine, 'HTTP/1.1 100 Continue');
    assert.equal((await client.message()).body, 'answer to /api/second');
    client.destroy();
  });
});

test('behind an answer in the place of the 100, neither a body nor a next request has an effect', async () => {
  const seen: string[] = [];
  await through(recording(seen), async ({ port }) => {
    const inBody = get('/api/in-body');
    const framings: [framing: string, body: string][] = [
      [`Content-Length: ${inBody.length}\r\n`, inBody],
      ['Content-Length: 4\r\n', `body${inBody}`],
      ['Transfer-Encoding: chunked\r\n', `4\r\nbody\r\n0\r\n\r\n${inBody}`],
    ];
    for (const [framing, body] of framings) {
      const waiting = post('/nope', `Expect: 100-continue\r\n${framing}`, '');
      // Whether it sends the body all the same is the client's choice (RFC 9110 §10.1.1), and it may not have waited.
      for (const [early, late] of [
        ['', body],
        ['', get('/api/next')],
        [body, get('/api/next')],
        [get('/api/next'), body],
      ] as const) {
        const client = await connectRaw(port);
        const answer = await client.send(waiting + early).message();
        assert.deepEqual(
          [answer.startLine, answer.header('connection')],
          ['HTTP/1.1 404 Not Found', 'close'],
        );
        client.send(late).end();
        assert.equal(await client.closed(), '');
        client.destroy();
      }
    }
    assert.equal((await exchangeRaw(port, get('/api/last'))).body, 'answer to /api/last');
    assert.deepEqual(seen, ['/api/last']);
  });
});

test('a body that breaks is answered 400 once, and not at all when its request has been answered', async () => {
  const early = 'HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\n\r\n';
  await through(
    async (connection) => {
      const head = await connection.take('\r\n\r\n');
      if (head.includes('/api/early')) connection.send(early);
    },
    async ({ port }) => {
      for (const broken of ['zz\r\n', '2\nhi', '2\r\nhiXX']) {
        const client = await connectRaw(port);
        client.send(post('/api/late', 'Transfer-Encoding: chunked\r\n', broken));
        const answer = await client.message();
        assert.match(answer.startLine, /^HTTP\/1\.1 400 /, broken);
        assert.equal(await client.closed(), '');
        client.destroy();
      }
      const client = await connectRaw(port);
      client.send(post('/api/early', 'Transfer-Encoding: chunked\r\n', '2\r\nhi\r\n'));
      assert.match((await client.message()).startLine, /^HTTP\/1\.1 413 /);
      client.send('zz\r\n');
      assert.equal(await client.closed(), '');
      client.destroy();
    },
  );
});

test('answers owed to a pipeline are given before the connection ends over what follows it', async () => {
  const seen: string[] = [];
  await through(recording(seen), async ({ port }) => {
    const client = await connectRaw(port);
    client.send(
      get('/api/1') +
        post('/api/2', 'Content-Length: 2\r\n', 'hi') +
        get('/api/3', 'Connection: close\r\n') +
        get('/api/4'),
    );
    for (const path of ['/api/1', '/api/2', '/api/3']) {
      assert.equal((await client.message()).body, `answer to ${path}`);
    }
    assert.equal(await client.closed(), '');
    client.destroy();
    assert.deepEqual(seen, ['/api/1', '/api/2', '/api/3']);
  });
});

test('a CONNECT behind other requests is refused in its place, and not behind a last answer', async () => {
  const connectRequest = 'CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n';
  await through(
    async (connection) => {
      await connection.message();
      await sleep(50);
      connection.send(ok('first'));
    },
    async ({ port }) => {
      const client = await connectRaw(port);
      client.send(get('/api/first') + connectRequest);
      assert.equal((await client.message()).body, 'first');
      assert.match((await client.message()).startLine, / 405 /);
      assert.equal(await client.closed(), '');
      const other = await connectRaw(port);
      other.send(`GET /api/x HTTP/1.1\r\nHost: not valid\r\n\r\n${connectRequest}`);
      assert.match((await other.message()).startLine, / 400 /);
      assert.equal(await other.closed(), '');
    },
  );
});

test('a pipelined request whose body ends with the connection is 400, and the connection closes', async () => {
  await through(
    async (connection) => {
      await connection.message();
      await sleep(100);
      connection.send(ok('first'));
    },
    async ({ port }) => {
      const client = await connectRaw(port);
      client.send(get('/api/first') + post('/api/second', 'Transfer-Encoding: chunked\r\n', ''));
      client.end();
      assert.equal((await client.message()).body, 'first');
      assert.match((await client.message()).startLine, / 400 /);
      assert.equal(await client.closed(), '');
    },
  );
});

test('a body that stands still is given up: 408, and its place is free again', async () => {
  await through(
    answering(ok('x')),
    async ({ port }) => {
      const stalled = await Promise.all([1, 2].map(() => connectRaw(port)));
      for (const client of stalled) client.send(post('/api/x', 'Content-Length: 100\r\n', 'abc'));
      const ours = await connectRaw(port);
      ours.send(post('/api/products/1/reviews', 'Content-Length: 100\r\n', 'abc'));
      for (const client of stalled) {
        assert.match((await client.message()).startLine, /^HTTP\/1\.1 408 /);
        await client.closed();
        client.destroy();
      }
      await ours.closed();
      ours.destroy();
      assert.equal((await exchangeRaw(port, get('/api/x'))).body, 'x');
    },
    { CLIENT_BODY_TIMEOUT_MS: '200', MAX_IN_FLIGHT: '2' },
  );
});

test('a slow body that moves is not given up', async () => {
  await through(
    answering(ok('x')),
    async ({ port }) => {
      const client = await connectRaw(port);
      client.send(post('/api/x', 'Content-Length: 20\r\n', ''));
      for (let i = 0; i < 20; i += 1) {
        await new Promise((wake) => setTimeout(wake, 50));
        client.send('b');
      }
      assert.equal((await client.message()).body, 'x');
      client.destroy();
    },
    { CLIENT_BODY_TIMEOUT_MS: '400' },
  );
});

test('a body that arrived while the process stood still is not given up', async () => {
  await through(
    answering(ok('x')),
    async ({ port }) => {
      const client = await connectRaw(port);
      client.send(post('/api/x', 'Content-Length: 6\r\n', 'abc'));
      await sleep(50);
      // So that the next thing the process does is to look at its timers.
      await new Promise(setImmediate);
      client.send('def');
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_000);
      assert.equal((await client.message()).body, 'x');
      client.destroy();
    },
    { CLIENT_BODY_TIMEOUT_MS: '300' },
  );
});

test('beyond MAX_CONNECTIONS the next one is closed at once', async () => {
  await through(
    answering(ok('x')),
    async ({ port }) => {
      const held = await Promise.all([1, 2].map(() => connectRaw(port)));
      for (const client of held) assert.equal((await client.send(get('/api/x')).message()).body, 'x');
      const refused = await connectRaw(port);
      assert.equal(await refused.closed(), '');
      for (const client of [...held, refused]) client.destroy();
    },
    { MAX_CONNECTIONS: '2' },
  );
});

test('a refused CONNECT or upgrade leaves no descriptor behind, whatever its client does', async (t) => {
  if (!requireProc(t)) return;
  await withProcess(async ({ port, pid }) => {
    const before = openDescriptors(pid);
    const refusals = [
      'CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n',
      handshake('/ws/x').replace('Host: a\r\n', ''),
      'nonsense\r\n\r\n',
    ];
    const clients = await Promise.all(refusals.map(() => connectRaw(port)));
    for (const [i, client] of clients.entries()) {
      await client.send(refusals[i] ?? '').message();
      client.send('bytes behind it');
    }
    // Their sides stay open: only we can end this.
    await until(`no more than ${before} descriptors to be open`, () => openDescriptors(pid) <= before);
    for (const client of clients) client.destroy();
  });
});

test('a head that is trickled is 408 after 20 s, and its connection is closed', async () => {
  await through(answering(ok('x')), async ({ port }) => {
    const client = await connectRaw(port);
    client.send('GET /api/x HTTP/1.1\r\nHost: a\r\n');
    const trickle = setInterval(() => client.send('X-A: b\r\n'), 500);
    try {
      while (!client.ended) await new Promise((wake) => setTimeout(wake, 200));
    } finally {
      clearInterval(trickle);
    }
    assert.match(client.received, /^HTTP\/1\.1 408 /);
    client.destroy();
  });
});
