/** Asking the storage whether it is there, and by that what time it is. */
import { setTimeout as sleep } from 'node:timers/promises';
import { loadPackage } from '../../load-package.ts';
import type { S3Calls } from './s3-calls.ts';
import type { StorageClock } from './storage-clock.ts';

const PING_TIMEOUT_MS = 2_000;
/** How long the first upload waits for the storage to tell its time. */
const FIRST_ANSWER_MS = 1_000;
/** How long after a question that was not answered the next one is asked. */
const ASK_AGAIN_AFTER_MS = 10_000;

/** Does storage answer and accept our credentials, and by our idea of its clock, within 2 s? Never throws. */
export function createPing(calls: S3Calls, bucket: string, clock: StorageClock): () => Promise<boolean> {
  return async () => {
    try {
      // Loads the SDK the first time, which is not the storage's time.
      calls.client();
      const { HeadBucketCommand } = loadPackage('@aws-sdk/client-s3');
      const signal = AbortSignal.timeout(PING_TIMEOUT_MS);
      const head = () =>
        calls.send(new HeadBucketCommand({ Bucket: bucket }), signal).then(
          () => true,
          () => false,
        );
      const isThere = await head();
      return clock.isContradicted() ? (await head()) && !clock.isContradicted() : isThere;
    } catch {
      return false;
    }
  };
}

/** For before a signature. Once something is known, uploads do not wait for what is newer. */
export function createTimeLearner(clock: StorageClock, ping: () => Promise<boolean>): () => Promise<void> {
  let answer: Promise<unknown> = Promise.resolve();
  let askedAtMs = Number.NEGATIVE_INFINITY;
  return async () => {
    if (!clock.isStale()) return;
    if (performance.now() - askedAtMs > ASK_AGAIN_AFTER_MS) {
      askedAtMs = performance.now();
      answer = Promise.race([ping(), sleep(FIRST_ANSWER_MS, undefined, { ref: false })]);
    }
    if (!clock.isKnown()) await answer;
  };
}
