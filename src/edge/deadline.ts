/**
 * How long one request may wait for the database, however many times it asks: the user, the product and the review
 * share one allowance. The time that a client takes to send its body does not count.
 */
import type { IncomingMessage } from 'node:http';

/** A database that hangs is answered 503 within 5 s; what is missing to that is for a busy process. */
const DATABASE_TIME_MS = 4_300;

const timeLeftMs = new WeakMap<IncomingMessage, number>();

/**
 * Runs work for a request with the moment, on performance.now()'s clock, at which it must have given up; what it takes is
 * taken from what the request has left.
 */
export async function withDatabaseDeadline<T>(
  request: IncomingMessage,
  work: (untilMs: number) => Promise<T>,
): Promise<T> {
  const leftMs = () => timeLeftMs.get(request) ?? DATABASE_TIME_MS;
  const startedAt = performance.now();
  try {
    return await work(startedAt + leftMs());
  } finally {
    timeLeftMs.set(request, leftMs() - (performance.now() - startedAt));
  }
}
