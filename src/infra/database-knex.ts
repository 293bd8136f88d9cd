/**
 * The Knex instance: libpq's TLS, time limits on both sides, and connections that hang thrown away instead of handed
 * to the next request.
 */
import type { Knex } from 'knex';
import { connectionSettings } from './database-connection.ts';
import { explained, isConnectionLost, isUnsupportedStartupParameter } from './database-failure.ts';
import type { DatabaseTarget } from './database-url.ts';

const ACQUIRE_TIMEOUT_MS = 2_500;
/** The server gives up first; the client's limit is for a server that cannot even do that. */
const STATEMENT_TIMEOUT_MS = 3_500;
const QUERY_TIMEOUT_MS = 4_000;
/** A migration or a rebuild reads whole tables; nothing of ours needs longer than this. */
const LONG_STATEMENT_TIMEOUT_MS = 10 * 60_000;
const IDLE_IN_TRANSACTION_TIMEOUT_MS = 10_000;

export interface KnexOptions {
  readonly poolMax: number;
  /** `short`, the default, is for requests; `long` for migrations and rebuilds. */
  readonly statements?: 'short' | 'long';
  /** Cuts every connection when it is aborted. */
  readonly signal?: AbortSignal;
}

/** Loads Knex and makes an instance; nothing connects yet. */
export async function createKnex(target: DatabaseTarget, options: KnexOptions): Promise<Knex> {
  const { default: knex } = await import('knex');
  return knex({
    client: await clientFor(target, options),
    connection: {},
    pool: { min: 0, max: options.poolMax, idleTimeoutMillis: 60_000 },
    acquireConnectionTimeout: ACQUIRE_TIMEOUT_MS,
    // Knex would print on the console; whoever needs the error gets it thrown.
    log: { warn: ignore, error: ignore, debug: ignore, deprecate: ignore },
  });
}

/** Knex's PostgreSQL client with two things changed: how a connection is opened, and which are handed out again. */
async function clientFor(
  target: DatabaseTarget,
  { statements = 'short', signal }: KnexOptions,
): Promise<typeof Knex.Client> {
  const { default: PostgresClient } = await import('knex/lib/dialects/postgres/index.js');
  const clientLimits = statements === 'short' ? { query_timeout: QUERY_TIMEOUT_MS } : {};
  let serverLimits: object = {
    statement_timeout: statements === 'short' ? STATEMENT_TIMEOUT_MS : LONG_STATEMENT_TIMEOUT_MS,
    idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_TIMEOUT_MS,
  };
  return class SidecarClient extends PostgresClient {
    /** Settings anew for every connection: a server may gain or lose TLS with a restart. */
    override async acquireRawConnection(): Promise<unknown> {
      try {
        const settings = await connectionSettings(target, signal);
        this.connectionSettings = { ...settings, ...clientLimits, ...serverLimits };
        return await super.acquireRawConnection();
      } catch (error) {
        if (!isUnsupportedStartupParameter(error) || Object.keys(serverLimits).length === 0) {
          throw explained(error);
        }
        // PgBouncer takes none but its own few; the client's limit still holds.
        serverLimits = {};
        return this.acquireRawConnection();
      }
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
