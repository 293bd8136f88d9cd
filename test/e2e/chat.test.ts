/** WebSockets: client → nginx (TLS) → sidecar → uvicorn. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { connect } from 'node:tls';

import { connectRaw, RawConnection } from '../../scripts/lab/raw-connection.ts';
import { ACCEPT, handshake, serverFrame, textFrame } from '../../scripts/lab/websocket.ts';
import { startDeployedNginx } from '../support/deployed-nginx.ts';
import { type Stack, stackForTests } from '../support/e2e-stack.ts';

let stack: Stack;
let token: string;
const skip = stackForTests((started) => {
  ({ stack, token } = started);
});

async function connectTls(port = stack.nginx.httpsPort, ca = stack.ca): Promise<RawConnection> {
  const socket = connect({ port, host: '127.0.0.1', ca });
  await once(socket, 'secureConnect');
  return new RawConnection(socket);
}

const message = (text: string) => textFrame(JSON.stringify({ text }));
/** FastAPI's answer in the chat of user 2, with Python's spaces. */
const reply = (text: string) => serverFrame(`{"to": 2, "from": 1, "text": "${text}"}`);

test('a chat works both ways through every hop, message after message', { skip }, async () => {
  const connection = await connectTls();
  const answer = await connection.send(handshake(`/ws/chat/2?token=${token}`)).message();
  assert.match(answer.startLine, /^HTTP\/1\.1 101 /);
  assert.equal(answer.header('sec-websocket-accept'), ACCEPT);
  for (const text of ['one', 'two', 'three']) {
    connection.send(message(text));
    await connection.take(reply(text));
  }
  connection.destroy();
});

test('a chat works through an Nginx without proxy_http_version 1.1, which speaks HTTP/1.0', {
  skip,
}, async () => {
  const nginx = await startDeployedNginx(stack.sidecar.port, [['    proxy_http_version 1.1;\n', '']]);
  try {
    const connection = await connectTls(nginx.httpsPort, await readFile(nginx.caPath));
    const answer = await connection.send(handshake(`/ws/chat/2?token=${token}`)).message();
    assert.deepEqual(
      [answer.startLine.split(' ')[1], answer.header('sec-websocket-accept')],
      ['101', ACCEPT],
    );
    for (const text of ['one', 'two']) await connection.send(message(text)).take(reply(text));
    connection.destroy();
    const stranger = await connectTls(nginx.httpsPort, await readFile(nginx.caPath));
    assert.match((await stranger.send(handshake('/ws/chat/2')).message()).startLine, / 403 /);
    stranger.destroy();
  } finally {
    await nginx.stop();
  }
});

test('a chat works on HTTP/1.0 without a Host, too', { skip }, async () => {
  const request = handshake(`/ws/chat/2?token=${token}`).replace('HTTP/1.1\r\nHost: a\r\n', 'HTTP/1.0\r\n');
  const connection = await connectRaw(stack.sidecar.port);
  assert.match((await connection.send(request).message()).startLine, /^HTTP\/1\.1 101 /);
  await connection.send(message('old')).take(reply('old'));
  connection.destroy();
});

test('frames sent together with the handshake are not lost', { skip }, async () => {
  const connection = await connectTls();
  const bytes = Buffer.from(handshake(`/ws/chat/2?token=${token}`), 'latin1');
  const answer = await connection.send(Buffer.concat([bytes, message('early'), message('bird')])).message();
  assert.match(answer.startLine, / 101 /);
  await connection.take(reply('early'));
  await connection.take(reply('bird'));
  connection.destroy();
});

test('a ping is answered by the backend and the chat goes on', { skip }, async () => {
  const connection = await connectTls();
  await connection.send(handshake('/ws/chat/2', `Authorization: Bearer ${token}\r\n`)).message();
  // An empty ping with a mask of zeros, and its pong (RFC 6455 §5.5.2).
  connection.send(Buffer.from([0x89, 0x80, 0, 0, 0, 0]));
  await connection.take('\x8a\x00');
  connection.send(message('still here'));
  await connection.take(reply('still here'));
  connection.destroy();
});

test('the close handshake passes with its code, and the connection ends', { skip }, async () => {
  const connection = await connectTls();
  await connection.send(handshake(`/ws/chat/2?token=${token}`)).message();
  connection.send(Buffer.from([0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8]));
  assert.equal(await connection.closed(), '\x88\x02\x03\xe8');
});

test('a chat without a valid token, or at an unknown path, is the backend’s 403', { skip }, async () => {
  for (const path of ['/ws/chat/2', '/ws/chat/2?token=bad', '/ws/nowhere']) {
    const connection = await connectTls();
    const answer = await connection.send(handshake(path)).message();
    assert.match(answer.startLine, /^HTTP\/1\.1 403 /, path);
    connection.destroy();
  }
});

test('no token of a chat’s address is in a log', { skip }, async () => {
  const connection = await connectTls();
  await connection.send(handshake(`/ws/chat/2?token=${token}`)).message();
  connection.destroy();
  await stack.ask('/healthz');
  const logs = JSON.stringify(stack.sidecar.log()) + stack.nginx.accessLog();
  assert.match(logs, /\/ws\/chat\/2/);
  assert.doesNotMatch(logs, new RegExp(token));
});
