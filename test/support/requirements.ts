/**
 * Tests that need programs beyond Node name what is missing and skip; with REQUIRE_E2E=1 they fail instead, so that CI
 * cannot pass by testing less.
 */
import type { TestContext } from 'node:test';
import { missingTools } from '../../scripts/lab/tools.ts';

/** @returns whether the test may go on; otherwise it has been skipped, or has failed with REQUIRE_E2E=1 */
export function requireTools(t: Pick<TestContext, 'skip'>, tools: readonly string[]): boolean {
  const missing = missingTools(tools);
  if (missing.length === 0) return true;
  const sentence = `not installed: ${missing.join(', ')}`;
  if (process.env.REQUIRE_E2E === '1') throw new Error(`REQUIRE_E2E=1, but ${sentence}`);
  t.skip(sentence);
  return false;
}

/** `requireTools` for a whole file: the `skip` option of its tests. @throws Error with REQUIRE_E2E=1 */
export function skipWithout(tools: readonly string[]): string | false {
  let reason: string | false = false;
  const skip = (sentence?: string) => {
    reason = sentence ?? 'not installed';
  };
  requireTools({ skip }, tools);
  return reason;
}
