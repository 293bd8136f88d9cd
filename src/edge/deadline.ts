/**
 * How long one request may wait for the database, however many times it asks: the user, the product and the review
 * share one allowance. The time that a client takes to send its body does not count.
 */
import type { IncomingMessage } from 'node:http';

/** A database that hangs is answered 503 within 5 s; what is missing to that is for a busy process. */
const DATABASE_TIME_MS = 4_300;

export interface TimeAllowance {
  /** Runs work with the moment at which it must have given up, on performance.now()'s clock, and counts its time. */
  spend<T>(work: (untilMs: number) => Promise<T>): Promise<T>;
}

const allowances = new WeakMap<IncomingMessage, TimeAllowance>();

/** The request's allowance; the same one for everybody who asks. */
export function databaseTimeOf(request: IncomingMessage): TimeAllowance {
  const known = allowances.get(request);
  if (known !== undefined) return known;
  const made = createTimeAllowance(DATABASE_TIME_MS);
  allowances.set(request, made);
  return made;
}

function createTimeAllowance(totalMs: number): TimeAllowance {
  let leftMs = totalMs;
  return {
    async spend(work) {
      const startedAt = performance.now();
      try {
        return await work(startedAt + leftMs);
      } finally {
        leftMs -= performance.now() - startedAt;
      }
    },
  };
}
