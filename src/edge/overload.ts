/**
 * Is this process so late that taking on another request only makes every client wait? Better a few clients are told to
 * come again than all of them time out (the queueing argument of CoDel, RFC 8289 §3: what counts is a delay that stays).
 *
 * Two clocks. The lateness of a timer is what a request waits before anybody looks at it, whatever the process is busy
 * with. And requests that are ready together are read in one turn of the event loop, thousands of them when so many
 * connections are open: what the last of them has waited, the turn's clock tells. The timer is late only behind that turn.
 *
 * A refusal costs nearly half of what a small forwarded request costs. Where most are of that kind, refusing saves nothing:
 * they may wait longer (docs/decisions/0011-overload-refuses-early.md).
 */
import { createTurnClock, type TurnClock } from './turn-clock.ts';

export interface OverloadWatch {
  /** Ask once for each request. @param now when it arrived, for who has looked at the clock already */
  isOverloaded(now?: number): boolean;
  start(): void;
  stop(): void;
}

const LOOK_EVERY_MS = 100;
/** One late tick is a pause (garbage collection, a module that is loaded); several in a row are a queue. */
const LATE_TICKS = 3;
/** For how long the requests of a turn must be late before it counts as crowded, ms: what a pause held up is done sooner. */
const STAYS_MS = 100;
/** CPU time, ms: twenty refusals. With requests that cost more, refusing three of four leaves 85 % of the core for the fourth. */
const CHEAP_MS = 0.5;
/** How many times longer cheap requests may wait. */
const CHEAP_PATIENCE = 5;

/** Both never go back, ms. */
export interface OverloadClocks {
  now(): number;
  /** CPU time of this thread. */
  cpu(): number;
}

const CLOCKS: OverloadClocks = {
  now: () => performance.now(),
  cpu() {
    const { user, system } = process.threadCpuUsage();
    return (user + system) / 1000;
  },
};

/** @param maxDelayMs lateness that counts as late; 0: never overloaded */
export function createOverloadWatch(maxDelayMs: number, clocks = CLOCKS): OverloadWatch {
  let timer: NodeJS.Timeout | undefined;
  let limitMs = maxDelayMs;
  let expectedAt = 0;
  let lateTicks = 0;
  /** Since the last tick: requests that were taken on, and the CPU time then. */
  let taken = 0;
  let cpuBefore = 0;
  let turn: TurnClock | undefined;
  /** When a request of a turn was first seen to be late, if the others since then were, too. */
  let lateSince: number | undefined;
  /** More is ready than can be done in time: of each turn only the beginning is taken on. */
  let isCrowded = false;
  let hasRefused = false;

  const look = () => {
    const now = clocks.now();
    setLimit();
    lateTicks = now - expectedAt > limitMs ? lateTicks + 1 : 0;
    expectedAt = now + LOOK_EVERY_MS;
    isCrowded &&= hasRefused;
    hasRefused = false;
  };

  /** All that this thread did counts, whatever for: only when requests are many and cheap is none of it worth refusing. */
  const setLimit = () => {
    const cpu = clocks.cpu();
    if (taken > 0) limitMs = maxDelayMs * ((cpu - cpuBefore) / taken < CHEAP_MS ? CHEAP_PATIENCE : 1);
    cpuBefore = cpu;
    taken = 0;
  };

  /** Half of the delay is for requests; the refusals of the others must still fit in, or the timer would be late, too. */
  const isBehindInTurn = (clock: TurnClock, now: number) => {
    const waitedMs = clock.waitedMs(now);
    lateSince = waitedMs > limitMs ? (lateSince ?? now) : undefined;
    if (lateSince !== undefined && now - lateSince >= STAYS_MS) isCrowded = true;
    const isBehind = isCrowded && waitedMs > limitMs / 2;
    hasRefused ||= isBehind;
    return isBehind;
  };

  return {
    isOverloaded(now = clocks.now()) {
      if (turn === undefined) return false;
      const isOverloaded = lateTicks >= LATE_TICKS || isBehindInTurn(turn, now);
      if (!isOverloaded) taken += 1;
      return isOverloaded;
    },
    start() {
      if (maxDelayMs === 0) return;
      expectedAt = clocks.now() + LOOK_EVERY_MS;
      cpuBefore = clocks.cpu();
      turn = createTurnClock(maxDelayMs / 2);
      timer = setInterval(look, LOOK_EVERY_MS).unref();
    },
    stop() {
      clearInterval(timer);
      turn?.close();
      turn = undefined;
    },
  };
}
