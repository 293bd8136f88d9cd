/** One delivery to receivers that do what no receiver should. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { makeCertificate } from '../../../scripts/lab/certificate.ts';
import { createSend, type Outcome } from '../../../src/features/events/send.ts';
import { startWebhookReceiver, WEBHOOK_SECRET } from '../../support/webhook-receiver.ts';

const DEADLINE_MS = 400;
const EVENT = { id: '8a1f7c1e-0000-4000-8000-000000000001', body: '{"type":"upload.ready"}' };

interface Sent {
  readonly outcome: Outcome;
  /** When the connection was closed, ms from the start. */
  readonly tookMs: number;
}

/** @param deadlineMs without it as in production, which is not what most are about */
async function sendTo(url: string, deadlineMs?: number): Promise<Sent> {
  const startedAt = performance.now();
  const send = createSend({ url, secret: WEBHOOK_SECRET }, deadlineMs);
  const { outcome, over } = await send(EVENT, new AbortController().signal);
  await over;
  return { outcome, tookMs: performance.now() - startedAt };
}

/** Sends to a receiver that treats the connection so, once the request has come. */
async function sendToReceiver(treat: (socket: Socket) => void, deadlineMs?: number): Promise<Sent> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).once('data', () => treat(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    return await sendTo(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`, deadlineMs);
  } finally {
    for (const socket of sockets) socket.destroy();
    server.close();
  }
}

/** Writes a byte every few milliseconds for as long as the connection is there. */
function trickle(socket: Socket, text: string): void {
  const timer = setInterval(() => socket.write(text), 20);
  socket.once('close', () => clearInterval(timer));
}

const reasonOf = ({ outcome }: Sent) => (outcome.kind === 'failed' ? outcome.reason : outcome.kind);

test('a receiver that hangs, or whose head trickles, is given up at the deadline', async () => {
  for (const treat of [
    () => undefined,
    (socket: Socket) => socket.write('HTTP/1.1 200 OK\r\n') && trickle(socket, 'x-a: b\r\n'),
    (socket: Socket) => trickle(socket, 'HTTP/1.1 103 Early Hints\r\n\r\n'),
  ]) {
    assert.equal(reasonOf(await sendToReceiver(treat, DEADLINE_MS)), 'no answer within 0.4 s');
  }
});

test('a 2xx counts as soon as its head is there, and a body that trickles is cut at the deadline', async () => {
  const sent = await sendToReceiver((socket) => {
    socket.write('HTTP/1.1 202 Accepted\r\ntransfer-encoding: chunked\r\n\r\n');
    trickle(socket, '1\r\nx\r\n');
  }, DEADLINE_MS);
  assert.equal(sent.outcome.kind, 'delivered');
  assert.ok(sent.tookMs >= DEADLINE_MS - 50);
});

test('an answer that came while the process stood still counts, also when the deadline has passed', async () => {
  const answered = new Int32Array(new SharedArrayBuffer(4));
  const receiver = new Worker(
    `const { parentPort, workerData: answered } = require('node:worker_threads');
     const server = require('node:http').createServer((req, res) => {
       parentPort.postMessage('asked');
       const note = () => { Atomics.store(answered, 0, 1); Atomics.notify(answered, 0); };
       setTimeout(() => res.end(note), 100);
     });
     server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port));`,
    { eval: true, workerData: answered },
  );
  const [port] = await once(receiver, 'message');
  const sent = sendTo(`http://127.0.0.1:${port}/`, DEADLINE_MS);
  await once(receiver, 'message');
  // In the poll phase, so that timers come before the next one.
  Atomics.wait(answered, 0, 0);
  Atomics.wait(answered, 0, 1, DEADLINE_MS + 200);
  assert.equal((await sent).outcome.kind, 'delivered');
  await receiver.terminate();
});

test('a body of gigabytes is not read', async () => {
  let written = 0;
  const sent = await sendToReceiver((socket) => {
    socket.write('HTTP/1.1 200 OK\r\ncontent-length: 5000000000\r\n\r\n');
    const piece = Buffer.alloc(64 * 1024);
    const more = () => {
      while (!socket.destroyed && socket.write(piece)) written += piece.length;
    };
    socket.on('drain', more);
    more();
  }, DEADLINE_MS);
  assert.equal(sent.outcome.kind, 'delivered');
  assert.ok(written < 50_000_000, `${written} bytes`);
});

