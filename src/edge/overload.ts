/**
 * Is this process so late that taking on another request only makes every client wait? Better a few clients are told to
 * come again than all of them time out (the queueing argument of CoDel, RFC 8289 §3: what counts is a delay that stays).
 *
 * Two clocks. The lateness of a timer is what a request waits before anybody looks at it, whatever the process is busy
 * with. And requests that are ready together are read in one turn of the event loop, thousands of them when so many
 * connections are open: the time since the first is what the next has waited. The timer is late only behind that turn
 * (docs/decisions/0011-overload-refuses-early.md).
 */

export interface OverloadWatch {
  /** Ask once for each request. @param nowMs when it arrived, for who has looked at the clock already */
  isOverloaded(nowMs?: number): boolean;
  start(): void;
  stop(): void;
}

const LOOK_EVERY_MS = 100;
/** One late tick is a pause (garbage collection, a module that is loaded); several in a row are a queue. */
const LATE_TICKS = 3;
/** For how long the requests of a turn must be late before it counts as crowded, ms: what a pause held up is done sooner. */
const STAYS_MS = 100;

/**
 * @param maxDelayMs lateness that counts as late; 0: never overloaded
 * @param nowMs a clock that never goes back
 */
export function createOverloadWatch(
  maxDelayMs: number,
  nowMs: () => number = () => performance.now(),
): OverloadWatch {
  let timer: NodeJS.Timeout | undefined;
  let expectedAt = 0;
  let lateTicks = 0;
  /** When the first request of this turn was read, and when one of them was first seen to be late. */
  let turnBeganAt: number | undefined;
  let lateSince: number | undefined;
  /** More is ready than can be done in time: of each turn only the beginning is taken on. */
  let isCrowded = false;
  let hasRefused = false;

  const look = () => {
    const now = nowMs();
    lateTicks = now - expectedAt > maxDelayMs ? lateTicks + 1 : 0;
    expectedAt = now + LOOK_EVERY_MS;
    isCrowded &&= hasRefused;
    hasRefused = false;
  };

  const endTurn = () => {
    turnBeganAt = undefined;
    lateSince = undefined;
  };

  /** Half of the delay is for requests; the refusals of the others must still fit in, or the timer would be late, too. */
  const isBehindInTurn = (now: number) => {
    if (turnBeganAt === undefined) {
      turnBeganAt = now;
      // Runs when everything that was ready has been read.
      setImmediate(endTurn);
    }
    const waitedMs = now - turnBeganAt;
    if (waitedMs > maxDelayMs) lateSince ??= now;
    if (lateSince !== undefined && now - lateSince >= STAYS_MS) isCrowded = true;
    const isBehind = isCrowded && waitedMs > maxDelayMs / 2;
    hasRefused ||= isBehind;
    return isBehind;
  };

  return {
    isOverloaded: (now = nowMs()) => timer !== undefined && (lateTicks >= LATE_TICKS || isBehindInTurn(now)),
    start() {
      if (maxDelayMs === 0) return;
      expectedAt = nowMs() + LOOK_EVERY_MS;
      timer = setInterval(look, LOOK_EVERY_MS).unref();
    },
    stop() {
      clearInterval(timer);
      timer = undefined;
    },
  };
}
