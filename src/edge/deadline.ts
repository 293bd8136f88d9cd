/**
 * How long one request may wait for the database, however many times it asks: the user, the product and the review
 * share one allowance. The time that a client takes to send its body does not count.
 */
import type { IncomingMessage } from 'node:http';

/** A database that hangs is answered 503 within 5 s; what is missing to that is for a busy process. */
const DATABASE_TIME_MS = 4_300;

export interface DatabaseAllowance {
  leftMs: number;
}

const allowances = new WeakMap<IncomingMessage, DatabaseAllowance>();

/** What a request has left, for work that asks several times with other things in between. */
export function databaseAllowance(request: IncomingMessage): DatabaseAllowance {
  const allowance = allowances.get(request) ?? { leftMs: DATABASE_TIME_MS };
  allowances.set(request, allowance);
  return allowance;
}

/** How long a request has waited for the database until now. */
export const databaseTimeMs = (request: IncomingMessage) =>
  DATABASE_TIME_MS - databaseAllowance(request).leftMs;

/**
 * Runs work for a request with the moment, on performance.now()'s clock, at which it must have given up; what it takes is
 * taken from what the request has left.
 */
export async function withDatabaseDeadline<T>(
  request: IncomingMessage,
  work: (untilMs: number) => Promise<T>,
): Promise<T> {
  const allowance = databaseAllowance(request);
  const startedAt = performance.now();
  try {
    return await work(startedAt + allowance.leftMs);
  } finally {
    allowance.leftMs -= performance.now() - startedAt;
  }
}
