/**
 * What we take for granted of Node without its being promised (src/forward/node-internals.ts), on real sockets. When one
 * of these fails with a new release of Node, the sidecar must not run on it before its counterpart there is mended.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { globSync, readFileSync } from 'node:fs';
import {
  type ClientRequest,
  createServer,
  type IncomingMessage,
  request,
  type Server,
  type ServerOptions,
  type ServerResponse,
} from 'node:http';
import { type AddressInfo, connect, createServer as createNetServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { connectRaw, type RawConnection } from '../../scripts/lab/raw-connection.ts';
import { connectOptions } from '../../src/forward/http1/connection.ts';
import {
  agentOf,
  closeRead,
  createRequestClass,
  isWithinRequest,
  mayHaveBody,
  onDestroy,
  onLastAnswer,
  owesContinue,
  readInto,
  readOn,
  requestUnderWay,
  resetOnDestroy,
  responseUnderWay,
  setMaxAnswerHead,
  setRequestHead,
  setResponseHead,
  setTrailers,
  takeRequest,
  withoutBody,
  withoutTimer,
} from '../../src/forward/node-internals.ts';

const GET = 'GET /x HTTP/1.1\r\nHost: a\r\n\r\n';
const POST = 'POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n';

type OnRequest = (res: ServerResponse, socket: Socket) => void;

async function serving(
  onRequest: OnRequest,
  run: (client: RawConnection, peer: Socket, server: Server) => Promise<void>,
  options: ServerOptions = {},
): Promise<void> {
  const server = createServer({ keepAliveTimeout: 60_000, ...options }, (_req, res) => {
    if (res.socket !== null) onRequest(res, res.socket);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const connected = once(server, 'connection');
  const client = await connectRaw((server.address() as AddressInfo).port);
  const [peer] = (await connected) as [Socket];
  try {
    await run(client, peer, server);
  } finally {
    client.destroy();
    server.close();
    server.closeAllConnections();
  }
}

/** Two ends of one TCP connection. */
async function connectedPair(
  run: (near: Socket, far: Socket) => Promise<void>,
  open = (port: number) => connect({ port, host: '127.0.0.1' }),
): Promise<void> {
  const server = createNetServer({ allowHalfOpen: true });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const accepted = once(server, 'connection');
  const near = open((server.address() as AddressInfo).port);
  const [[far]] = (await Promise.all([accepted, once(near, 'connect')])) as [[Socket], unknown];
  try {
    await run(near, far);
  } finally {
    near.destroy();
    far.destroy();
    server.close();
  }
}

test('a connection knows the response that is being written, from its head to its last byte', async () => {
  let seen: ServerResponse | undefined;
  const onRequest: OnRequest = (res, socket) => {
    seen = responseUnderWay(socket);
    assert.equal(seen, res, 'socket._httpMessage is no longer the response under way');
    res.end('here');
  };
  await serving(onRequest, async (client, peer) => {
    assert.equal(responseUnderWay(peer), undefined, 'socket._httpMessage is set before a request');
    await client.send(GET).message();
    assert.notEqual(seen, undefined);
    assert.equal(responseUnderWay(peer), undefined, 'socket._httpMessage outlives its response');
  });
});

test('a connection knows the request within whose body the parser is, and whether it is within a request at all', async () => {
  const onRequest: OnRequest = (res) => res.req.resume().on('end', () => res.end('here'));
  await serving(onRequest, async (client, peer, server) => {
    assert.equal(isWithinRequest(peer), false, 'parser.finish() finds a request where nothing was sent');
    client.send('\r\n');
    await once(peer, 'data');
    assert.equal(isWithinRequest(peer), false, 'parser.finish() takes an empty line for a request');
    client.send(POST.slice(0, 9));
    await once(peer, 'data');
    assert.equal(isWithinRequest(peer), true, 'parser.finish() does not find the beginning of a head');
    assert.equal(requestUnderWay(peer), undefined, 'parser.incoming is set within a head');
    const [[req]] = await Promise.all([once(server, 'request'), client.send(POST.slice(9))]);
    assert.equal(requestUnderWay(peer), req, 'parser.incoming is not the request whose body is awaited');
    assert.equal(isWithinRequest(peer), true, 'parser.finish() does not find the beginning of a body');
    await client.send('hi').message();
    assert.equal(requestUnderWay(peer), undefined, 'parser.incoming outlives the body');
    assert.equal(isWithinRequest(peer), false, 'parser.finish() finds a request behind the last');
    client.send('no HTTP\r\n\r\n');
    const [error, socket] = await once(
      server.on('clientError', () => undefined),
      'clientError',
    );
    assert.deepEqual([error.code?.slice(0, 4), socket], ['HPE_', peer]);
  });
});

