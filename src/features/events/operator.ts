/** The outbox as its operator sees it: what waits, what failed, and sending something again. For commands only. */
import type { Knex } from 'knex';
import type { DatabaseTarget } from '../../config/database-url.ts';
import { createKnex } from '../../infra/postgres/knex.ts';

export interface OutboxStatus {
  readonly waiting: number;
  /** Since the oldest waiting event, 0 without one. */
  readonly oldestSeconds: number;
  readonly delivered: number;
  readonly failed: number;
}

export interface FailedEvent {
  /** The webhook-id. */
  readonly id: string;
  readonly type: string;
  readonly subject: string;
  readonly occurredAt: Date;
  readonly attempts: number;
  readonly reason: string;
}

export interface OutboxOperator {
  /** @throws Error of the database, e.g. when it was never migrated; so do the others */
  status(): Promise<OutboxStatus>;
  /** Those that were given up, oldest first, in batches. */
  failed(): AsyncIterable<FailedEvent>;
  /** Makes an event due at once, whatever its state, with all its attempts before it. One that is just being sent stays as it is. */
  replay(id: string): Promise<'due' | 'under way' | 'unknown'>;
  /** The same for all that failed or wait for a later attempt. @returns how many */
  replayAll(): Promise<number>;
}

const BATCH = 1_000;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Connects for one piece of work. @param options `signal` cuts the connection */
export async function operateOutbox<T>(
  target: DatabaseTarget,
  work: (outbox: OutboxOperator) => Promise<T>,
  options: { readonly signal?: AbortSignal } = {},
): Promise<T> {
  const knex = createKnex(target, { ...options, poolMax: 1, statements: 'long' });
  try {
    return await work(createOperator(knex));
  } finally {
    await knex.destroy();
  }
}

function createOperator(knex: Knex): OutboxOperator {
  const run = async <Row>(sql: string, values: readonly (string | number)[] = []) =>
    (await knex.raw<{ rows: Row[] }>(sql, values)).rows;
  const change = async (sql: string, values: readonly string[] = []) =>
    (await knex.raw<{ rowCount: number | null }>(sql, values)).rowCount ?? 0;
  return {
    async status() {
      const [row] = await run<Record<keyof OutboxStatus, string>>(STATUS);
      return {
        waiting: Number(row?.waiting),
        oldestSeconds: Number(row?.oldestSeconds),
        delivered: Number(row?.delivered),
        failed: Number(row?.failed),
      };
    },
    async *failed() {
      for (let seq = '0'; ; ) {
        const rows = await run<FailedEvent & { seq: string }>(FAILED_PAGE, [seq, BATCH]);
        yield* rows;
        if (rows.length < BATCH) return;
        seq = rows.at(-1)?.seq ?? seq;
      }
    },
    async replay(id) {
      if (!UUID.test(id)) return 'unknown';
      if ((await change(`${REPLAY} AND id = ?`, [id])) > 0) return 'due';
      const found = await run('SELECT 1 FROM sidecar_events WHERE id = ?', [id]);
      return found.length > 0 ? 'under way' : 'unknown';
    },
    replayAll: () => change(`${REPLAY} AND (failed_at IS NOT NULL OR due_at > now())`),
  };
}

const STATUS = `
  SELECT count(due_at) AS waiting, count(delivered_at) AS delivered, count(failed_at) AS failed,
         coalesce(extract(epoch FROM now() - min(occurred_at) FILTER (WHERE due_at IS NOT NULL)), 0) AS "oldestSeconds"
    FROM sidecar_events`;

const FAILED_PAGE = `
  SELECT seq::text AS seq, id, type, subject, occurred_at AS "occurredAt", attempts, last_error AS reason
    FROM sidecar_events
   WHERE failed_at IS NOT NULL AND seq > ?
   ORDER BY seq
   LIMIT ?`;

/** Not one that is just being sent: another process would send it, too. */
const REPLAY = `
  UPDATE sidecar_events
     SET due_at = now(), delivered_at = NULL, failed_at = NULL, lease = NULL, attempts = 0, last_error = NULL
   WHERE (lease IS NULL OR due_at <= now())`;
