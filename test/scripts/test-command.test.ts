/** `npm test` itself: it ends whatever a test does, names what hangs, and leaves nothing running. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { commandOf } from '../../scripts/lab/proc.ts';
import { PROGRAMS } from '../../scripts/lab/programs.ts';
import { requireProc } from '../support/process-resources.ts';

const COMMAND = resolve(import.meta.dirname, '../../scripts/test.ts');

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sidecar-test-command-'));
});
after(() => rm(folder, { recursive: true, force: true }));

/** What the test files below begin with: a child that nobody stops, and that says its number. */
const FORGET = `
import { spawn, spawnSync } from 'node:child_process';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
const forget = (options = {}) => {
  const child = spawn('sleep', ['12345'], options);
  console.log('STARTED ' + child.pid);
  return child;
};
const forever = () => new Promise((resolve) => forget().once('exit', resolve));
`;

interface Run {
  readonly child: ChildProcess;
  output: string;
}

/** Of the tests that hang; a busy machine takes seconds to start a process. */
const DEADLINE_S = 20;

/** @param timeout how long a test may take, s */
async function start(name: string, text: string, timeout: number, ...options: string[]): Promise<Run> {
  const file = join(folder, `${name}.test.ts`);
  await writeFile(file, FORGET + text);
  const child = spawn(process.execPath, [COMMAND, '--timeout', String(timeout), ...options, file], {
    env: PROGRAMS,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const run: Run = { child, output: '' };
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk) => {
      run.output += chunk;
    });
  return run;
}

/** Runs a test file with this text to the end. @returns its status and output; nothing that it started may live */
async function ended(run: Run): Promise<{ status: number | null; output: string }> {
  // Not 'exit': whoever can still write to its output keeps a pipe open for its reader.
  const [status] = await once(run.child, 'close');
  const started = [...run.output.matchAll(/STARTED (\d+)/g)].map(([, pid]) => Number(pid));
  assert.ok(started.length > 0, run.output);
  for (const pid of started) assert.notEqual(commandOf(pid), 'sleep 12345', run.output);
  return { status, output: run.output };
}

// They mostly wait.
describe('npm test', { concurrency: true }, () => {
  test('a test that hangs fails at its deadline and is named with what it waits for; the others run', async (t) => {
    if (!requireProc(t)) return;
    const text = `
    test('waits for a child', async () => {
      createServer().listen(0, '127.0.0.1');
      await forever();
    });
    test('the next one', () => {});`;
    const { status, output } = await ended(await start('hangs', text, DEADLINE_S));
    assert.equal(status, 1);
    assert.match(output, /"waits for a child" has not ended after 19 s\. Open:/);
    assert.match(output, /process \d+: sleep 12345/);
    assert.match(output, /listens on 127\.0\.0\.1:\d+/);
    assert.match(output, /✔ the next one/);
    assert.match(output, /hangs\.test\.ts has not ended, though its tests have\. Open:/);
  });

  test('a process that a test leaves behind is named and ended, and does not hold the output open', async (t) => {
    if (!requireProc(t)) return;
    const text = `
    test('passes', async () => {
      forget({ stdio: 'inherit', detached: true }).unref();
      await sleep(2_000);
    });`;
    const { status, output } = await ended(await start('forgets', text, 60));
    assert.equal(status, 1);
    assert.match(output, /✔ passes/);
    assert.match(output, /forgets\.test\.ts left process \d+ behind: sleep 12345/);
  });

  test('a file that does not come to its tests is ended and named, and so is one that blocks its process', async (t) => {
    if (!requireProc(t)) return;
    const [waits, blocks] = await Promise.all([
      start('waits', 'await forever();', DEADLINE_S),
      start('blocks', `test('blocks', () => { forget(); spawnSync('sleep', ['600']); });`, DEADLINE_S),
    ]);
    const [waited, blocked] = await Promise.all([ended(waits), ended(blocks)]);
    assert.deepEqual([waited.status, blocked.status], [1, 1]);
    assert.match(waited.output, /waits\.test\.ts, before its tests, has not ended[\s\S]*: sleep 12345/);
    assert.match(
      blocked.output,
      /Killed, since it has said nothing for \d+ s: .*blocks\.test\.ts, in "blocks"$/m,
    );
  });

  test('what a file has started is ended with it, also when its process is killed', async (t) => {
    if (!requireProc(t)) return;
    const text = `
    test('dies', async () => {
      forget({ detached: true });
      await sleep(2_000);
      process.kill(process.pid, 'SIGKILL');
    });`;
    assert.equal((await ended(await start('dies', text, 60))).status, 1);
  });

  test('a PostgreSQL that is named takes the place of the embedded one, and its version is told', async () => {
    const program = async (name: string, script: string) =>
      writeFile(join(folder, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    await program('postgres', 'echo postgres 13.99');
    await program('initdb', 'echo asked for a cluster >&2; exit 1');
    await chmod(folder, 0o755);
    const text = `
    import assert from 'node:assert/strict';
    import { startTestDatabase } from '${resolve(import.meta.dirname, '../../scripts/lab/database.ts')}';
    test('asks it', () => assert.rejects(startTestDatabase(), /asked for a cluster/));`;
    const named = await start('named', text, 60, '--postgres', folder);
    assert.deepEqual(await once(named.child, 'close'), [0, null], named.output);
    assert.match(named.output, new RegExp(`^postgres 13\\.99 of ${folder}$`, 'm'));
    const nowhere = await start('nowhere', text, 60, '--postgres', '/nowhere');
    assert.deepEqual(await once(nowhere.child, 'close'), [2, null], nowhere.output);
    assert.match(nowhere.output, /There is no PostgreSQL that runs in \/nowhere\./);
  });

  test('when nobody reads its output any more, it ends', async (t) => {
    if (!requireProc(t)) return;
    const run = await start(
      'unread',
      `setInterval(() => console.log('more'), 100); test('waits', forever);`,
      60,
    );
    while (!run.output.includes('STARTED')) await sleep(50);
    run.child.stdout?.destroy();
    assert.equal((await ended(run)).status, 1);
  });

  test('told to stop it says which tests were under way, and leaves nothing running', async (t) => {
    if (!requireProc(t)) return;
    const run = await start('stopped', `test('takes its time', forever);`, 60);
    while (!run.output.includes('STARTED')) await sleep(50);
    run.child.kill('SIGTERM');
    const { status, output } = await ended(run);
    assert.equal(status, 143);
    assert.match(output, /Stopped in .*stopped\.test\.ts, in "takes its time"/);
  });
});