test('of the headers of a request node:http looks for nothing but framing before it is taken, and then all are there', async () => {
  const Request = createRequestClass();
  const headersOf = Object.getOwnPropertyDescriptor(Request.prototype, 'headers')?.get;
  assert.ok(headersOf !== undefined, 'IncomingMessage.headers is no longer made when it is asked for');
  const asked = new Set<PropertyKey>();
  const recording = { has: note(asked, Reflect.has), get: note(asked, Reflect.get) };
  class Recorded extends Request {}
  Object.defineProperty(Recorded.prototype, 'headers', {
    get(this: IncomingMessage) {
      return new Proxy(headersOf.call(this), recording);
    },
  });
  const seen: unknown[] = [];
  const onRequest: OnRequest = ({ req }, socket) => {
    seen.push({ ...headersOf.call(req) });
    takeRequest(req);
    seen.push({ ...headersOf.call(req) });
    socket.write('HTTP/1.1 204 \r\n\r\n');
  };
  const onServer = async (client: RawConnection, _peer: Socket, server: Server) => {
    server.on('checkContinue', (_req, res) => onRequest(res, res.socket as Socket));
    const expecting =
      'POST /x HTTP/1.1\r\nHost: a\r\nCookie: b=1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi';
    await client.send(expecting).take('\r\n\r\n');
  };
  const options = { IncomingMessage: Recorded, optimizeEmptyRequests: true, requireHostHeader: false };
  await serving(onRequest, onServer, options);
  const framing = { expect: '100-continue', 'content-length': '2' };
  assert.deepEqual(seen, [framing, { host: 'a', cookie: 'b=1', ...framing }]);
  await serving(
    onRequest,
    (client) => client.send('GET /x HTTP/1.0\r\n\r\n').take('\r\n\r\n').then(),
    options,
  );
  assert.deepEqual([...asked].toSorted(), ['content-length', 'expect', 'te', 'transfer-encoding']);
});

test('a request that has been read can be closed without a word, and the connection goes on', async () => {
  const told: string[] = [];
  const onRequest: OnRequest = (res) => {
    const { req } = res;
    for (const event of ['end', 'close']) req.on(event, () => told.push(event));
    setImmediate(() => {
      assert.equal(String(req.read()), 'hi');
      closeRead(req);
      assert.ok(
        req.readableEnded,
        'request._dumpAndCloseReadable() is gone, or no longer says that all was read',
      );
      setImmediate(() => res.end('here'));
    });
  };
  await serving(onRequest, async (client, peer) => {
    for (let i = 0; i < 3; i += 1) await client.send(`${POST}hi`).message();
    assert.equal(requestUnderWay(peer), undefined, 'parser.incoming outlives a closed request');
  });
  assert.deepEqual(told, []);
});

/** Notes the property that a handler of a Proxy is asked for. */
const note =
  <T>(asked: Set<PropertyKey>, answer: (of: object, key: PropertyKey) => T) =>
  (of: object, key: PropertyKey): T => {
    asked.add(key);
    return answer(of, key);
  };

test('node:http calls destroySoon() of the socket behind a last answer, and only there', async () => {
  let calls = 0;
  const onRequest: OnRequest = (res, socket) => {
    onLastAnswer(socket, function end(this: Socket) {
      calls += 1;
      this.end();
    });
    res.shouldKeepAlive = res.req.url !== '/last';
    res.end('here');
  };
  await serving(onRequest, async (client) => {
    await client.send(GET).message();
    assert.equal(calls, 0);
    await client.send(GET.replace('/x', '/last')).message();
    await client.closed();
    assert.equal(calls, 1, 'node:http no longer calls destroySoon() of a socket');
  });
});

