/**
 * The Knex instance: our own way to connect, time limits on both sides, and connections that hang thrown away instead
 * of handed to the next request.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Knex } from 'knex';
import type Client from 'pg/lib/client.js';
import type { DatabaseTarget } from '../../config/database-url.ts';
import { loadPackage } from '../../load-package.ts';
import { createConnector } from './connection.ts';
import { isConnectionLimit, isConnectionLost, isReadOnly, isUnanswered } from './failure.ts';
import { isOutdated, type NamedStatement } from './named-statements.ts';

const ACQUIRE_TIMEOUT_MS = 2_500;
/** Less: the reason is told to whoever has waited for nothing. */
const LIMIT_TIMEOUT_MS = 2_000;
const LIMIT_POLL_MS = 20;

/** A migration or a rebuild reads whole tables; nothing of ours needs longer than this. */
export const LONG_STATEMENT_MS = 10 * 60_000;
/** The server gives up first; our own limit is for a server that cannot even do that. */
const STATEMENT_LIMITS = {
  short: { serverMs: 3_500, ownMs: 4_000 },
  long: { serverMs: LONG_STATEMENT_MS, ownMs: LONG_STATEMENT_MS + 5_000 },
};

export interface KnexOptions {
  readonly poolMax: number;
  /** `short`, the default, is for requests; `long` for migrations and rebuilds. */
  readonly statements?: 'short' | 'long';
  /** Cuts every connection when it is aborted. */
  readonly signal?: AbortSignal;
  /** More settings of the session. */
  readonly session?: Readonly<Record<string, string>>;
}

/** Makes an instance; nothing connects yet. @throws AppError 503 when Knex cannot be loaded */
export function createKnex(target: DatabaseTarget, options: KnexOptions): Knex {
  return loadPackage('knex').knex({
    client: clientFor(target, options),
    connection: {},
    pool: { min: 0, max: options.poolMax, idleTimeoutMillis: 60_000 },
    acquireConnectionTimeout: ACQUIRE_TIMEOUT_MS,
    // Knex would print on the console; whoever needs the error gets it thrown.
    log: { warn: ignore, error: ignore, debug: ignore, deprecate: ignore },
  });
}

/**
 * One statement past Knex's builder, which costs as much as a short statement does. @param name to keep it prepared by
 * @param cancelAt when the server is told to give it up, on performance.now()'s clock
 * @throws Error of the database, or of the pool
 */
export async function sendStatement(
  { client }: Knex,
  name: string | undefined,
  { text, values }: NamedStatement,
  cancelAt: number,
): Promise<unknown[]> {
  const connection: PooledClient = await client.acquireConnection();
  try {
    // Node-postgres takes 0 for no limit.
    const limit = { query_timeout: Math.max(1, Math.ceil(cancelAt - performance.now())) };
    const query = { sql: text, bindings: values, options: name === undefined ? limit : { ...limit, name } };
    return (await client._query(connection, query)).response.rows;
  } catch (error) {
    if (name !== undefined && isOutdated(error)) connection.__knex__disposed = error;
    // What is said to have failed should not happen the next moment.
    await connection.cancelled;
    throw error;
  } finally {
    await client.releaseConnection(connection);
  }
}

/** Knex's PostgreSQL client: how a connection is opened, what a transaction is, which connections are used again. */
function clientFor(
  target: DatabaseTarget,
  { statements = 'short', signal, session = {} }: KnexOptions,
): typeof Knex.Client {
  const PostgresClient = loadPackage('knex/lib/dialects/postgres/index.js');
  const { serverMs, ownMs } = STATEMENT_LIMITS[statements];
  const connector = createConnector(target, {
    limits: {
      statement_timeout: String(serverMs),
      idle_in_transaction_session_timeout: '10000',
      lock_timeout: '0',
      default_transaction_isolation: 'read committed',
      ...session,
    },
    queryTimeoutMs: ownMs,
    ...(signal ? { signal } : {}),
  });

  return class SidecarClient extends PostgresClient {
    /** Ours loads node-postgres itself. */
    override _driver(): unknown {
      return {};
    }

    override async acquireRawConnection(): Promise<PooledClient> {
      const connection: PooledClient = await connector.open().catch(async (error) => {
        if (isConnectionLimit(error)) await this.whileOthersServe();
        throw error;
      });
      const retire = (reason?: Error) => {
        connection.__knex__disposed = reason ?? 'the connection has ended';
      };
      connection.on('error', retire).on('end', retire);
      return connection;
    }

    private atLimit = 0;

    /**
     * A server that lets nobody else in, as a burst meets it: whoever waits gets the next connection of the pool that is given
     * back, unless all of them are somebody else's. The pool would refuse the first one that waits.
     */
    private async whileOthersServe(): Promise<void> {
      const { pool } = this;
      const until = performance.now() + LIMIT_TIMEOUT_MS;
      this.atLimit += 1;
      const others = () => pool.numUsed() + pool.numFree() + pool.numPendingCreates() - this.atLimit;
      while (others() > 0 && pool.numPendingAcquires() > 0 && performance.now() < until)
        await sleep(LIMIT_POLL_MS);
      this.atLimit -= 1;
    }

    /** Whatever the database's default is: with another level two writers of one row would fail each other. */
    override transaction(container: unknown, config?: Knex.TransactionConfig, outer?: unknown) {
      return super.transaction(container, { isolationLevel: 'read committed', ...config }, outer);
    }

    /**
     * After a client-side timeout Knex puts the connection back into the pool with the query still running on it; the
     * next request would wait behind it. Marked as disposed it leaves the pool instead, and the server is told: behind
     * PgBouncer it would go on.
     */
    override async _query(connection: PooledClient, query: unknown): Promise<unknown> {
      try {
        return await super._query(connection, query);
      } catch (error) {
        if (isConnectionLost(error)) {
          connection.__knex__disposed = error;
          connection.cancelled = isUnanswered(error) ? connector.cancel(connection) : Promise.resolve();
          connection.cancelled.then(() => connection.connection.stream.destroy());
        }
        // The next connection looks for a server that takes writes; a transaction still ends on this one.
        if (isReadOnly(error)) connection.__knex__disposed = error;
        throw error;
      }
    }

    /** A pooler knows the statement to cancel by its connection, which must last until then. */
    override async destroyRawConnection(connection: PooledClient): Promise<void> {
      await connection.cancelled;
      await super.destroyRawConnection(connection);
    }
  };
}

const ignore = () => undefined;

type PooledClient = Client & {
  __knex__disposed?: unknown;
  /** Settles when the server has been asked to give up a statement that hangs. */
  cancelled?: Promise<void>;
};
