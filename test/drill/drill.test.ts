/** Every drill in short form: what clients see while things around the sidecar break. */
import assert from 'node:assert/strict';
import { resolve } from 'node:path';
import { test } from 'node:test';
import { ALL_DRILLS } from '../../scripts/drill/all-drills.ts';
import { isPassed } from '../../scripts/drill/drill.ts';
import { tableRow } from '../../scripts/drill/print.ts';
import { runNode } from '../../scripts/lab/sidecar.ts';
import { requireTools } from '../support/requirements.ts';

/** `npm run drill` takes ten times as long. */
const SECONDS = 1;

for (const drill of ALL_DRILLS) {
  test(`drill ${drill.name}: ${drill.summary}`, async (t) => {
    if (!requireTools(t, drill.needs ?? [])) return;
    const report = await drill.run({ seconds: SECONDS, backend: 'node' });
    const missed = report.figures.filter((figure) => figure.isMeasured !== true && !isPassed(figure));
    assert.ok(missed.length === 0, tableRow(drill, report));
  });
}

const MAIN = resolve(import.meta.dirname, '../../scripts/drill.ts');

test('the drill command explains itself, names its drills and refuses what it does not know', async () => {
  const run = (...args: string[]) => runNode(MAIN, args, {});
  const [help, list, refused] = await Promise.all([run('--help'), run('--list'), run('--only', 'nonsense')]);
  assert.deepEqual([help.status, /Usage: npm run drill/.test(help.stdout)], [0, true]);
  for (const { name } of ALL_DRILLS) assert.match(list.stdout, new RegExp(`^${name} `, 'm'));
  assert.equal(refused.status, 2);
});
