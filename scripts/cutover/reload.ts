/** Reloads Nginx, and waits until the reload has really happened: it is asynchronous, and may fail behind its exit status 0. */
import { setTimeout as sleep } from 'node:timers/promises';
import { masterPid, type NginxFacts } from '../lib/nginx-command.ts';
import { areReplaced, takingWorkers } from '../lib/nginx-workers.ts';
import { type Side, whoAnswers } from '../lib/who-answers.ts';
import { watchLogs } from './nginx-log.ts';
import type { Stage } from './stage.ts';
import { Refusal } from './words.ts';

/** Answers in a row, each on a connection of its own: several workers take them. */
const ENOUGH = 10;
const PAUSE_MS = 50;

export interface ReloadOptions {
  readonly facts: NginxFacts;
  /** Who must answer behind it; null: nobody needs to. */
  readonly target: Side | null;
  /** Not given when going back: nothing stops that. */
  readonly signal?: AbortSignal;
  readonly onReloaded?: () => void;
}

/** @throws Refusal with what Nginx has written, when it fails or nothing arrives in time */
export async function reload(
  stage: Pick<Stage, 'nginx' | 'options' | 'words' | 'say' | 'complain'>,
  { facts, target, signal, onReloaded }: ReloadOptions,
): Promise<void> {
  const { nginx, options, words, say, complain } = stage;
  const seconds = options.timeoutMs / 1000;
  const master = masterPid(facts);
  const workersBefore = takingWorkers(master);
  const badLines = watchLogs(facts);
  const answer = await nginx.reload();
  if (!answer.ok) throw new Refusal(words.reloadFailed(answer.words));
  onReloaded?.();
  say(words.reloading);
  const giveUpAt = performance.now() + options.timeoutMs;
  let inARow = 0;
  let last = '-';
  for (;;) {
    signal?.throwIfAborted();
    const sighting = target === null ? null : await whoAnswers(options.entrance, { signal });
    inARow = sighting === null || sighting.who === target ? inARow + 1 : 0;
    last = sighting?.said ?? last;
    if (inARow >= ENOUGH && areReplaced(workersBefore, master)) break;
    if (performance.now() > giveUpAt) {
      // The right one answers: going back from a reload that never happened ends here.
      if (inARow < ENOUGH || target === null)
        throw new Refusal(explain(words.notArrived(target, seconds, last)));
      complain(explain(words.notReplaced));
      break;
    }
    await sleep(PAUSE_MS, undefined, { signal }).catch(() => undefined);
  }
  if (target !== null) say(words.arrived(target, ENOUGH));

  function explain(what: string): string {
    const reasons = [what];
    const lines = badLines();
    if (lines.length > 0) reasons.push(words.nginxSays(lines));
    if (facts.otherLogs.length > 0) reasons.push(words.nginxSaysElsewhere(facts.otherLogs));
    return reasons.join('\n');
  }
}
