/**
 * Parts that are started one after the other and stopped in the opposite order, whatever ends the process.
 */

type Stop = () => Promise<unknown> | unknown;

export interface RunningParts {
  /** Aborted as soon as stopping begins: look at it before starting the next part. */
  readonly signal: AbortSignal;
  /** How the part that has just started is stopped. */
  onStop(stop: Stop): void;
  /** Stops everything and ends the process with this status. */
  stop(status: number): void;
}

/** A signal within this time of the first is the same Ctrl-C: a terminal sends it to npm and to us, and npm again to us. */
const SAME_KEY_MS = 1_000;
/** Nobody waits longer than this for the end, ms. */
const STOP_TIMEOUT_MS = 15_000;
const PARENT_CHECK_MS = 500;

/**
 * Runs `start`. A failure of it is printed as a sentence and stops everything with status 1; SIGINT, SIGTERM and SIGHUP
 * stop everything with status 0, a second one at once; so does an uncaught error, with status 1.
 * @param options.underNpm npm has started this process
 */
export function runParts(
  start: (parts: RunningParts) => Promise<void>,
  { underNpm }: { underNpm: boolean },
): void {
  const stopping = new AbortController();
  const stops: Stop[] = [];
  let stoppingSince = 0;

  const stop = async (status: number) => {
    if (stopping.signal.aborted) return;
    stopping.abort();
    stoppingSince = performance.now();
    setTimeout(() => {
      console.error('Some parts do not stop; leaving without waiting for them.');
      process.exit(1);
    }, STOP_TIMEOUT_MS).unref();
    // A part that is just starting cannot be stopped yet.
    await startup;
    for (const stopPart of stops.toReversed()) {
      try {
        await stopPart();
      } catch (error) {
        console.error(sentence(error));
      }
    }
    process.exit(status);
  };

  const stopPolitely = () => {
    console.log('\nStopping … (Ctrl-C to leave without waiting)');
    stop(0);
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (!stopping.signal.aborted) stopPolitely();
      else if (performance.now() - stoppingSince > SAME_KEY_MS) process.exit(1);
    });
  }
  process.on('uncaughtException', (error) => {
    console.error(error);
    stop(1);
  });
  if (underNpm) whenParentIsGone(stopPolitely);

  const parts: RunningParts = { signal: stopping.signal, onStop: (part) => void stops.push(part), stop };
  const startup = start(parts).catch((error) => {
    if (stopping.signal.aborted) return;
    console.error(`\n${sentence(error)}\n`);
    // Not awaited here: stopping waits for this very promise.
    stop(1);
  });
}

/**
 * npm runs a script through a shell, and passes SIGTERM on to the shell alone, which dies and leaves its child to
 * itself. When our parent is gone, so is npm.
 */
function whenParentIsGone(act: () => void): void {
  const parent = process.ppid;
  const check = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(check);
    act();
  }, PARENT_CHECK_MS);
  check.unref();
}

const sentence = (error: unknown) => (error instanceof Error ? error.message : String(error));