test('node:http times an idle connection by setTimeout() of its socket', async () => {
  let calls = 0;
  const counted = (socket: Socket) => {
    const { setTimeout } = socket;
    socket.setTimeout = (...args) => {
      calls += 1;
      return setTimeout.apply(socket, args);
    };
  };
  for (const [prepare, timeoutMs] of [
    [counted, 61_000],
    [withoutTimer, undefined],
  ] as const) {
    const onRequest: OnRequest = (res, socket) => {
      prepare(socket);
      res.end('here');
    };
    await serving(onRequest, async (client, peer) => {
      await client.send(GET).message();
      assert.equal(peer.timeout, timeoutMs, 'an idle connection is timed by something else');
    });
  }
  assert.equal(calls, 1);
});

test('an answer before the 100 that its request waits for ends the connection', async () => {
  await serving(
    () => assert.fail('node:http asks for the body by itself'),
    async (client, _peer, server) => {
      server.on('checkContinue', (_req, res) => res.writeHead(401, { 'Content-Length': 0 }).end());
      const answer = await client.send(POST.replace('Host', 'Expect: 100-continue\r\nHost')).message();
      assert.equal(answer.header('connection'), 'close', 'writeHead() no longer ends the connection');
      assert.equal(await client.closed(), '');
    },
  );
});

test('a response knows whether its client still waits for a 100', async () => {
  const owed: boolean[] = [];
  const look = (res: ServerResponse) => owed.push(owesContinue(res));
  const onRequest: OnRequest = (res) => {
    look(res);
    res.end();
  };
  await serving(onRequest, async (client, _peer, server) => {
    server.on('checkContinue', (_req, res: ServerResponse) => {
      look(res);
      res.writeContinue();
      look(res);
      res.end();
    });
    await client.send(GET).message();
    await client.send(POST.replace('Host', 'Expect: 100-continue\r\nHost')).take('\r\n\r\n');
  });
  assert.deepEqual(owed, [false, true, false], 'response._expect_continue or _sent100 say something else');
});

test('a response takes a head as it is, and frames what follows as it is told', async () => {
  const onRequest: OnRequest = (res) => {
    const chunked = res.req.url === '/chunked';
    const framing = chunked ? 'Transfer-Encoding: chunked' : 'Content-Length: 2\r\nConnection: close';
    assert.equal(res.headersSent, false);
    setResponseHead(res, `HTTP/1.1 299 \xe9\r\n${framing}\r\n\r\n`, chunked, chunked);
    assert.equal(res.headersSent, true, 'response._header is no longer its head');
    if (chunked) setTrailers(res, 'x: \xe9\r\n');
    res.end('hi', 'latin1');
  };
  await serving(onRequest, async (client) => {
    const chunked = await client.send(GET.replace('/x', '/chunked')).message();
    assert.equal(
      chunked.raw,
      'HTTP/1.1 299 \xe9\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nx: \xe9\r\n\r\n',
      'response.chunkedEncoding or _trailer no longer frame a body',
    );
    const last = await client.send(GET).message();
    assert.equal(last.raw, 'HTTP/1.1 299 \xe9\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi');
    assert.equal(await client.closed(), '', 'response._last no longer ends the connection');
  });
});

test('a response without a body drops what is written as one; so does the answer to HEAD', async () => {
  const hadBody: boolean[] = [];
  const onRequest: OnRequest = (res) => {
    hadBody.push(mayHaveBody(res));
    withoutBody(res);
    setResponseHead(res, 'HTTP/1.1 204 No Content\r\n\r\n', false, true);
    res.end('hi', 'latin1');
  };
  await serving(onRequest, async (client) => {
    await client.send(GET).take('\r\n\r\n');
    await client.send(GET.replace('GET', 'HEAD')).take('\r\n\r\n');
    assert.equal(client.received, '', 'response._hasBody no longer drops a body');
    assert.deepEqual(hadBody, [true, false], 'response._hasBody no longer tells HEAD from GET');
  });
});

test('a request takes a head as it is, an agent of ours its connection, and a limit its answer', async () => {
  await connectedPair(async (near, far) => {
    const head = 'GET /raw HTTP/1.1\r\nX-b: \xe9\r\n\r\n';
    const send = (req: ClientRequest) => setRequestHead(req, head);
    const req = request({ agent: agentOf(() => near), host: '127.0.0.1', path: '/not-this' });
    const failed = once(req, 'error');
    send(req);
    setMaxAnswerHead(req, 20_000);
    req.end();
    let received = '';
    while (received.length < head.length) received += (await once(far, 'data'))[0].toString('latin1');
    assert.equal(received, head, 'request._header is no longer its head, or agent.addRequest() is not asked');
    const response = once(req, 'response');
    response.catch(() => undefined);
    far.write(`HTTP/1.1 103 \r\nx: ${'a'.repeat(18_000)}\r\n\r\n`);
    await once(req, 'information').catch(() => assert.fail('request.maxHeaderSize is no longer a limit'));
    far.write(`HTTP/1.1 200 \r\nx: ${'a'.repeat(21_000)}\r\n\r\n`);
    const [error] = await failed;
    assert.equal(error.code, 'HPE_HEADER_OVERFLOW');
  });
});

