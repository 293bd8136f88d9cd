/**
 * Loaded into the process of every test file by `npm test`. node:test gives each test a deadline, but does not say what it
 * waited for, and gives none to the file, whose process lives as long as anything is open in it: a child, say, that a
 * failed test did not come to stop. Here the one is told, and the other ended.
 */
import { writeSync } from 'node:fs';
import { constants } from 'node:os';
import { relative } from 'node:path';
import { after, afterEach, beforeEach } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { openThings } from './open-things.ts';

const SETTINGS = new URL(import.meta.url).searchParams;
/** A little before node:test gives up, while everything is still open. */
const TELL_AFTER_MS = 0.95 * Number(SETTINGS.get('timeoutMs'));
const LOOK_EVERY_MS = 1_000;
const FILE = relative(process.cwd(), process.argv[1] ?? '');

/** For the hooks of a file, when its tests have ended. */
const END_AFTER_MS = Math.min(TELL_AFTER_MS, 60_000);
const SECONDS = TELL_AFTER_MS / 1_000;

let hasBegun = false;
const tests = new Map<unknown, NodeJS.Timeout>();
// Whatever hangs now is the file's own code; a hook, later, has a deadline of node:test's.
const beforeTests = whenLate(`${FILE}, before its tests, has not ended after ${SECONDS} s`, giveUp);

beforeEach(async (t) => {
  clearTimeout(beforeTests);
  hasBegun = true;
  tests.set(t, whenLate(`"${t.fullName}" has not ended after ${SECONDS} s`));
  // The runner hears of the test before it can block this process.
  await setImmediate();
});

afterEach((t) => {
  clearTimeout(tests.get(t));
  tests.delete(t);
});

// The first of these hooks, before the file's own.
after(() => {
  clearTimeout(beforeTests);
  // None of its tests was asked for: node:test would now run its `after`, and has not waited for its `before`.
  if (!hasBegun && SETTINGS.has('only')) process.exit(0);
  whenLate(`${FILE} has not ended, though its tests have`, giveUp, END_AFTER_MS);
});

function whenLate(sentence: string, then?: () => void, afterMs = TELL_AFTER_MS): NodeJS.Timeout {
  return setTimeout(() => {
    const open = openThings().map((line) => `\n  ${line}`);
    writeSync(2, `${sentence}. Open:${open.join('')}\n`);
    then?.();
  }, afterMs).unref();
}

function giveUp(): void {
  process.exit(1);
}

// By default these would end the process without its 'exit', by which many of its children are stopped.
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.on(signal, () => process.exit(128 + constants.signals[signal]));

const runner = process.ppid;
setInterval(() => {
  if (process.ppid !== runner) giveUp();
}, LOOK_EVERY_MS).unref();
