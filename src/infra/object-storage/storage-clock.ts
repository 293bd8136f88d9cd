/**
 * The storage's clock, learned from its Date headers. It judges a signature by its own: with ours a quarter of an hour slow
 * every upload is refused, and with any difference a URL does not live as long as it says.
 */
import type { Log } from '../logger.ts';

export interface StorageClock {
  /** What the storage's clock shows, ms since 1970; ours, while nothing is known of it. */
  now(): number;
  /** Takes note of the fields of an answer; whatever is in them. */
  observe(headers: Readonly<Record<string, string>>): void;
  /** Is anything known? Not any more when our clock was set or the machine has slept. */
  isKnown(): boolean;
  /** Should the storage be asked? Nothing is known, or for too long, or the last answer contradicts it. */
  isStale(): boolean;
  /** Does the last answer contradict what is known, so that what is signed now may be refused? */
  isContradicted(): boolean;
}

export interface LocalClocks {
  /** ms since 1970; may be set at any time. */
  readonly wall: () => number;
  /** ms of any beginning; nobody sets it, and it may stand still while the machine sleeps. */
  readonly running: () => number;
}

/** RFC 9110 §5.6.7, the form that is sent today. */
const HTTP_DATE = /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$/;
/** A Date has whole seconds and has travelled. */
const NO_DIFFERENCE_MS = 2_000;
/** Further apart than this, one of two Dates is wrong. */
const SAME_MS = 60_000;
/** A time zone that was mistaken for another is half of this; beyond it something is broken that we cannot mend. */
const FARTHEST_MS = 24 * 60 * 60_000;
const FRESH_MS = 60_000;

export function createStorageClock(
  log: Pick<Log, 'warn' | 'info'>,
  local: LocalClocks = { wall: Date.now, running: performance.now.bind(performance) },
): StorageClock {
  /** How far the storage's clock is ahead of ours, and when that was so, by both of ours. */
  let known: { aheadMs: number; wallMs: number; runningMs: number } | undefined;
  /** Of the last answer, when it contradicts what is known: it counts when the next one agrees with it. */
  let contradiction: number | undefined;
  let loggedMs = 0;

  const isKnown = () => {
    if (known === undefined) return false;
    const wasSetBy = local.wall() - known.wallMs - (local.running() - known.runningMs);
    return Math.abs(wasSetBy) <= NO_DIFFERENCE_MS;
  };
  const isExpected = (aheadMs: number) =>
    known === undefined ||
    !isKnown() ||
    [known.aheadMs, contradiction].some((ms) => ms !== undefined && Math.abs(aheadMs - ms) <= SAME_MS);
  const report = (aheadMs: number) => {
    if (Math.abs(aheadMs - loggedMs) <= SAME_MS) return;
    loggedMs = aheadMs;
    const aheadSeconds = Math.round(aheadMs / 1000);
    if (Math.abs(aheadMs) > FARTHEST_MS)
      log.warn({ aheadSeconds }, 'the clocks of the storage and of this machine are more than a day apart');
    else if (Math.abs(aheadMs) > SAME_MS)
      log.warn(
        { aheadSeconds },
        'the clock of this machine is not that of the storage, by which uploads are signed',
      );
    else log.info({ aheadSeconds }, 'the clock of this machine is that of the storage again');
  };

  return {
    isKnown,
    now: () => local.wall() + (known !== undefined && isKnown() ? known.aheadMs : 0),
    isStale: () =>
      known === undefined ||
      contradiction !== undefined ||
      !isKnown() ||
      local.running() - known.runningMs > FRESH_MS,
    isContradicted: () => contradiction !== undefined,
    observe({ date = '', age }) {
      // A cache's answer has the Date of another time.
      const atMs = age === undefined && HTTP_DATE.test(date) ? Date.parse(date) : Number.NaN;
      if (Number.isNaN(atMs)) return;
      const wallMs = local.wall();
      const differenceMs = atMs - wallMs;
      const aheadMs = Math.abs(differenceMs) <= NO_DIFFERENCE_MS ? 0 : differenceMs;
      const isFar = Math.abs(aheadMs) > FARTHEST_MS;
      if (isFar) report(aheadMs);
      if (isFar || !isExpected(aheadMs)) {
        contradiction = aheadMs;
        return;
      }
      contradiction = undefined;
      known = { aheadMs, wallMs, runningMs: local.running() };
      report(aheadMs);
    },
  };
}
