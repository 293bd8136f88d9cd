/**
 * The outbox: an event is a row, written in the transaction that makes the change and delivered from here
 * (docs/decisions/0016-events-from-an-outbox.md). A row is in one of three states, and the time in it says which.
 */
import type { Migration } from '../../infra/postgres/schema-parts.ts';

export const eventOutbox: Migration = {
  name: 'events-0001-outbox',

  async up(trx) {
    for (const sql of CREATE) await trx.raw(sql);
  },

  async down(trx) {
    await trx.raw('DROP TABLE IF EXISTS sidecar_events');
  },
};

/**
 * `seq` orders the events of one subject: it is taken while the writer holds the subject's own row, so it cannot be
 * overtaken. `data` is json, not jsonb: it keeps the text, so that every attempt sends the same bytes. All indexes are
 * partial, since most rows are delivered and only wait to be removed.
 */
const CREATE = [
  `CREATE TABLE IF NOT EXISTS sidecar_events (
     id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
     seq bigint GENERATED ALWAYS AS IDENTITY,
     subject text NOT NULL,
     type text NOT NULL,
     data json NOT NULL,
     occurred_at timestamptz NOT NULL DEFAULT clock_timestamp(),
     due_at timestamptz DEFAULT clock_timestamp(),
     delivered_at timestamptz,
     failed_at timestamptz,
     attempts integer NOT NULL DEFAULT 0,
     lease uuid,
     last_error text,
     CHECK (num_nonnulls(due_at, delivered_at, failed_at) = 1)
   )`,
  `CREATE INDEX IF NOT EXISTS sidecar_events_due ON sidecar_events (due_at) WHERE due_at IS NOT NULL`,
  `CREATE INDEX IF NOT EXISTS sidecar_events_subject ON sidecar_events (subject, seq) WHERE due_at IS NOT NULL`,
  `CREATE INDEX IF NOT EXISTS sidecar_events_delivered ON sidecar_events (delivered_at)
     WHERE delivered_at IS NOT NULL`,
  `CREATE INDEX IF NOT EXISTS sidecar_events_failed ON sidecar_events (failed_at, seq) WHERE failed_at IS NOT NULL`,
];
