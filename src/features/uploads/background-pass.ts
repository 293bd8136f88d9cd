/**
 * Looks at uploads that are due: those whose clients never say that they are done, those that nobody sent, what changed after it
 * was checked, what a killed sidecar left. Any number of processes may do so at once. Nothing here is waited for by a
 * request, and the connections are its own.
 */
import type { Log } from '../../infra/logger.ts';
import { StorageFailure } from '../../infra/object-storage/storage-failure.ts';
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

/** Of a look. `refused`: the storage answers, and does not do it. */
type Outcome = 'done' | 'refused' | 'failed';

export interface BackgroundPassOptions {
  readonly changes: Pick<Changes, 'claimDue' | 'release'>;
  readonly lifecycle: Pick<Lifecycle, 'settle'>;
  readonly log: Log;
  readonly counts: UploadCounts;
  readonly due: DueLook | null;
  readonly pollMs?: number;
}

/** So many are leased together, and looked at together where the storage takes its time. */
const BATCH = 32;
/** Beside them so many at least whose last look failed, and as many again as long as most of them do not fail once more. */
const FEWEST_AGAIN = 4;
/**
 * Between the beginnings of two looks, ms: each takes a third of a millisecond of this process's core or more, in pieces, and requests are
 * to come in between (docs/performance.md). The later the process is with its other work, the longer.
 */
const APART_MS = { least: 2, most: 20, forEachLate: 4 };
/** Timers have whole milliseconds. */
const NOT_LATE_MS = 1;
/** How long to wait for the next look after one whose turn came so late, ms. */
export const apartAfter = (lateMs: number): number =>
  Math.min(Math.max(APART_MS.least, (lateMs - NOT_LATE_MS) * APART_MS.forEachLate), APART_MS.most);
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
  let apartMs = APART_MS.least;
  let mostAgain = FEWEST_AGAIN;

  async function settle(row: UploadRow): Promise<Outcome> {
    try {
      const signal = AbortSignal.any([graceOver.signal, AbortSignal.timeout(LOOK_TIMEOUT_MS)]);
      await lifecycle.settle(row, { signal, untilMs: performance.now() + LOOK_TIMEOUT_MS });
      return 'done';
    } catch (error) {
      counts.failedLooks += 1;
      failed(error, 'an upload cannot be looked at, and is tried again');
      return error instanceof StorageFailure && error.isRefusal() ? 'refused' : 'failed';
    }
  }

  /** Lets one look begin. */
  async function takeTurn(): Promise<void> {
    const turnAt = performance.now() + apartMs;
    await pause(apartMs, stopping.signal);
    apartMs = apartAfter(performance.now() - turnAt);
  }

  async function settleInTurn(rows: readonly UploadRow[]): Promise<Outcome[]> {
    const looks: Promise<Outcome>[] = [];
    for (const row of rows) {
      await takeTurn();
      // Stopped meanwhile: whoever comes next need not wait for the lease.
      looks.push(stopping.signal.aborted ? changes.release(row).then(() => 'done') : settle(row));
    }
    return Promise.all(looks);
  }

  /** @returns whether there may be more to do at once; null: storage or database are away */
  async function look(): Promise<boolean | null> {
    const rows = await changes.claimDue({ fresh: BATCH, failed: mostAgain });
    const outcomes = await settleInTurn(rows);
    const again = rows.filter(({ attempts }) => attempts > 0).length;
    const mended = rows.filter(({ attempts }, index) => attempts > 0 && outcomes[index] === 'done').length;
    const isMending = mended * 2 >= again;
    const hasMore = rows.length - again === BATCH || (again === mostAgain && isMending);
    mostAgain = isMending ? Math.min(mostAgain * 2, BATCH) : FEWEST_AGAIN;
    if (rows.length === 0) return false;
    if (outcomes.every((outcome) => outcome === 'failed')) return null;
    if (outcomes.every((outcome) => outcome === 'done')) isFailing = false;
    return hasMore;
  }

  function failed(error: unknown, message: string): void {
    // The migrations make the table, and say themselves why they cannot.
    const causes = error instanceof Error ? [error, error.cause] : [];
    if (isFailing || causes.some(isSchemaMissing) || graceOver.signal.aborted) return;
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
