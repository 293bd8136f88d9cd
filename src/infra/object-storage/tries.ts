/** Whatever asks the storage: twice at most, given up in time, failing as a StorageFailure. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { StorageClock } from './storage-clock.ts';
import { failureOf, type StorageFailure } from './storage-failure.ts';

export interface Tries {
  /**
   * @param operation for the failure @param once one try, signed by the clock as it then is
   * @param signal gives it up, the second try included
   * @throws StorageFailure 503
   */
  run<T>(operation: string, once: () => Promise<T>, signal: AbortSignal): Promise<T>;
  /** Nothing is tried any more. */
  close(): void;
}

const PAUSE_MS = 100;

export function createTries(clock: StorageClock): Tries {
  let isClosed = false;
  return {
    async run(operation, once, signal) {
      for (let tries = 1; ; tries += 1) {
        if (isClosed) throw failureOf(operation, { name: 'Closed' });
        const skewMs = clock.now() - Date.now();
        try {
          return await once();
        } catch (thrown) {
          const failure = failureOf(operation, thrown);
          const isSkewKnownNow = Math.abs(clock.now() - Date.now() - skewMs) > 1_000;
          const isRefusedForIt = failure.httpStatus === 403 && isSkewKnownNow;
          const isLast = tries === 2 || signal.aborted;
          if (isLast || !(isRefusedForIt || mayPass(failure))) throw failure;
          const pauseMs = isRefusedForIt ? 0 : PAUSE_MS * Math.random();
          await sleep(pauseMs, undefined, { signal }).catch(() => {
            throw failure;
          });
        }
      }
    },
    close() {
      isClosed = true;
    },
  };
}

/** Of an idle connection that the storage has just closed; whoever refuses to connect does so the next moment, too. */
const BROKEN_CONNECTION = new Set(['ECONNRESET', 'EPIPE', 'ERR_STREAM_PREMATURE_CLOSE']);

const mayPass = ({ httpStatus, code }: StorageFailure) =>
  httpStatus === null
    ? BROKEN_CONNECTION.has(code ?? '')
    : httpStatus === 429 || (httpStatus >= 500 && httpStatus !== 501);
