/**
 * What a pass does to the outbox, each a single short statement: none is open while a receiver is waited for, and any
 * pooler will do. Times are the database's, so that sidecars whose clocks differ agree.
 */
import { randomUUID } from 'node:crypto';
import type { Database } from '../../infra/postgres/database.ts';

/** An event that this process alone may deliver, until its lease ends. */
export interface LeasedEvent {
  /** The webhook-id. */
  readonly id: string;
  readonly type: string;
  /** The same text in every attempt. */
  readonly body: string;
  /** This attempt included. */
  readonly attempts: number;
  readonly lease: string;
  /** On performance.now()'s clock: a delivery that begins later may outlast the lease. */
  readonly beginUntilMs: number;
}

export interface OutboxFigures {
  readonly waiting: number;
  /** Since the oldest waiting event, 0 without one. */
  readonly oldestSeconds: number;
  readonly failed: number;
}

export interface Outbox {
  /** Leases at most `limit` events that are due. `more`: there may be others. @throws AppError 503, or as the SQL fails */
  lease(limit: number): Promise<{ readonly events: readonly LeasedEvent[]; readonly more: boolean }>;
  /** Answered 2xx: a fact, whoever has the lease by now. */
  delivered(event: LeasedEvent): Promise<void>;
  /** Not answered 2xx: tried again in `delaySeconds`, or kept as failed. Without effect when the lease is another's by now. */
  failed(event: LeasedEvent, reason: string, delaySeconds: number | null): Promise<void>;
  /** Not tried after all: due at once, for whoever comes first. */
  release(event: LeasedEvent): Promise<void>;
  /** Removes a batch of what was delivered long ago. `more`: there may be others. */
  removeDelivered(): Promise<{ readonly more: boolean }>;
  /** Reads every waiting and failed row: not for each scrape. */
  figures(): Promise<OutboxFigures>;
}

/** Longer than a delivery may take (10 s), with time to write its outcome down. What a dead sidecar had waits for this. */
const LEASE_SECONDS = 60;
/** How long an event is not looked at again whose predecessor is under way just now; its outcome wakes it sooner. */
const LOOK_AGAIN_SECONDS = 5;
export const KEEP_DELIVERED_DAYS = 7;
const REMOVAL_BATCH = 500;

export function createOutbox(database: Database): Outbox {
  const run = <Row>(sql: string, values: readonly (string | number)[] = []) =>
    database.run(async (knex) => (await knex.raw<{ rows: Row[] }>(sql, values)).rows);
  return {
    async lease(limit) {
      const lease = randomUUID();
      const beginUntilMs = performance.now() + (LEASE_SECONDS * 1000) / 2;
      const rows = await run<LeaseRow>(LEASE, [limit, lease]);
      return {
        events: rows.filter((row) => row.is_leased).map((row) => toEvent(row, { lease, beginUntilMs })),
        more: rows.length === limit,
      };
    },
    async delivered({ id }) {
      await run(DELIVERED, [id]);
    },
    async failed({ id, lease }, reason, delaySeconds) {
      if (delaySeconds === null) await run(FAILED, [reason, id, lease]);
      else await run(RETRY, [delaySeconds, reason, id, lease]);
    },
    async release({ id, lease }) {
      await run(RELEASE, [id, lease]);
    },
    async removeDelivered() {
      return { more: (await run(REMOVE_DELIVERED)).length === REMOVAL_BATCH };
    },
    async figures() {
      const [row] = await run<{ waiting: string; oldest_seconds: string; failed: string }>(FIGURES);
      return {
        waiting: Number(row?.waiting),
        oldestSeconds: Number(row?.oldest_seconds),
        failed: Number(row?.failed),
      };
    },
  };
}

interface LeaseRow {
  id: string;
  type: string;
  occurred_at: string;
  data: string;
  attempts: number;
  is_leased: boolean;
}

/** Never change the text that comes out: attempts before and after an upgrade would differ. */
const toEvent = (
  { id, type, occurred_at, data, attempts }: LeaseRow,
  lease: Pick<LeasedEvent, 'lease' | 'beginUntilMs'>,
): LeasedEvent => ({
  id,
  type,
  body: `{"type":${JSON.stringify(type)},"timestamp":"${occurred_at}","data":${data}}`,
  attempts,
  ...lease,
});

