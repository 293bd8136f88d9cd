/**
 * Which of several hosts a connection goes to, as libpq decides it
 * (https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNECT-TARGET-SESSION-ATTRS): in order, the first that can
 * be reached and is what was asked for.
 */
import type { QueryConfig } from 'pg';
import type Client from 'pg/lib/client.js';
import type { DatabaseHost, TargetSession } from '../../config/database-hosts.ts';
import type { DatabaseTarget } from '../../config/database-url.ts';
import { ConnectError, isLoginRefused } from './failure.ts';

/** @throws Error when it takes longer, or fails */
export type OpenHost = (timeoutMs: number) => Promise<Client>;
type Host = DatabaseHost & { readonly open: OpenHost };
type Wanted = Pick<DatabaseTarget, 'targetSession' | 'isRandomOrder'>;

/**
 * A host that hangs has its share of the time and no more, so that the next one is still reached in time.
 * @returns opens a connection to a host that will do @throws ConnectError with the reason of every host
 */
export function createHostChoice(
  wanted: Wanted,
  hosts: readonly Host[],
  timeoutMs: number,
): () => Promise<Client> {
  const [only] = hosts;
  if (only !== undefined && hosts.length === 1 && wanted.targetSession === 'any')
    return () => only.open(timeoutMs);
  let latest: Host | undefined;

  return async () => {
    const until = performance.now() + timeoutMs;
    const failures: unknown[] = [];
    let secondBest: Client | undefined;
    const order = inOrder(wanted, hosts, latest);
    for (const [index, host] of order.entries()) {
      const shareMs = Math.max(1, Math.round((until - performance.now()) / (order.length - index)));
      try {
        const client = await host.open(shareMs);
        const lack = await whatIsLacking(client, wanted.targetSession, shareMs);
        if (lack === null) {
          latest = host;
          leave(secondBest);
          return client;
        }
        failures.push(named(host, new Error(lack)));
        if (wanted.targetSession === 'prefer-standby' && secondBest === undefined) secondBest = client;
        else leave(client);
      } catch (error) {
        failures.push(named(host, error));
        if (isLoginRefused(error)) break;
      }
    }
    if (secondBest !== undefined) return secondBest;
    throw new ConnectError(failures, '; ');
  };
}

/** What only one host can be is looked for first where it was last: the one before it may hang. */
function inOrder({ targetSession, isRandomOrder }: Wanted, hosts: readonly Host[], latest?: Host): Host[] {
  const order = isRandomOrder ? shuffled(hosts) : [...hosts];
  if (latest === undefined || !['read-write', 'primary'].includes(targetSession)) return order;
  return [latest, ...order.filter((host) => host !== latest)];
}

const shuffled = (hosts: readonly Host[]) =>
  hosts
    .map((host) => ({ host, place: Math.random() }))
    .sort((one, other) => one.place - other.place)
    .map(({ host }) => host);

interface Nature {
  readonly standby: boolean;
  /** Whether a transaction can only read. */
  readonly closed: boolean;
}

const NATURE = `SELECT pg_catalog.pg_is_in_recovery() AS standby, pg_catalog.current_setting('transaction_read_only') = 'on' AS closed`;

/**
 * Asked, as libpq asks servers before 14; from 14 on it reads what they report at the login, but a pooler may repeat what
 * its server was before a failover. @returns null: nothing @throws Error of a connection that is closed then
 */
async function whatIsLacking(
  client: Client,
  wanted: TargetSession,
  timeoutMs: number,
): Promise<string | null> {
  if (wanted === 'any') return null;
  const question: QueryConfig & { query_timeout: number } = { text: NATURE, query_timeout: timeoutMs };
  try {
    const { rows } = await client.query<Nature>(question);
    return rows[0] === undefined ? 'it does not say what it is' : lackOf(rows[0], wanted);
  } catch (error) {
    client.connection.stream.destroy();
    throw error;
  }
}

function lackOf({ standby, closed }: Nature, wanted: TargetSession): string | null {
  if (wanted === 'read-write') return closed ? 'it takes no writes' : null;
  if (wanted === 'read-only') return closed ? null : 'it takes writes';
  if (wanted === 'primary') return standby ? 'it is a standby' : null;
  return standby ? null : 'it is no standby';
}

function leave(client: Client | undefined): void {
  client?.end().catch(() => undefined);
}

function named({ host, port }: DatabaseHost, error: unknown): ConnectError {
  const failure = new ConnectError([error]);
  failure.message = `${host}:${port}: ${failure.message}`;
  return failure;
}
