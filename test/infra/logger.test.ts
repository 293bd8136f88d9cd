/** When log lines leave the process, and that they leave it whole. */

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { writeCalls } from '../../scripts/lab/proc.ts';
import { until } from '../../scripts/lab/programs.ts';
import { startProcess } from '../../scripts/lab/sidecar.ts';
import { serializeError } from '../../src/infra/logger.ts';
import { requireProc } from '../support/process-resources.ts';

const LOGGER = resolve(import.meta.dirname, '../../src/infra/logger.ts');

/** A process of its own that logs: its stdout is a pipe, which takes 64 KB and then waits for its reader. */
function logging(script: string): ChildProcess {
  const program = `import { createLogger } from '${LOGGER}'; const log = createLogger('info'); ${script}`;
  return spawn(process.execPath, ['--input-type=module-typescript', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
}

/** Resolves when the script has told that it is done with its lines. */
const untilDone = (child: ChildProcess) => once(child, 'message');

test('a line leaves though none follows it, and the process has something else to do', async () => {
  const child = logging("log.info('alone'); setInterval(() => undefined, 60_000);");
  try {
    const [line] = await once(child.stdout as NodeJS.ReadableStream, 'data');
    assert.equal(JSON.parse(String(line)).msg, 'alone');
  } finally {
    child.kill('SIGKILL');
  }
});

test('lines that come while a write waits for its reader leave as well, whole and in order', async () => {
  const child = logging(`
    const pad = 'x'.repeat(100);
    for (let i = 0; i < 2_000; i += 1) log.infoFields('"n":' + i + ',"pad":"' + pad + '"');
    setTimeout(() => {
      log.infoFields('"n":2000');
      process.send('done');
    }, 200);
    setInterval(() => undefined, 60_000);`);
  try {
    await untilDone(child);
    let text = '';
    for await (const chunk of child.stdout ?? []) {
      text += chunk;
      if (text.includes('"n":2000}\n')) break;
    }
    const numbers = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line).n);
    assert.deepEqual(
      numbers,
      Array.from({ length: 2_001 }, (_, i) => i),
    );
  } finally {
    child.kill('SIGKILL');
  }
});

test('a reader that is far behind costs lines, not memory, and is told how many', async () => {
  const child = logging(`
    const pad = 'x'.repeat(1_000);
    let turns = 0;
    const flood = setInterval(() => {
      for (let i = 0; i < 100; i += 1) log.infoFields('"pad":"' + pad + '"');
      turns += 1;
      if (turns < 200) return;
      clearInterval(flood);
      process.send('done');
    }, 1);
    setInterval(() => undefined, 60_000);`);
  try {
    await untilDone(child);
    let text = '';
    for await (const chunk of child.stdout ?? []) {
      text += chunk;
      if (text.includes('lost"}\n')) break;
    }
    const [before = '', after = ''] = text.split(/(?<=lost"}\n)/);
    assert.ok(before.length < 3 * 1024 * 1024, `${before.length} characters were kept`);
    const lines = before
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    const told = lines.filter(({ msg }) => msg === 'lines of this log are lost');
    assert.equal(told.length, 1, after.slice(0, 100));
    assert.ok(told[0].lines > 0);
  } finally {
    child.kill('SIGKILL');
  }
});

test('an idle sidecar writes nothing at all', async (t) => {
  if (!requireProc(t)) return;
  const sidecar = await startProcess();
  await fetch(`${sidecar.url}/livez`);
  // Once it has come to rest.
  await until('half a second without a write', async () => {
    const before = writeCalls(sidecar.pid);
    await sleep(500);
    return writeCalls(sidecar.pid) === before;
  });
  await sidecar.end();
});

test('an error whose code is undefined has none in the log', () => {
  const error = Object.assign(new Error('refused'), { code: undefined });
  assert.deepEqual(serializeError(error), { type: 'Error', message: 'refused', stack: error.stack });
});
