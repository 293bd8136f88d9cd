/** Nothing that a client or the backend sends harms the process, another client or the backend (a short fuzz run). */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { newSeed, runFuzz } from '../../scripts/fuzz/run.ts';

const SECONDS_PER_SEED = 9;

describe('whatever is sent, every invariant of the fuzz holds', () => {
  // The known one shows what a change has broken; the new one finds what nobody thought of.
  for (const [name, seed] of [
    ['a known seed', 20_240_817],
    ['a new seed', newSeed()],
  ] as const) {
    test(name, async (t) => {
      const output: string[] = [];
      const { cases, findings } = await runFuzz({
        seed,
        modes: ['requests', 'responses', 'handshakes'],
        seconds: SECONDS_PER_SEED,
        findingsFolder: null,
        print: (text) => output.push(text),
      });
      t.diagnostic(`seed ${seed}, ${cases} cases`);
      assert.deepEqual(
        findings.map((finding) => finding.what),
        [],
        output.join(''),
      );
      assert.ok(cases > 100, `only ${cases} cases in time`);
    });
  }
});
