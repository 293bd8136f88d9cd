/** How a feature tells of a change: a row of the outbox, in the same transaction as the change. */

export interface NewEvent {
  /** Whose events are delivered in order, e.g. `upload:<id>`, `review:<id>`. */
  readonly subject: string;
  /** e.g. `upload.ready` */
  readonly type: string;
  /** Becomes JSON here, once: every attempt sends this text. */
  readonly data: unknown;
  /** When the change was; by default the moment of the INSERT. */
  readonly occurredAt?: Date;
}

/** A Knex transaction, or anything else that runs SQL within one. */
interface Transaction {
  raw(sql: string, values: readonly (string | null)[]): PromiseLike<unknown>;
}

/**
 * Handed to the features by the composition root. Order per subject holds when whoever writes an event holds the row of
 * the subject: behind its INSERT, UPDATE or SELECT … FOR UPDATE.
 */
export interface EventWriter {
  /** Writes one event in the caller's transaction. Nothing without a webhook. @throws Error of the database */
  record(trx: Transaction, event: NewEvent): Promise<void>;
  /**
   * The same for a change that is a single statement: text for a CTE, which runs although nothing reads it.
   * @param select yields subject, type, data as json, and the time of the change; not run without a webhook
   * @example `WITH changed AS (UPDATE … RETURNING *),
   *   told AS (${insertFrom("SELECT 'upload:' || id, 'upload.ready', json_build_object(…), finished_at FROM changed")})
   *   SELECT … FROM changed`
   */
  insertFrom(select: string): string;
}

/** @param isOn whether a webhook is set: without one nobody would ever take the rows away */
export function createEventWriter(isOn: boolean): EventWriter {
  return {
    async record(trx, { subject, type, data, occurredAt }) {
      if (!isOn) return;
      await trx.raw(RECORD, [subject, type, JSON.stringify(data), occurredAt?.toISOString() ?? null]);
    },
    // Without a webhook the text stays, so that the statement has the same parameters.
    insertFrom: (select) => (isOn ? `${INSERT} ${select}` : `SELECT FROM (${select}) AS unheard WHERE false`),
  };
}

const INSERT = 'INSERT INTO sidecar_events (subject, type, data, occurred_at)';
const RECORD = `${INSERT} VALUES (?, ?, ?, coalesce(?, clock_timestamp()))`;
