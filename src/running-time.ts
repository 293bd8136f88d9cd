/**
 * Time in which this process ran: the clock of every limit on how long others may take. After a stall (SIGSTOP, a suspended
 * machine, a long pause of the event loop) nobody is blamed for time in which we did not look: what arrived meanwhile still
 * waits in the kernel, and who was stopped together with us has had no time either.
 *
 * The clock is coarse. It moves ten times a second, behind the poll phase of the event loop, so that everything that
 * had arrived has been read when a limit is looked at. Nobody reads a real clock for each request or piece of a body.
 */

const TICK_MS = 100;
/** All that a tick counts for, however late it is. One that is a little late is a busy process, not a stall. */
const MOST_PER_TICK_MS = 2 * TICK_MS;

let runningMs = 0;
let lookedAtMs = 0;
let ticker: NodeJS.Timeout | undefined;
const looks = new Set<() => void>();

/** The reading of the clock, ms. It stands still while nobody looks at it (`everyTick`). */
export const running = (): number => runningMs;

/** The reading at which `ms` will have passed: up to 200 ms later, or 100 ms sooner when we have just stalled. */
export const deadlineIn = (ms: number): number => runningMs + TICK_MS + ms;

/** On performance.now()'s clock, ms: everything that had arrived by then has been read. Stalls count. */
export const readUpTo = (): number => lookedAtMs;

/** Calls `look` at every tick, without keeping the process alive. @returns ends that */
export function everyTick(look: () => void): () => void {
  if (looks.size === 0) {
    lookedAtMs = performance.now();
    ticker = setInterval(setImmediate, TICK_MS, tick).unref();
  }
  looks.add(look);
  return () => {
    if (looks.delete(look) && looks.size === 0) clearInterval(ticker);
  };
}

function tick(): void {
  const now = performance.now();
  runningMs += Math.min(now - lookedAtMs, MOST_PER_TICK_MS);
  lookedAtMs = now;
  for (const look of looks) look();
}

export interface Countdown {
  /** Harmless when it is over. */
  cancel(): void;
}

/** setTimeout() on this clock; does not keep the process alive. */
export function afterRunning(ms: number, callback: () => void): Countdown {
  const cancel = everyTick(() => {
    if (runningMs <= deadline) return;
    cancel();
    callback();
  });
  const deadline = deadlineIn(ms);
  return { cancel };
}
