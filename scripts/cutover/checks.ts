/** Does it work, now that new requests go there? */
import { resolve } from 'node:path';
import { runProgram } from '../lib/run-program.ts';
import { ask, describeAnswer, problemOf, type Side } from '../lib/who-answers.ts';
import type { Stage } from './stage.ts';
import { Refusal } from './words.ts';

export const SMOKE_COMMAND = ['bash', resolve(import.meta.dirname, '../smoke_test_prod.sh')] as const;
const HEALTH_TIMEOUT_MS = 10_000;
/** It has time limits of its own for every request. */
const SMOKE_TIMEOUT_MS = 15 * 60_000;

/** The operator's own settings; without the checks of what only the sidecar has, when it goes to the backend. */
export const smokeEnv = (target: Side): NodeJS.ProcessEnv =>
  target === 'sidecar' ? process.env : { ...process.env, RUN_BACKEND_CHECKS: '0', SMOKE_UPLOAD: '0' };

/** @throws Refusal with the answer of the check that fails */
export async function check(target: Side, stage: Stage): Promise<void> {
  await checkHealth(stage);
  if (stage.options.smoke) await runSmokeTest(target, stage);
}

async function checkHealth({ options, say, words, signal }: Stage): Promise<void> {
  const answer = await ask(options.entrance, '/healthz', { timeoutMs: HEALTH_TIMEOUT_MS, signal }).catch(
    problemOf,
  );
  signal.throwIfAborted();
  const isHealthy = typeof answer !== 'string' && answer.status === 200 && !isHtml(answer.headers);
  if (!isHealthy)
    throw new Refusal(words.unhealthy(typeof answer === 'string' ? answer : describeAnswer(answer)));
  say(words.healthy);
}

/** A site that sends its start page for everything is not the API. */
const isHtml = ({ 'content-type': type = '' }: NodeJS.Dict<string | string[]>): boolean =>
  String(type).toLowerCase().includes('html');

async function runSmokeTest(target: Side, { say, words, signal }: Stage): Promise<void> {
  say(words.smokeStarts);
  if (target === 'backend') say(words.smokeWithoutBackendChecks);
  const onOutput = (text: string) => say(text.trimEnd().replace(/^/gm, '  | '));
  const { status } = await runProgram(SMOKE_COMMAND, {
    env: smokeEnv(target),
    timeoutMs: SMOKE_TIMEOUT_MS,
    signal,
    onOutput,
  });
  signal.throwIfAborted();
  if (status !== 0) throw new Refusal(words.smokeFailed(status));
  say(words.smokePassed);
}
