/** What becomes of the sidecar when nobody takes its log. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePorts } from '../../scripts/lab/ports.ts';
import { until } from '../../scripts/lab/programs.ts';
import { baseEnv, MAIN } from '../../scripts/lab/sidecar.ts';

/** @param stdout a descriptor, or a pipe that nobody reads unless the test does */
async function startWithLogTo(t: TestContext, stdout: number | 'pipe') {
  const [port = 0] = await freePorts(1);
  const child: ChildProcess = spawn(process.execPath, [MAIN], {
    env: baseEnv({ PORT: String(port) }),
    stdio: ['ignore', stdout, 'inherit'],
  });
  t.after(() => child.kill('SIGKILL'));
  const ask = async (path: string) => (await fetch(`http://127.0.0.1:${port}${path}`)).status;
  await until('the sidecar to answer', async () => (await ask('/livez').catch(() => 0)) === 200);
  return { child, ask };
}

test('a full disk under the log stops neither the answers nor the orderly end', async (t) => {
  if (!existsSync('/dev/full')) {
    t.skip('needs /dev/full');
    return;
  }
  const full = openSync('/dev/full', 'w');
  const { child, ask } = await startWithLogTo(t, full);
  closeSync(full);
  for (let i = 0; i < 50; i += 1) assert.equal(await ask('/livez'), 200);
  await sleep(100);
  assert.equal(await ask('/livez'), 200);
  child.kill('SIGTERM');
  assert.deepEqual(await once(child, 'exit'), [0, null]);
});

test('a reader that leaves together with SIGTERM does not keep the process', async (t) => {
  const { child } = await startWithLogTo(t, 'pipe');
  child.kill('SIGTERM');
  child.stdout?.destroy();
  assert.deepEqual(await once(child, 'exit'), [0, null]);
});

test('a reader that stands still holds up neither the answers nor the end', async (t) => {
  const { child, ask } = await startWithLogTo(t, 'pipe');
  child.stdout?.pause();
  // More than the pipe and Node's buffer for it take.
  const long = `/nobody/${'x'.repeat(1_000)}`;
  for (let i = 0; i < 300; i += 1) assert.equal(await ask(long), 404);
  child.kill('SIGTERM');
  // What it writes at that moment never ends, so that the process can only be killed, by itself.
  assert.deepEqual(await once(child, 'exit'), [null, 'SIGKILL']);
});
