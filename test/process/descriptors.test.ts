/** A process that has no descriptor left, and has some again. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectRaw, type RawConnection } from '../../scripts/lab/raw-connection.ts';
import { startScriptedBackend } from '../../scripts/lab/scripted-backend.ts';
import { handshake, openWebSocket, SWITCHING } from '../../scripts/lab/websocket.ts';
import { openDescriptors, requireProc } from '../support/process-resources.ts';
import { baseEnv, followProcess, MAIN } from '../support/start-process.ts';

const LIMIT = 64;

test('a first handshake without a descriptor for the library is 503 and does not spoil the later ones', async (t) => {
  if (!requireProc(t)) return;
  const backend = await startScriptedBackend(async (connection) => {
    await connection.take('\r\n\r\n');
    connection.send(SWITCHING);
  });
  const child = spawn('sh', ['-c', `ulimit -n ${LIMIT}; exec "$0" "$1"`, process.execPath, MAIN], {
    env: baseEnv({ BACKEND_URL: backend.url }),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const sidecar = await followProcess(child);
  const idle: RawConnection[] = [];
  const first = await connectRaw(sidecar.port);
  // More than it has descriptors for: the last ones are closed at once, or wait in the system's queue.
  for (let i = 0; i < LIMIT; i += 1) idle.push(await connectRaw(sidecar.port));
  const refused = await first.send(handshake('/ws/x')).message();
  assert.match(refused.startLine, / 50[23] /);
  for (const connection of idle) connection.destroy();
  for (let i = 0; i < 100 && openDescriptors(sidecar.pid) > LIMIT / 2; i += 1) await sleep(20);
  const { connection, answer } = await openWebSocket(sidecar.port, '/ws/x');
  assert.match(answer.startLine, / 101 /);
  connection.destroy();
  first.destroy();
  assert.equal(await sidecar.end(), 0);
  await backend.stop();
});
