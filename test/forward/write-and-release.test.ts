/** Memory of a body that is freed as soon as it is written: never too early, and never somebody else's. */

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  type ClientRequest,
  createServer as createHttpServer,
  type Server as HttpServer,
  type IncomingMessage,
  type RequestOptions,
  request,
} from 'node:http';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import type { Writable } from 'node:stream';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { until } from '../../scripts/lab/programs.ts';
import { ReadMemory } from '../../src/forward/http1/read-memory.ts';
import { writeAndRelease } from '../../src/forward/write-and-release.ts';
import { startSidecar, type TestSidecar } from '../support/start-sidecar.ts';

const PIECE_BYTES = 64 * 1024;
const isFreed = (chunk: Buffer) => (chunk.buffer as ArrayBuffer).detached;
const piece = (bytes = PIECE_BYTES) => Buffer.from(new ArrayBuffer(bytes)).fill('x');

describe('writeAndRelease', () => {
  let server: Server;
  let sender: Socket;
  let receiver: Socket;

  before(async () => {
    server = createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    sender = connect(port, '127.0.0.1').on('error', () => undefined);
    [receiver] = await once(server, 'connection');
  });
  after(() => {
    sender.destroy();
    receiver.destroy();
    server.close();
  });

  test('frees a large chunk when it is written', async () => {
    const chunk = piece();
    writeAndRelease(sender, chunk);
    await until('it to be freed', () => isFreed(chunk));
  });

  test('keeps a view into larger memory, and what is too small to be worth it', async () => {
    const view = piece(2 * PIECE_BYTES).subarray(0, PIECE_BYTES);
    const small = piece(1024);
    writeAndRelease(sender, view);
    writeAndRelease(sender, small);
    await sleep(20);
    assert.deepEqual([isFreed(view), isFreed(small)], [false, false]);
  });

  test('keeps what the peer has not taken yet, and what a broken connection will never take', async () => {
    const waiting: Buffer[] = [];
    // The system's own buffers take megabytes before anything has to wait here.
    while (sender.writableLength < 4 * PIECE_BYTES) {
      for (let i = 0; i < 16; i += 1) {
        waiting.push(piece());
        writeAndRelease(sender, waiting.at(-1) as Buffer);
      }
      await sleep(10);
    }
    assert.equal(waiting.slice(-3).some(isFreed), false);
    // Not once(): it would reject with the error.
    const closed = new Promise((resolve) => sender.on('close', resolve));
    receiver.resetAndDestroy();
    await closed;
    assert.equal(waiting.slice(-3).some(isFreed), false);
  });
});

describe('what a connection to the backend has read', () => {
  /** A connection that keeps each read whole; `read` is what node:net does with its memory. */
  function keeping() {
    const kept: Buffer[] = [];
    const memory: ReadMemory = new ReadMemory((bytes) => kept.push(memory.keep(bytes)));
    const { buffer, callback } = memory.onread as {
      buffer(): Buffer;
      callback(count: number, memory: Buffer): boolean;
    };
    let into = buffer();
    const read = (content: Buffer) => {
      content.copy(into);
      assert.equal(callback(content.length, into), true);
      into = buffer();
    };
    return { kept, memory, read };
  }

  const flipped = (content: Buffer) => Buffer.from(content.map((byte) => byte ^ 1));

  test('is kept, small or large, whatever this and other connections read next', () => {
    const connections = [keeping(), keeping()];
    const contents = [10, PIECE_BYTES, PIECE_BYTES, 20_000, PIECE_BYTES - 1, 3, PIECE_BYTES].map((bytes, i) =>
      Buffer.alloc(bytes, `${i},`),
    );
    for (const [i, content] of contents.entries())
      for (const [which, { read, memory }] of connections.entries()) {
        read(which === 0 ? content : flipped(content));
        // A response ends now and then.
        if (i === 4) memory.share();
      }
    const [ours, theirs] = connections.map(({ kept }) => kept);
    assert.deepEqual(ours, contents);
    assert.deepEqual(theirs, contents.map(flipped));
  });

  test('of a large body is not copied, but for its first piece', () => {
    const { kept, read, memory } = keeping();
    for (let i = 0; i < 3; i += 1) read(piece());
    const places = kept.map(({ buffer }) => buffer);
    assert.equal(new Set(places).size, 3);
    for (const chunk of kept)
      assert.equal(chunk.buffer.byteLength, PIECE_BYTES, 'it can be freed when written');
    memory.share();
    read(Buffer.from('small'));
    assert.equal(String(kept.at(-1)), 'small');
  });
});

describe('a large body arrives as it was sent', () => {
  const PIECES = 300;
  /** Neither a divisor nor a multiple of what one read brings. */
  const bytesOf = (i: number) => 50_001 + ((i * 7_919) % 40_000);
  const content = (i: number) => Buffer.alloc(bytesOf(i), `${i},`);
  let total = 0;
  let digest: string;
  let backend: HttpServer;
  let sidecar: TestSidecar;

  before(async () => {
    const expected = createHash('sha256');
    for (let i = 0; i < PIECES; i += 1) {
      expected.update(content(i));
      total += bytesOf(i);
    }
    digest = expected.digest('hex');
    // GET answers with the body, as the query says; POST with the digest of the body it got.
    backend = createHttpServer(async (req, res) => {
      if (req.method === 'POST') {
        res.end(await digestSlowly(req));
        return;
      }
      if (req.url?.endsWith('length')) res.setHeader('Content-Length', total);
      await pour(res);
    }).listen(0, '127.0.0.1');
    await once(backend, 'listening');
    const { port } = backend.address() as AddressInfo;
    sidecar = await startSidecar({ BACKEND_URL: `http://127.0.0.1:${port}` });
  });
  after(async () => {
    await sidecar.stop();
    backend.close();
  });

  async function pour(stream: Writable): Promise<void> {
    for (let i = 0; i < PIECES; i += 1) if (!stream.write(content(i))) await once(stream, 'drain');
    stream.end();
  }

  /** Slow enough for the sender to have to wait now and then. */
  async function digestSlowly(body: IncomingMessage): Promise<string> {
    const hash = createHash('sha256');
    let reads = 0;
    for await (const chunk of body) {
      hash.update(chunk);
      reads += 1;
      if (reads % 40 === 0) await sleep(5);
    }
    return hash.digest('hex');
  }

  async function exchange(options: RequestOptions, send: (req: ClientRequest) => unknown) {
    const req = request({ host: '127.0.0.1', port: sidecar.port, agent: false, ...options });
    send(req);
    const [response] = (await once(req, 'response')) as [IncomingMessage];
    assert.equal(response.statusCode, 200);
    return response;
  }

  for (const framing of ['length', 'chunked']) {
    test(`down, ${framing}`, async () => {
      const response = await exchange({ path: `/api/x?${framing}` }, (req) => req.end());
      assert.equal(response.headers['content-length'], framing === 'length' ? String(total) : undefined);
      assert.equal(await digestSlowly(response), digest);
    });

    test(`down, ${framing}, four at once`, async () => {
      const download = async () =>
        digestSlowly(await exchange({ path: `/api/x?${framing}` }, (req) => req.end()));
      assert.deepEqual(await Promise.all([1, 2, 3, 4].map(download)), [digest, digest, digest, digest]);
    });

    test(`up, ${framing}`, async () => {
      const headers = framing === 'length' ? { 'content-length': total } : {};
      const response = await exchange({ method: 'POST', path: '/api/x', headers }, pour);
      assert.equal((await response.setEncoding('latin1').toArray()).join(''), digest);
    });
  }
});