/**
 * What is due, longest first. Whatever has an older event of its subject before it is not leased but moved behind that
 * one: otherwise each pass would read, and pass over, all that wait for a receiver that is down. SKIP LOCKED lets
 * processes take different rows; a row whose lease ended is due again. Whoever reads a state that has just changed
 * moves a row for LOOK_AGAIN_SECONDS too long, and never takes one that is held up: an older event cannot appear later.
 */
const LEASE = `
  WITH due AS MATERIALIZED (
    SELECT id, subject, seq
      FROM sidecar_events
     WHERE due_at <= now()
     ORDER BY due_at
     LIMIT ?
       FOR UPDATE SKIP LOCKED
  ), looked_at AS (
    SELECT due.id, older.id IS NULL AS is_leased,
           CASE WHEN older.lease IS NULL AND older.due_at > now() THEN older.due_at
                ELSE now() + interval '${LOOK_AGAIN_SECONDS} seconds' END AS look_again_at
      FROM due
      LEFT JOIN LATERAL (
        SELECT id, due_at, lease
          FROM sidecar_events
         WHERE subject = due.subject AND seq < due.seq AND due_at IS NOT NULL
         ORDER BY seq
         LIMIT 1) AS older ON true
  )
  UPDATE sidecar_events AS event
     SET due_at = CASE WHEN is_leased THEN now() + interval '${LEASE_SECONDS} seconds' ELSE look_again_at END,
         lease = CASE WHEN is_leased THEN ?::uuid END,
         attempts = attempts + is_leased::integer
    FROM looked_at
   WHERE event.id = looked_at.id
  RETURNING event.id, type, data::text AS data, attempts, is_leased,
            to_char(occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS occurred_at`;

/** The next event of the subject need not wait any longer. */
const WAKE_NEXT = `
  UPDATE sidecar_events SET due_at = now()
   WHERE lease IS NULL AND id = (
     SELECT (SELECT id FROM sidecar_events
              WHERE subject = finished.subject AND seq > finished.seq AND due_at IS NOT NULL
              ORDER BY seq
              LIMIT 1)
       FROM finished)`;

const DELIVERED = `
  WITH finished AS (
    UPDATE sidecar_events SET due_at = NULL, lease = NULL, last_error = NULL, delivered_at = now()
     WHERE id = ? AND due_at IS NOT NULL
    RETURNING subject, seq)
  ${WAKE_NEXT}`;

/** For good: the later events of its subject go on. */
const FAILED = `
  WITH finished AS (
    UPDATE sidecar_events SET due_at = NULL, lease = NULL, last_error = ?, failed_at = now()
     WHERE id = ? AND lease = ?
    RETURNING subject, seq)
  ${WAKE_NEXT}`;

const RETRY = `
  UPDATE sidecar_events SET due_at = now() + make_interval(secs => ?), lease = NULL, last_error = ?
   WHERE id = ? AND lease = ?`;

const RELEASE = `
  UPDATE sidecar_events SET due_at = now(), lease = NULL, attempts = attempts - 1
   WHERE id = ? AND lease = ?`;

const REMOVE_DELIVERED = `
  DELETE FROM sidecar_events
   WHERE id IN (
     SELECT id FROM sidecar_events
      WHERE delivered_at < now() - interval '${KEEP_DELIVERED_DAYS} days'
      ORDER BY delivered_at
      LIMIT ${REMOVAL_BATCH}
        FOR UPDATE SKIP LOCKED)
  RETURNING 1`;

const FIGURES = `
  SELECT waiting.count AS waiting, waiting.oldest_seconds, failed.count AS failed
    FROM (SELECT count(*), coalesce(extract(epoch FROM now() - min(occurred_at)), 0) AS oldest_seconds
            FROM sidecar_events WHERE due_at IS NOT NULL) AS waiting,
         (SELECT count(*) FROM sidecar_events WHERE failed_at IS NOT NULL) AS failed`;
