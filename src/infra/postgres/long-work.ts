/**
 * Work on a database that others use meanwhile: short transactions that step aside when a lock is not to be had, and
 * statements outside of one. Whatever kills the process, what is done is done and the next one goes on with the rest.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Knex } from 'knex';
import { LONG_STATEMENT_MS } from './knex.ts';

export interface LongWork {
  /** A transaction of its own; again when a lock was not to be had. */
  step<T>(work: (trx: Knex.Transaction) => Promise<T>): Promise<T>;
  /** Outside of a transaction, as CREATE INDEX CONCURRENTLY has to be; one that waits for others may take minutes. */
  statement(sql: string): Promise<void>;
  /** Also what cannot be seen to be wrong is to be put right. */
  readonly always: boolean;
  readonly tell: Tell;
  /** @throws Error when we are to stop */
  sleep(ms: number): Promise<unknown>;
}

/** For people who wait. @param done of how many, if that is known: then it may be called as often as one likes */
export type Tell = (what: string, done?: number, of?: number) => void;

/** Any numbers, as long as nobody else uses them: advisory locks that make processes take turns. */
const STEP_LOCK = 7_206_150_331;
const WORK_LOCK = 7_206_150_330;
const TURN_POLL_MS = 200;
/**
 * DDL that waits for a busy table makes every later query wait behind it; better to step aside and come again
 * (https://www.postgresql.org/docs/current/explicit-locking.html). Nobody is to be held up for more than 2 s: a step
 * may wait for one lock while it has another one.
 */
const LOCK_TIMEOUT_MS = 900;
const LOCK_TRIES = 20;
const LOCK_NOT_AVAILABLE = '55P03';
const TELL_EVERY_MS = 2_000;

/** One step in one transaction; again when a lock was not to be had. */
export async function oneStep<T>(
  knex: Knex,
  signal: AbortSignal | undefined,
  step: (trx: Knex.Transaction) => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await knex.transaction(async (trx) => {
        await takeTurn(trx, signal);
        await trx.raw(
          `SET LOCAL lock_timeout = ${LOCK_TIMEOUT_MS}; SET LOCAL statement_timeout = ${LONG_STATEMENT_MS}`,
        );
        return await step(trx);
      });
    } catch (error) {
      const locked = error instanceof Error && 'code' in error && error.code === LOCK_NOT_AVAILABLE;
      if (!locked || attempt === LOCK_TRIES) throw error;
      await sleep(200 * attempt, undefined, { signal });
    }
  }
}

/**
 * Asks again and again instead of waiting in the server, which would not notice that we are gone. Belongs to the
 * transaction: a session's lock would outlive us at a pooler.
 */
async function takeTurn(trx: Knex.Transaction, signal?: AbortSignal): Promise<void> {
  while (!(await tryLock(trx, STEP_LOCK))) await sleep(TURN_POLL_MS, undefined, { signal });
}

/** Without parameters, whose portal would keep a snapshot until the next statement. */
async function tryLock(trx: Knex.Transaction, lock: number): Promise<boolean> {
  const sql = `SELECT pg_try_advisory_xact_lock(${lock}) AS taken`;
  const { rows } = await trx.raw<{ rows: { taken: boolean }[] }>(sql);
  return rows[0]?.taken ?? false;
}

/**
 * Work that one process at a time does; others wait here until it is done, or dead. The turn is a transaction on a
 * connection of its own, which has no snapshot: nothing waits for it, neither VACUUM nor CREATE INDEX CONCURRENTLY.
 */
export async function inTurn<T>(
  knex: Knex,
  { signal, tell }: { readonly signal: AbortSignal | undefined; readonly tell: Tell },
  work: () => Promise<T>,
): Promise<T> {
  for (;;) {
    const turn = await knex.transaction();
    try {
      // Of the session, at most 10 s.
      await turn.raw('SET LOCAL idle_in_transaction_session_timeout = 0');
      if (await tryLock(turn, WORK_LOCK)) return await work();
    } finally {
      await turn.rollback().catch(() => undefined);
    }
    tell('another process is at work on the database: waiting for it');
    await sleep(TURN_POLL_MS * 5, undefined, { signal });
  }
}

export function createLongWork(
  knex: Knex,
  options: { readonly signal: AbortSignal | undefined; readonly always: boolean; readonly tell: Tell },
): LongWork {
  const { signal, always, tell } = options;
  return {
    ...{ always, tell },
    step: (work) => oneStep(knex, signal, work),
    async statement(sql) {
      await knex.raw(sql);
    },
    sleep: (ms) => sleep(ms, undefined, { signal }),
  };
}

/** Says each new thing at once, and how far it is every two seconds. */
export function createTell(say: (progress: string) => void): Tell {
  const number = new Intl.NumberFormat('en');
  let told = '';
  let toldAt = Number.NEGATIVE_INFINITY;
  return (what, done, of) => {
    const isDue = what !== told || (done !== undefined && performance.now() - toldAt >= TELL_EVERY_MS);
    if (!isDue) return;
    told = what;
    toldAt = performance.now();
    const far = done === undefined ? '' : `: ${number.format(done)}`;
    say(`${what}${far}${of === undefined ? '' : ` of about ${number.format(of)}`}`);
  };
}
