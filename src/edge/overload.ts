/**
 * Is this process so late that taking on another request only makes every client wait? Measured as the lateness of a
 * timer, which is what a request waits before anybody looks at it. Better a few clients are told to come again than
 * all of them time out (the queueing argument of CoDel, RFC 8289 §3: what counts is a delay that stays).
 */

export interface OverloadWatch {
  isOverloaded(): boolean;
  start(): void;
  stop(): void;
}

const LOOK_EVERY_MS = 100;
/** One late tick is a pause (garbage collection, a module that is loaded); several in a row are a queue. */
const LATE_TICKS = 3;

/** @param maxDelayMs lateness that counts as late; 0: never overloaded */
export function createOverloadWatch(maxDelayMs: number): OverloadWatch {
  let timer: NodeJS.Timeout | undefined;
  let expectedAt = 0;
  let lateTicks = 0;

  const look = () => {
    const now = performance.now();
    lateTicks = now - expectedAt > maxDelayMs ? lateTicks + 1 : 0;
    expectedAt = now + LOOK_EVERY_MS;
  };

  return {
    isOverloaded: () => lateTicks >= LATE_TICKS,
    start() {
      if (maxDelayMs === 0) return;
      expectedAt = performance.now() + LOOK_EVERY_MS;
      timer = setInterval(look, LOOK_EVERY_MS).unref();
    },
    stop() {
      clearInterval(timer);
      lateTicks = 0;
    },
  };
}
