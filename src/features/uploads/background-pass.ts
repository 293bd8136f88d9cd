/**
 * Looks at uploads that are due: those whose clients never say that they are done, those that nobody sent, what changed after it
 * was checked, what a killed sidecar left. Any number of processes may do so at once. Nothing here is waited for by a
 * request, and the connections are its own.
 */
import type { Log } from '../../infra/logger.ts';
import { isSchemaMissing } from '../../infra/postgres/failure.ts';
import type { Changes } from './changes.ts';
import type { DueLook, DueUploads, UploadCounts } from './figures.ts';
import type { Lifecycle } from './lifecycle.ts';
import type { UploadRow } from './upload.ts';

export interface BackgroundPass {
  start(): void;
  /** Begins nothing any more; what is under way finishes within `graceMs` or is left to the next. */
  stop(graceMs: number): Promise<void>;
  /** What waits for it; null before the first look, or when nobody wants to know. */
  due(): DueUploads | null;
}

export interface BackgroundPassOptions {
  readonly changes: Pick<Changes, 'claimDue' | 'release'>;
  readonly lifecycle: Pick<Lifecycle, 'settle'>;
  readonly log: Log;
  readonly counts: UploadCounts;
  readonly due: DueLook | null;
  readonly pollMs?: number;
}

/** So many are looked at together. */
const BATCH = 8;
/**
 * Between the beginnings of two looks, ms: each takes some milliseconds of this process's core, in pieces, and requests are to come in
 * between (docs/performance.md). So a process looks at most 50 times a second, at 1,500 uploads within 30 s.
 */
const APART_MS = 20;
const POLL_MS = 1_000;
const LONGEST_BACKOFF_MS = 10_000;
/** Less than the lease. */
const LOOK_TIMEOUT_MS = 10_000;

export function createBackgroundPass({
  changes,
  lifecycle,
  log,
  counts,
  due,
  pollMs = POLL_MS,
}: BackgroundPassOptions): BackgroundPass {
  const stopping = new AbortController();
  const graceOver = new AbortController();
  let done: Promise<void> = Promise.resolve();
  let isFailing = false;

  async function settle(row: UploadRow): Promise<boolean> {
    try {
      const signal = AbortSignal.any([graceOver.signal, AbortSignal.timeout(LOOK_TIMEOUT_MS)]);
      await lifecycle.settle(row, { signal, untilMs: performance.now() + LOOK_TIMEOUT_MS });
      return true;
    } catch (error) {
      counts.failedLooks += 1;
      failed(error, 'an upload cannot be looked at, and is tried again');
      return false;
    }
  }

  async function settleInTurn(row: UploadRow, place: number): Promise<boolean> {
    if (place > 0) await pause(place * APART_MS, stopping.signal);
    if (!stopping.signal.aborted || place === 0) return settle(row);
    await changes.release(row);
    return true;
  }

  /** @returns whether there may be more to do at once; null: it failed */
  async function look(): Promise<boolean | null> {
    const rows = await changes.claimDue(BATCH);
    // Stopped meanwhile: whoever comes next need not wait for the leases.
    if (stopping.signal.aborted) {
      await Promise.all(rows.map((row) => changes.release(row)));
      return false;
    }
    const settled = await Promise.all(rows.map(settleInTurn));
    if (settled.includes(false)) return null;
    if (rows.length > 0) isFailing = false;
    return rows.length === BATCH;
  }

  function failed(error: unknown, message: string): void {
    // The migrations make the table, and say themselves why they cannot.
    const cause = error instanceof Error ? error.cause : undefined;
    if (isFailing || isSchemaMissing(cause) || graceOver.signal.aborted) return;
    isFailing = true;
    log.warn({ err: error }, message);
  }

  async function run(): Promise<void> {
    let backoffMs = pollMs;
    while (!stopping.signal.aborted) {
      const cannotRead = (error: unknown) => {
        failed(error, 'uploads that are due cannot be read, and are tried again');
        return null;
      };
      const more = await look().catch(cannotRead);
      await due?.run().catch(cannotRead);
      const waitMs = more === null ? backoffMs : more ? 0 : pollMs;
      backoffMs = more === null ? Math.min(backoffMs * 2, LONGEST_BACKOFF_MS) : pollMs;
      if (waitMs > 0) await pause(waitMs, stopping.signal);
    }
  }

  return {
    start() {
      done = run();
    },
    async stop(graceMs) {
      stopping.abort();
      const timer = setTimeout(() => graceOver.abort(), graceMs);
      await done;
      clearTimeout(timer);
    },
    due: () => due?.read() ?? null,
  };
}

const pause = (ms: number, signal: AbortSignal) =>
  new Promise<void>((resolve) => {
    if (signal.aborted) return resolve();
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener('abort', end);
  });
