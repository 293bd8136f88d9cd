/** A process that has no descriptor left, and has some again. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { type TestContext, test } from 'node:test';
import { createBackendTables, startTestDatabase } from '../../scripts/lab/database.ts';
import { openDescriptors } from '../../scripts/lab/proc.ts';
import { until } from '../../scripts/lab/programs.ts';
import { connectRaw, type RawConnection } from '../../scripts/lab/raw-connection.ts';
import { startScriptedBackend } from '../../scripts/lab/scripted-backend.ts';
import { baseEnv, followProcess, MAIN, type SidecarProcess } from '../../scripts/lab/sidecar.ts';
import { startTestObjectStore, storageEnv } from '../../scripts/lab/throwaway-object-store.ts';
import { tokenFor } from '../../scripts/lab/tokens.ts';
import { untilMigrated } from '../../scripts/lab/until-migrated.ts';
import { handshake, openWebSocket, SWITCHING } from '../../scripts/lab/websocket.ts';
import { requireProc } from '../support/process-resources.ts';

const LIMIT = 64;

async function startWithFewDescriptors(t: TestContext, env: Record<string, string>): Promise<SidecarProcess> {
  const child = spawn('sh', ['-c', `ulimit -n ${LIMIT}; exec "$0" "$1"`, process.execPath, MAIN], {
    env: baseEnv(env),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const sidecar = await followProcess(child);
  t.after(() => sidecar.end('SIGKILL'));
  return sidecar;
}

/** Does the work while the process has no descriptor left; resolves when it has some again. */
async function withoutDescriptors<T>(sidecar: SidecarProcess, work: () => Promise<T>): Promise<T> {
  const idle: RawConnection[] = [];
  // More than it has descriptors for: the last ones are closed at once, or wait in the system's queue.
  for (let i = 0; i < LIMIT; i += 1) idle.push(await connectRaw(sidecar.port));
  await until('all descriptors to be taken', () => openDescriptors(sidecar.pid) >= LIMIT);
  try {
    return await work();
  } finally {
    for (const connection of idle) connection.destroy();
    await until('most of them to be free again', () => openDescriptors(sidecar.pid) <= LIMIT / 2);
  }
}

test('a first handshake without a descriptor for the library is 503 and does not spoil the later ones', async (t) => {
  if (!requireProc(t)) return;
  const backend = await startScriptedBackend(async (connection) => {
    await connection.take('\r\n\r\n');
    connection.send(SWITCHING);
  });
  t.after(() => backend.stop());
  const sidecar = await startWithFewDescriptors(t, { BACKEND_URL: backend.url });
  const first = await connectRaw(sidecar.port);
  const refused = await withoutDescriptors(sidecar, () => first.send(handshake('/ws/x')).message());
  assert.match(refused.startLine, / 50[23] /);
  const { connection, answer } = await openWebSocket(sidecar.port, '/ws/x');
  assert.match(answer.startLine, / 101 /);
  connection.destroy();
  first.destroy();
  assert.equal(await sidecar.end(), 0);
});

test('requests of ours without a descriptor for a library are 503 and do not spoil the later ones', async (t) => {
  if (!requireProc(t)) return;
  const server = await startTestDatabase();
  t.after(() => server.stop());
  await createBackendTables(server.url);
  const store = await startTestObjectStore();
  t.after(() => store.stop());
  const env = { DATABASE_URL: server.url, ...storageEnv(store.config) };
  // Somebody else migrates, or the database's library would be there already.
  const migrating = await startWithFewDescriptors(t, { ...env, MIGRATE_ON_START: 'true' });
  await untilMigrated(server.url);
  await migrating.end();

  const sidecar = await startWithFewDescriptors(t, env);
  const first = await connectRaw(sidecar.port);
  const image = { kind: 'product_image', filename: 'a.png', content_type: 'image/png', size_bytes: 10 };
  // Each needs a library that those before it did not: Express, Knex, jsonwebtoken, the AWS SDK.
  for (const [request, status] of [
    [bytesOf('GET', '/api/products/1/reviews?limit=x'), 422],
    [bytesOf('GET', '/api/products/1/reviews'), 200],
    [bytesOf('POST', '/api/products/1/reviews', { rating: 5 }), 200],
    [bytesOf('POST', '/api/uploads', image), 200],
  ] as const) {
    const refused = await withoutDescriptors(sidecar, () => first.send(request).message());
    assert.match(refused.startLine, / 503 /, request);
    assert.equal(refused.header('retry-after'), '1');
    const answer = await first.send(request).message();
    assert.match(answer.startLine, new RegExp(` ${status} `), `${request}${answer.body}`);
  }
  // Now without a descriptor for a further connection to the database.
  const more = [first, ...(await Promise.all([1, 2, 3].map(() => connectRaw(sidecar.port))))];
  const answers = await withoutDescriptors(sidecar, () =>
    Promise.all(
      more.map((connection) => connection.send(bytesOf('GET', '/api/products/2/reviews')).message()),
    ),
  );
  for (const { startLine, body } of answers) assert.match(startLine, / (200|503) /, body);
  for (const connection of more) connection.destroy();
  assert.equal(await sidecar.end(), 0);
});

function bytesOf(method: string, target: string, json?: unknown): string {
  const body = json === undefined ? '' : JSON.stringify(json);
  const type = json === undefined ? '' : 'Content-Type: application/json\r\n';
  return (
    `${method} ${target} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${tokenFor(1)}\r\n${type}` +
    `Content-Length: ${body.length}\r\n\r\n${body}`
  );
}