test('destroy() sends a reset when told to', async () => {
  await connectedPair(async (near, far) => {
    resetOnDestroy(near);
    const failed = once(far, 'error');
    far.resume().on('end', () => assert.fail('socket.resetAndClosing no longer makes a reset'));
    near.destroy();
    assert.equal((await failed)[0].code, 'ECONNRESET');
  });
});

test('a failed write destroys the socket by its own destroy(), and one that is kept reads on', async () => {
  const check = async (near: Socket, far: Socket) => {
    const failed = new Promise<string | undefined>((resolve) => {
      onDestroy(near, (error?: Error & { syscall?: string }) => {
        resolve(error?.syscall);
        return error?.syscall === 'write';
      });
    });
    // As from a backend that answers early and resets: the answer is there when the next write fails.
    await new Promise((resolve) => far.write('answer', resolve));
    resetOnDestroy(far);
    far.destroy();
    await once(far, 'close');
    near.write('more');
    assert.equal(await failed, 'write', 'net.Socket no longer destroys itself by its own destroy()');
    assert.equal(near.destroyed, false);
    const [piece] = await once(near.resume(), 'data', { signal: AbortSignal.timeout(5_000) }).catch(() =>
      assert.fail('after a failed write nothing is read, although socket._readableState.errored is null'),
    );
    assert.equal(String(piece), 'answer');
  };
  // Paused from the beginning, so that the answer stays in the receive buffer.
  await connectedPair(check, (port) => connect(port, '127.0.0.1').pause());
});

test('net.Socket reads into the memory that it is given, on either end of a connection, and reads on when told to', async () => {
  for (const isAccepted of [false, true])
    await connectedPair(async (near, far) => {
      const [reading, writing] = isAccepted ? [far, near] : [near, far];
      const memory = Buffer.alloc(8);
      const pieces: string[] = [];
      let ended = false;
      reading.on('data', () => assert.fail('net.Socket has kBufferCb no longer: it emits data'));
      reading.on('end', () => {
        ended = true;
      });
      readInto(reading, memory, function (count, into) {
        assert.deepEqual([this, into], [reading, memory]);
        pieces.push(memory.toString('latin1', 0, count));
        return false;
      });
      reading.resume();
      const until = async (count: number) => {
        while (pieces.length < count) await new Promise(setImmediate);
      };
      writing.write('one');
      await until(1);
      writing.write('more than eight bytes');
      for (let i = 0; i < 20; i += 1) await new Promise(setImmediate);
      assert.deepEqual(pieces, ['one'], 'net.Socket reads on although false was returned');
      readOn(reading);
      await until(2);
      assert.equal(pieces[1], 'more tha', 'more was read than the memory holds');
      for (const count of [3, 4]) {
        readOn(reading);
        await until(count);
      }
      writing.end();
      readOn(reading);
      while (!ended) await new Promise(setImmediate);
      assert.equal(pieces.slice(1).join(''), 'more than eight bytes');
    });
});

test('a connection to the backend takes as much at once as it is told to', async () => {
  const options = connectOptions({ kind: 'tcp', host: '127.0.0.1', port: 0 });
  const { writableHighWaterMark } = options as { writableHighWaterMark?: number };
  assert.equal(writableHighWaterMark, 128 * 1024);
  await connectedPair(
    async (near) => assert.equal(near.writableHighWaterMark, writableHighWaterMark),
    (port) => connect({ ...options, port, host: '127.0.0.1' }),
  );
});

test('no other file of edge and forward touches a private field', () => {
  const files = globSync('src/{edge,forward}/**/*.ts').filter((file) => !file.endsWith('node-internals.ts'));
  assert.ok(files.length > 30);
  const touching = files.filter((file) => /[.{'] ?_[a-z]/.test(readFileSync(file, 'utf8')));
  assert.deepEqual(touching, []);
});
