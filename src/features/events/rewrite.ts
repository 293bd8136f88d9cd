/**
 * How a feature takes back what its events say, because a person has the right to it. An event keeps its number, its place and
 * what has become of it; what waits, or is sent again, is sent as it is then.
 */

/** A Knex transaction, or anything else that runs SQL within one. */
interface Transaction {
  raw(sql: string, values: readonly (string | readonly string[])[]): PromiseLike<unknown>;
}

export interface Rewriting {
  /** SQL, a condition on columns of the outbox (tables.ts). @param outbox its name, to look at other events as well */
  readonly where: (outbox: string) => string;
  /** SQL: jsonb, out of `data`, which is jsonb. */
  readonly data: string;
  /** Of the condition. */
  readonly values: readonly (string | readonly string[])[];
}

/** Handed to the features by the composition root. In the caller's transaction. @throws Error of the database */
export type RewriteEvents = (trx: Transaction, rewriting: Rewriting) => Promise<void>;

const OUTBOX = 'sidecar_events';

/** In the order in which the pass changes several rows. With or without a webhook: there may have been one. */
export const rewriteEvents: RewriteEvents = async (trx, { where, data, values }) => {
  await trx.raw(
    `UPDATE ${OUTBOX} AS event SET data = rewritten.data
       FROM (SELECT id, (${data})::json AS data
               FROM (SELECT id, data::jsonb AS data FROM ${OUTBOX} WHERE ${where(OUTBOX)} ORDER BY seq FOR UPDATE) AS found
              WHERE data IS DISTINCT FROM (${data})) AS rewritten
      WHERE event.id = rewritten.id`,
    values,
  );
};