test('a connection that ends early, or speaks no HTTP, is a failure with a reason', async () => {
  const answers: Record<string, (socket: Socket) => void> = {
    'socket hang up (ECONNRESET)': (socket) => socket.end(),
    'read ECONNRESET (ECONNRESET)': (socket) => socket.resetAndDestroy(),
    'closed without an answer (Error)': (socket) =>
      socket.end('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n'),
  };
  for (const [reason, treat] of Object.entries(answers)) {
    assert.equal(reasonOf(await sendToReceiver(treat)), reason);
  }
  for (const nonsense of [
    'SSH-2.0-OpenSSH_9\r\n',
    'HTTP/1.1 200 OK\r\nbad header\r\n\r\n',
    '\u0016\u0003\u0001',
  ]) {
    assert.match(reasonOf(await sendToReceiver((socket) => socket.end(nonsense, 'latin1'))), /^Parse Error/);
  }
  const endless = `HTTP/1.1 200 OK\r\nx: ${'a'.repeat(100_000)}`;
  assert.match(reasonOf(await sendToReceiver((socket) => socket.write(endless))), /Header overflow/i);
});

test('an answer that breaks off behind its head has the outcome of its status', async () => {
  const cut = (status: number) =>
    sendToReceiver((socket) => socket.end(`HTTP/1.1 ${status} X\r\ncontent-length: 100\r\n\r\nshort`));
  assert.equal((await cut(200)).outcome.kind, 'delivered');
  assert.equal(reasonOf(await cut(500)), 'answered 500');
});

test('a redirect is a failure and not followed', async () => {
  const elsewhere = await startWebhookReceiver();
  for (const status of [301, 302, 303, 307, 308]) {
    const sent = await sendToReceiver((socket) =>
      socket.end(`HTTP/1.1 ${status} Moved\r\nlocation: ${elsewhere.url}\r\ncontent-length: 0\r\n\r\n`),
    );
    assert.equal(reasonOf(sent), `answered ${status}`);
  }
  await sleep(50);
  assert.deepEqual([elsewhere.deliveries.length, elsewhere.complaints.length], [0, 0]);
  await elsewhere.stop();
});

test('where nobody listens is a failure with a reason, by name as well', async () => {
  for (const host of ['127.0.0.1', 'localhost']) {
    assert.match(reasonOf(await sendTo(`http://${host}:9/`)), /ECONNREFUSED/);
  }
});

test('deliveries at once to a name share its look-up, and all arrive', async () => {
  const receiver = await startWebhookReceiver();
  const send = createSend({ url: receiver.url.replace('127.0.0.1', 'localhost'), secret: WEBHOOK_SECRET });
  const { signal } = new AbortController();
  const sent = await Promise.all(Array.from({ length: 10 }, () => send(EVENT, signal)));
  assert.ok(sent.every(({ outcome }) => outcome.kind === 'delivered'));
  assert.deepEqual([receiver.deliveries.length, receiver.complaints], [10, []]);
  await receiver.stop();
});

test('a certificate that nobody vouches for is a failure, and nothing of the event is sent', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sidecar-test-webhook-'));
  const { certPath, keyPath } = await makeCertificate(folder);
  let requests = 0;
  const server = createTlsServer(
    { cert: await readFile(certPath), key: await readFile(keyPath) },
    (_req, res) => {
      requests += 1;
      res.end();
    },
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const sent = await sendTo(`https://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  assert.match(reasonOf(sent), /certificate/);
  assert.equal(requests, 0);
  server.close();
  await rm(folder, { recursive: true });
});

test('a reason holds only printable characters, whatever the receiver says', async () => {
  const sent = await sendToReceiver((socket) => socket.end('HTTP/1.1 \u001b[2J OK\r\n\r\n'));
  assert.match(reasonOf(sent), /^[\x20-\x7e]{1,200}$/);
});
