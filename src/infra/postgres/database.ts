/**
 * PostgreSQL through Knex: one small pool, opened on first use, that answers or fails within five seconds whatever the
 * server does.
 */
import type { Knex } from 'knex';
import type { DatabaseTarget } from '../../config/database-url.ts';
import { AppError } from '../../errors.ts';
import { isUnavailable } from './failure.ts';
import { createKnex, sendStatement } from './knex.ts';
import { createNamedStatements, type NamedStatement } from './named-statements.ts';

export interface RunOptions {
  /** When the caller gives up, on performance.now()'s clock; WORK_TIMEOUT_MS from now at the latest. */
  readonly untilMs?: number;
  /** Of several pieces of work together; what each takes is taken from it. */
  readonly allowance?: { leftMs: number };
}

/** @param giveUpAt when nobody waits for it any more, on performance.now()'s clock */
type Work<T> = (knex: Knex, giveUpAt: number) => Promise<T>;

export interface Database {
  /**
   * Runs work on the pool. @throws AppError 503 when the database cannot answer in time; errors of the SQL itself pass
   */
  run<T>(work: Work<T>, options?: RunOptions): Promise<T>;
  /** Runs one statement that the server keeps prepared, where it does; its rows. @throws as `run` */
  query<Row>(statement: NamedStatement, options?: RunOptions): Promise<Row[]>;
  /** The same as `run` inside a transaction, which is taken back when it is late. */
  transaction<T>(work: (trx: Knex.Transaction) => Promise<T>, options?: RunOptions): Promise<T>;
  /** Does it answer a query within 2 s? Never throws. */
  ping(): Promise<boolean>;
  /** Connections of the pool, for the metrics. */
  pool(): { readonly used: number; readonly free: number; readonly waiting: number };
  /** Closes the pool; work in progress may fail. */
  close(): Promise<void>;
}

/** A client waits 30 s; whoever needs the database should know much sooner that it is not there. */
const WORK_TIMEOUT_MS = 4_500;
const PING_TIMEOUT_MS = 2_000;
const CANCEL_BEFORE_MS = 200;

/** 503: the database is away, or is not as it must be. */
export const databaseUnavailable = (cause: unknown) => new AppError('database_unavailable', { cause });

/** Nothing is loaded or connected before the first use: forwarding must not wait for Knex. */
export function createDatabase(target: DatabaseTarget, options: { readonly poolMax: number }): Database {
  let opened: Knex | undefined;
  const open = () => {
    opened ??= createKnex(target, options);
    return opened;
  };

  const run: Database['run'] = async (
    work,
    { untilMs = Number.POSITIVE_INFINITY, allowance = { leftMs: Number.POSITIVE_INFINITY } } = {},
  ) => {
    const knex = open();
    const startedAt = performance.now();
    const timeoutMs = Math.min(WORK_TIMEOUT_MS, untilMs - startedAt, allowance.leftMs);
    try {
      if (timeoutMs <= 0) throw new WorkTimeoutError();
      return await within(timeoutMs, work(knex, startedAt + timeoutMs));
    } catch (error) {
      if (isUnavailable(error)) throw databaseUnavailable(error);
      throw error;
    } finally {
      allowance.leftMs -= performance.now() - startedAt;
    }
  };

  const named = createNamedStatements();
  return {
    run,
    query: <Row>(statement: NamedStatement, options?: RunOptions) =>
      run(
        (knex, giveUpAt) =>
          named.run(statement, (name) =>
            // One that is still waited for by the time of the 503 could have its effect afterwards.
            sendStatement(knex, name, statement, giveUpAt - CANCEL_BEFORE_MS),
          ) as Promise<Row[]>,
        options,
      ),
    transaction: (work, options) =>
      run(
        (knex, giveUpAt) =>
          knex.transaction(async (trx) => {
            const result = await work(trx);
            // Somebody was told that it has failed, and may do it again.
            if (performance.now() >= giveUpAt) throw new WorkTimeoutError();
            return result;
          }),
        options,
      ),
    ping: () =>
      run((knex) => knex.raw('SELECT 1'), { untilMs: performance.now() + PING_TIMEOUT_MS }).then(
        () => true,
        () => false,
      ),
    pool() {
      // Closed, it has none: a worker tells its figures once more behind that.
      const pool = opened?.client.pool;
      return {
        used: pool?.numUsed() ?? 0,
        free: pool?.numFree() ?? 0,
        waiting: pool?.numPendingAcquires() ?? 0,
      };
    },
    close: async () => {
      await opened?.destroy();
    },
  };
}

/** The work goes on in the background when it is late, so that its connection is cleaned up; its result is dropped. */
function within<T>(timeoutMs: number, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new WorkTimeoutError()), timeoutMs);
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

class WorkTimeoutError extends Error {
  override readonly name = 'WorkTimeoutError';
  readonly code = 'ETIMEDOUT';
  constructor() {
    super('the database did not answer in time');
  }
}
