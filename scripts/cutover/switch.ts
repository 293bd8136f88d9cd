/** The switch: there, or back to where it was. */
import type { Side } from '../lib/who-answers.ts';
import { problemOf } from '../lib/who-answers.ts';
import { check } from './checks.ts';
import { type Plan, prepare } from './prepare.ts';
import { reload } from './reload.ts';
import type { Stage } from './stage.ts';
import { Refusal } from './words.ts';

export const EX_FAILED = 1;
/** Neither here nor there. */
const EX_STRANDED = 3;
const EX_STOPPED = 130;

/** How far it has come, which is what there is to take back. */
interface Progress {
  isWritten: boolean;
  isReloaded: boolean;
}

/** @returns the exit status */
export async function switchTo(target: Side, stage: Stage): Promise<number> {
  const progress: Progress = { isWritten: false, isReloaded: false };
  let plan: Plan | undefined;
  try {
    plan = await prepare(target, stage);
    await perform(target, plan, progress, stage);
    return 0;
  } catch (error) {
    const isStopped = stage.signal.aborted;
    const reason = error instanceof Refusal ? error.message : problemOf(error);
    stage.complain(isStopped ? stage.words.interrupted : reason);
    const isBack = await goBack(target, plan, progress, stage);
    return isBack ? (isStopped ? EX_STOPPED : EX_FAILED) : EX_STRANDED;
  }
}

async function perform(target: Side, plan: Plan, progress: Progress, stage: Stage): Promise<void> {
  const { options, words, say, file, nginx, signal } = stage;
  const { line, before, facts } = plan;
  if (line.side === target && before.who === target) {
    say(words.alreadyThere(target));
    return options.dryRun ? undefined : check(target, stage);
  }
  if (options.dryRun) return say(words.wouldChange(line, options.ports[target]));
  if (line.side === target) say(words.lineIsRight);
  else {
    progress.isWritten = true;
    say(words.lineChanged(file.point(target)));
  }
  const test = await nginx.test(signal);
  signal.throwIfAborted();
  if (!test.ok) throw new Refusal(words.badConfiguration(test.words));
  say(words.configurationIsGood);
  const onReloaded = () => {
    progress.isReloaded = true;
  };
  await reload(stage, { facts, target, signal, onReloaded });
  await check(target, stage);
  say(words.done(target));
}

/** Never stopped by a signal. @returns whether nothing is left to be done by hand */
async function goBack(
  target: Side,
  plan: Plan | undefined,
  progress: Progress,
  stage: Stage,
): Promise<boolean> {
  const { words, complain, say, file, nginx, options, signal } = stage;
  if (plan === undefined || (!progress.isWritten && !progress.isReloaded)) {
    say(words.nothingChanged);
    return true;
  }
  const { line, before, facts } = plan;
  const origin = before.who === 'unknown' ? line.side : before.who;
  // Back to somebody who did not answer would be worse than here.
  if (origin === target || (target === 'backend' && before.who === 'unknown' && !signal.aborted)) {
    complain(words.stays(target, options.ports[target]));
    return true;
  }
  say(words.goingBack(origin));
  try {
    file.point(origin);
    if (progress.isReloaded) {
      const test = await nginx.test();
      if (!test.ok) throw new Refusal(words.badConfiguration(test.words));
      await reload(stage, { facts, target: before.who === 'unknown' ? null : origin });
    }
    say(before.who === 'unknown' ? words.isBackUnseen(origin) : words.isBack(origin));
    return true;
  } catch (error) {
    complain(words.cannotGoBack(origin, file.path, options.ports[origin], problemOf(error)));
    return false;
  }
}
