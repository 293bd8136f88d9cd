/**
 * The outbox: an event is a row, written in the transaction that makes the change and delivered from here
 * (docs/decisions/0016-events-from-an-outbox.md). A row is in one of three states, and the time in it says which.
 */
import type { Knex } from 'knex';
import type { LongWork } from '../../infra/postgres/long-work.ts';
import type { SchemaPart } from '../../infra/postgres/schema-parts.ts';
import { isBehind, moveSequences, type Numbered, sequencesBehind } from '../../infra/postgres/sequences.ts';

export const eventTables: SchemaPart = {
  migrations: [
    {
      name: 'events-0001-outbox',
      up: create,
      async down(trx) {
        await trx.raw('DROP TABLE IF EXISTS sidecar_events');
      },
    },
  ],
  // A backup may have been restored without it.
  repairs: [create, moveNumbers],
  // Not looked for by the checks: without them nothing is wrong, only slower.
  longRepair: makeIndexesOfPeople,
  async findProblems(knex) {
    const { rows } = await knex.raw<{ rows: { name: string }[] }>(
      'SELECT name FROM unnest(?::text[]) AS name WHERE to_regclass(name) IS NULL',
      [Object.keys(RELATIONS)],
    );
    if (rows.length > 0) return rows.map(({ name }) => `${name} is missing`);
    return (await sequencesBehind(knex, [NUMBERS])).map(isBehind);
  },
  // A table that somebody has copied back (CREATE TABLE … AS) fills in nothing, and refuses nothing.
  async rehearse(trx) {
    const { rows } = await trx.raw<{ rows: { is_right: boolean }[] }>(
      `INSERT INTO sidecar_events (subject, type, data) VALUES ('x', 'x', '{}')
       RETURNING num_nulls(id, seq, occurred_at, due_at, attempts) = 0 AS is_right`,
    );
    if (!rows[0]?.is_right) throw new Error('sidecar_events has lost its defaults');
  },
};

async function create(trx: Knex.Transaction): Promise<void> {
  for (const [name, sql] of Object.entries(RELATIONS))
    await trx.raw(sql.replace('$name', `IF NOT EXISTS ${name}`));
}

/** Of the events that were written, sent or given up last, by their indexes. */
const LATEST = ['due_at', 'delivered_at', 'failed_at'].map(
  (moment) => `(SELECT seq FROM sidecar_events WHERE ${moment} IS NOT NULL ORDER BY ${moment} DESC LIMIT 1)`,
);
const NUMBERS: Numbered = {
  ...{ table: 'sidecar_events', column: 'seq' },
  sample: `(SELECT max(seq) FROM (${LATEST.join(' UNION ALL ')}) AS latest)`,
};

/** Behind the rows, it would put what happens next before what waits. */
async function moveNumbers(trx: Knex.Transaction): Promise<void> {
  await moveSequences(trx, [NUMBERS], () => trx.raw('LOCK TABLE sidecar_events IN SHARE ROW EXCLUSIVE MODE'));
}

/** Beside those who write and send: the table may be a large one. What a killed process has left invalid is made anew. */
async function makeIndexesOfPeople(work: LongWork): Promise<void> {
  for (const [name, on] of Object.entries(INDEXES_OF_PEOPLE)) {
    const { rows } = await work.step((trx) =>
      trx.raw<{ rows: { path: string; valid: boolean | null }[] }>(
        `SELECT relnamespace::regnamespace::text AS path,
                (SELECT indisvalid FROM pg_index JOIN pg_class AS made ON made.oid = indexrelid
                  WHERE indrelid = outbox.oid AND made.relname = ?) AS valid
           FROM pg_class AS outbox WHERE oid = 'sidecar_events'::regclass`,
        [name],
      ),
    );
    const { path, valid } = rows[0] ?? { path: '', valid: true };
    if (valid) continue;
    if (valid === false) await work.statement(`DROP INDEX CONCURRENTLY ${path}.${name}`);
    work.tell(`making the index ${name}`);
    await work.statement(`CREATE INDEX CONCURRENTLY ${name} ON ${path}.sidecar_events ${on}`);
  }
}

/**
 * Of whom an event of reviews tells, and who has done what it tells of to a review of somebody else: what is erased is looked up
 * by them (features/reviews/privacy/forget-events.ts), whatever became of the event.
 */
const INDEXES_OF_PEOPLE = {
  sidecar_events_author: `((data -> 'review' ->> 'author_id'), subject) WHERE type LIKE 'review.%'`,
  sidecar_events_actor: `((data ->> 'actor_id')) WHERE type IN ('review.reported', 'review.replied')`,
};

/**
 * `seq` orders the events of one subject: it is taken while the writer holds the subject's own row, so it cannot be
 * overtaken. `data` is json, not jsonb: it keeps the text, so that every attempt sends the same bytes. All indexes are
 * partial, since most rows are delivered and only wait to be removed.
 */
const RELATIONS = {
  sidecar_events: `
    CREATE TABLE $name (
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
  sidecar_events_due: 'CREATE INDEX $name ON sidecar_events (due_at) WHERE due_at IS NOT NULL',
  sidecar_events_subject: 'CREATE INDEX $name ON sidecar_events (subject, seq) WHERE due_at IS NOT NULL',
  sidecar_events_delivered:
    'CREATE INDEX $name ON sidecar_events (delivered_at) WHERE delivered_at IS NOT NULL',
  sidecar_events_failed: 'CREATE INDEX $name ON sidecar_events (failed_at, seq) WHERE failed_at IS NOT NULL',
};
