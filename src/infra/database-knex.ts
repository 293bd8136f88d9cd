/**
 * The Knex instance: libpq's TLS, time limits on both sides, and connections that hang thrown away instead of handed
 * to the next request.
 */
import type { Knex } from 'knex';
import { connectionSettings } from './database-connection.ts';
import { isConnectionLost } from './database-failure.ts';
import type { DatabaseTarget } from './database-url.ts';

const ACQUIRE_TIMEOUT_MS = 2_500;
/** The server gives up first; the client's limit is for a server that cannot even do that. */
const STATEMENT_TIMEOUT_MS = 3_500;
const QUERY_TIMEOUT_MS = 4_000;

export interface KnexOptions {
  readonly poolMax: number;
  /** Limits per statement, ms; 0: none (migrations). */
  readonly statementTimeoutMs?: number;
}

/** Loads Knex and makes an instance; nothing connects yet. */
export async function createKnex(target: DatabaseTarget, options: KnexOptions): Promise<Knex> {
  const { default: knex } = await import('knex');
  const limits =
    options.statementTimeoutMs === 0
      ? {}
      : { statement_timeout: STATEMENT_TIMEOUT_MS, query_timeout: QUERY_TIMEOUT_MS };
  return knex({
    client: await clientFor(target, { ...limits, idle_in_transaction_session_timeout: 10_000 }),
    connection: {},
    pool: { min: 0, max: options.poolMax, idleTimeoutMillis: 60_000 },
    acquireConnectionTimeout: ACQUIRE_TIMEOUT_MS,
    // Knex would print on the console; whoever needs the error gets it thrown.
    log: { warn: ignore, error: ignore, debug: ignore, deprecate: ignore },
  });
}

/** Knex's PostgreSQL client with two things changed: how a connection is opened, and which are handed out again. */
async function clientFor(target: DatabaseTarget, limits: object): Promise<typeof Knex.Client> {
  const { default: PostgresClient } = await import('knex/lib/dialects/postgres/index.js');
  return class SidecarClient extends PostgresClient {
    /** Settings anew for every connection: a server may gain or lose TLS with a restart. */
    override async acquireRawConnection(): Promise<unknown> {
      this.connectionSettings = { ...(await connectionSettings(target)), ...limits };
      return super.acquireRawConnection();
    }

    /**
     * After a client-side timeout Knex puts the connection back into the pool with the query still running on it; the
     * next request would wait behind it. Marked as disposed it leaves the pool instead.
     */
    override async _query(connection: RawConnection, query: unknown): Promise<unknown> {
      try {
        return await super._query(connection, query);
      } catch (error) {
        if (isConnectionLost(error)) {
          connection.__knex__disposed = error;
          connection.connection?.stream?.destroy();
        }
        throw error;
      }
    }
  };
}

const ignore = () => undefined;

interface RawConnection {
  __knex__disposed?: unknown;
  connection?: { stream?: { destroy(): void } };
}
