/** Asking the storage whether it is there, and by that what time it is. */
import { setTimeout as sleep } from 'node:timers/promises';
import { loadPackage } from '../../load-package.ts';
import type { Log } from '../logger.ts';
import { createReadinessCheck, obstacleIn } from '../readiness-check.ts';
import type { createObjects } from './objects.ts';
import type { S3Calls } from './s3-calls.ts';
import type { StorageClock } from './storage-clock.ts';

const PING_TIMEOUT_MS = 2_000;
/** No upload's. */
const NO_KEY = 'uploads/0/no-such-file';
/** How long the first upload waits for the storage to tell its time. */
const FIRST_ANSWER_MS = 1_000;
/** How long after a question that was not answered the next one is asked. */
const ASK_AGAIN_AFTER_MS = 10_000;

export interface PingOptions {
  readonly calls: S3Calls;
  readonly objects: Pick<ReturnType<typeof createObjects>, 'readStart'>;
  readonly bucket: string;
  readonly clock: StorageClock;
  readonly log: Pick<Log, 'warn' | 'info'>;
}

/**
 * Does storage answer and accept our credentials, and by our idea of its clock, within 2 s? Never throws. Says why not in the log, once
 * for each reason.
 */
export function createPing({ calls, objects, bucket, clock, log }: PingOptions): () => Promise<boolean> {
  async function ask(signal: AbortSignal): Promise<string> {
    const { HeadBucketCommand } = loadPackage('@aws-sdk/client-s3');
    try {
      await calls.send(new HeadBucketCommand({ Bucket: bucket }), signal).catch((failure) => {
        if (failure.httpStatus !== 403) throw failure;
        // A key that may not list may do all that uploads need; and a refused HEAD does not say why.
        return objects.readStart(NO_KEY, 1, signal);
      });
      return '';
    } catch (error) {
      return obstacleIn(error);
    }
  }

  async function obstacle(): Promise<string> {
    // Loads the SDK the first time, which is not the storage's time.
    calls.client();
    const signal = AbortSignal.timeout(PING_TIMEOUT_MS);
    const reason = await ask(signal);
    if (!clock.isContradicted()) return reason;
    return (await ask(signal)) || (clock.isContradicted() ? 'its clock cannot be right' : '');
  }

  return createReadinessCheck('storage', obstacle, log);
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
