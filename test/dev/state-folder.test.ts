/** The folder of `npm run dev`: one at a time, whatever an earlier one left in it. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { test } from 'node:test';

const STATE_FOLDER = resolve(import.meta.dirname, '../../scripts/dev/state-folder.ts');
const AT_ONCE = 4;
const ROUNDS = 12;
/** No process has this number: it is above any pid_max (proc(5)). */
const STALE_PID = 2 ** 22 + 1;

/** Takes the folder that each line on stdin names, as exactly as it can at the moment that the line names. */
const TAKER = `
  import { createInterface } from 'node:readline';
  import { takeStateFolder } from '${STATE_FOLDER}';
  for await (const line of createInterface({ input: process.stdin })) {
    const [path, at] = line.split(' ');
    while (Date.now() < Number(at));
    await Promise.try(takeStateFolder, path).then(() => console.log('took it'), ({ message }) => console.log(message));
  }`;

test('of several that start at once over a stale lock, one runs and the others say which', async () => {
  // The name of the command is what a process is known by.
  const args = ['--input-type=module', '-e', TAKER, 'dev.ts'];
  const takers = Array.from({ length: AT_ONCE }, () =>
    spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] }),
  );
  const parent = await mkdtemp(join(tmpdir(), 'sidecar-test-state-'));
  try {
    for (let round = 0; round < ROUNDS; round += 1) {
      const folder = await mkdtemp(join(parent, 'round-'));
      await writeFile(join(folder, 'dev.pid'), String(STALE_PID));
      const answers = takers.map(async ({ stdout }) => String(await once(stdout, 'data')).trim());
      for (const { stdin } of takers) stdin.write(`${folder} ${Date.now() + 30}\n`);
      const said = await Promise.all(answers);
      assert.equal(said.filter((words) => words === 'took it').length, 1, said.join('\n'));
      const winner = takers[said.indexOf('took it')]?.pid;
      const others = said.filter((words) => words !== 'took it');
      for (const words of others) assert.match(words, new RegExp(`already runs .* \\(process ${winner}\\)`));
    }
  } finally {
    for (const taker of takers) taker.kill('SIGKILL');
    await rm(parent, { recursive: true, force: true });
  }
});
