/** Trying again: what may help, how often, and after which time. */
import { UploadError } from './upload-http.ts';

export interface Patience {
  /** How often in a row one call or one part is tried again (6). */
  readonly retries?: number;
  /** Before the first time, ms; it doubles, up to half a minute (500). */
  readonly firstDelayMs?: number;
  /** A server that wants to be left alone for longer (Retry-After) has refused (2 min). */
  readonly longestWaitMs?: number;
  /** How long an upload may stand still before it is sent again (60 s). */
  readonly stallMs?: number;
  /** Told of each failure that is waited out. */
  onRetry?(error: UploadError, waitMs: number): void;
}

const MAX_DELAY_MS = 30_000;

/**
 * Does `work` again while that may help. @param work is told how often it has failed
 * @throws what it threw at last, or the signal's reason
 */
export async function retrying<T>(
  work: (failures: number) => Promise<T>,
  signal: AbortSignal,
  { retries = 6, firstDelayMs = 500, longestWaitMs = 120_000, onRetry }: Patience,
): Promise<T> {
  for (let failures = 0; ; failures += 1) {
    signal.throwIfAborted();
    try {
      return await work(failures);
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof UploadError) || !error.facts.isTransient || failures >= retries) throw error;
      // Somewhere between half and whole: those who failed together need not come back together.
      const delayMs = Math.min(MAX_DELAY_MS, firstDelayMs * 2 ** failures) * (0.5 + Math.random() / 2);
      const waitMs = Math.max(delayMs, error.facts.retryAfterMs ?? 0);
      if (waitMs > longestWaitMs) throw error;
      onRetry?.(error, waitMs);
      await sleep(waitMs, signal);
    }
  }
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', stop);
      resolve();
    }, ms);
    signal.addEventListener('abort', stop);
  });
}
