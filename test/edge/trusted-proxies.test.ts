/** Who may speak for other clients (docs/forwarding.md, 5): known from how the server listens, never from what is missing. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rename, rm } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { connectRaw, exchangeRaw, RawConnection, type RawMessage } from '../../scripts/lab/raw-connection.ts';
import { ok, type ScriptedBackend, startScriptedBackend } from '../../scripts/lab/scripted-backend.ts';
import { baseEnv, MAIN, startProcess } from '../../scripts/lab/sidecar.ts';
import { handshake } from '../../scripts/lab/websocket.ts';

let backend: ScriptedBackend;
const seen: RawMessage[] = [];

before(async () => {
  backend = await startScriptedBackend(async (connection) => {
    for (;;) {
      seen.push(await connection.message());
      connection.send(ok('x'));
    }
  });
});

after(() => backend.stop());

const SPOOFED = 'X-Forwarded-For: 6.6.6.6\r\n';
const GET = `GET /api/x HTTP/1.1\r\nHost: a\r\n${SPOOFED}\r\n`;

test('a peer that has reset its connection does not become a trusted one', async () => {
  seen.length = 0;
  const sidecar = await startProcess({ BACKEND_URL: backend.url, TRUSTED_PROXIES: 'none' });
  const accepted = await connectRaw(sidecar.port);
  accepted.send(GET);
  await accepted.message();
  // While it stands still, the kernel takes connections, requests and resets: all three are there when it looks.
  process.kill(sidecar.pid, 'SIGSTOP');
  for (const request of [GET, handshake('/ws/x', SPOOFED)]) {
    for (let i = 0; i < 10; i += 1) {
      const client = await connectRaw(sidecar.port);
      client.send(request).reset();
      await client.closed();
    }
  }
  accepted.send(GET).reset();
  process.kill(sidecar.pid, 'SIGCONT');
  await exchangeRaw(sidecar.port, GET);
  // Behind an orderly end nothing is under way any more.
  await sidecar.end();
  for (const request of seen) assert.equal(request.header('x-forwarded-for'), '127.0.0.1');
});

/** A sidecar on a unix socket that was passed to it. */
async function onUnixSocket(
  env: Record<string, string>,
  run: (exchange: (bytes: string) => Promise<RawMessage>) => Promise<void>,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'sidecar-'));
  const path = join(folder, 'passed.sock');
  const server = createServer().listen(join(folder, 'made.sock'));
  await once(server, 'listening');
  const { fd } = (server as unknown as { _handle: { fd: number } })._handle;
  const child = spawn('/bin/sh', ['-c', `LISTEN_FDS=1 LISTEN_PID=$$ exec "${process.execPath}" "${MAIN}"`], {
    env: baseEnv({ BACKEND_URL: backend.url, ...env }),
    stdio: ['ignore', 'inherit', 'inherit', fd],
  });
  // Closing removes the name it was made with.
  await rename(join(folder, 'made.sock'), path);
  server.close();
  try {
    await run(async (bytes) => {
      const client = new RawConnection(connect(path));
      try {
        return await client.send(bytes).message();
      } finally {
        client.destroy();
      }
    });
  } finally {
    if (child.exitCode === null) {
      child.kill();
      await once(child, 'exit');
    }
    await rm(folder, { recursive: true });
  }
}

test('peers of a unix socket that was passed are loopback: trusted by default', async () => {
  for (const workers of ['1', '2']) {
    await onUnixSocket({ LOG_LEVEL: 'silent', WEB_CONCURRENCY: workers }, async (exchange) => {
      assert.match((await exchange(GET)).startLine, / 200 /);
      assert.equal(seen.at(-1)?.header('x-forwarded-for'), '6.6.6.6');
    });
  }
});

test('with TRUSTED_PROXIES=none nobody is trusted, peers of a unix socket no more than others', async () => {
  await onUnixSocket({ LOG_LEVEL: 'silent', TRUSTED_PROXIES: 'none' }, async (exchange) => {
    for (const request of [GET, handshake('/ws/x', SPOOFED)]) {
      assert.match((await exchange(request)).startLine, / 200 /);
      assert.equal(seen.at(-1)?.header('x-forwarded-for'), 'unknown');
      assert.equal(seen.at(-1)?.header('x-forwarded-port'), undefined);
    }
  });
});
