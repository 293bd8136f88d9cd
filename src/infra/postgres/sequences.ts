/**
 * Columns that a sequence fills. Logical replication leaves sequences out, and so does a restore of data alone: behind the rows that
 * are there they would give a number twice.
 */
import type { Knex } from 'knex';

export interface Numbered {
  readonly table: string;
  readonly column: string;
  /** Where it need not belong to the column; null: there is none. */
  readonly sequence?: string | null;
  /** SQL: a number that some row has, where to find the highest would mean to read all of them. */
  readonly sample?: string;
}

const sequenceOf = ({ table, column, sequence }: Numbered) =>
  sequence === undefined ? `pg_get_serial_sequence('${table}', '${column}')::regclass` : '?::regclass';
const valuesOf = ({ sequence }: Numbered) => (sequence === undefined ? [] : [sequence]);

/** A single high number at the end of the type does not count: behind it there is nothing to go to. */
const highestOf = ({ table, column }: Numbered) =>
  `(SELECT max(${column}) FROM ${table} WHERE ${column} < seqmax)`;

/** Those that would be filled with a value that a row has already. The tables must be there. */
export async function sequencesBehind(knex: Knex, numbered: readonly Numbered[]): Promise<Numbered[]> {
  if (numbered.length === 0) return [];
  const sql = numbered.map(
    (one, place) => `
    SELECT ${place} AS place FROM pg_sequence
     WHERE seqrelid = ${sequenceOf(one)} AND has_sequence_privilege(seqrelid, 'USAGE, SELECT')
       AND ${one.sample ?? highestOf(one)} >= coalesce(pg_sequence_last_value(seqrelid) + seqincrement, seqstart)`,
  );
  const { rows } = await knex.raw<{ rows: { place: number }[] }>(
    sql.join(' UNION ALL '),
    numbered.flatMap(valuesOf),
  );
  const behind = new Set(rows.map(({ place }) => place));
  return numbered.filter((_, place) => behind.has(place));
}

/**
 * Moves those that are behind to the highest number that there is. Looked at once more behind the lock: writers may have taken
 * numbers that nobody sees yet.
 * @param lockWritersOut called only when one is behind; left out where nobody else writes
 */
export async function moveSequences(
  trx: Knex.Transaction,
  numbered: readonly Numbered[],
  lockWritersOut: () => Promise<unknown> = async () => undefined,
): Promise<void> {
  if ((await sequencesBehind(trx, numbered)).length === 0) return;
  await lockWritersOut();
  for (const one of await sequencesBehind(trx, numbered))
    await trx.raw(
      `SELECT setval(seqrelid, ${highestOf(one)}) FROM pg_sequence WHERE seqrelid = ${sequenceOf(one)}`,
      valuesOf(one),
    );
}

export const isBehind = ({ table, column }: Numbered) => `the sequence of ${table}.${column} is behind`;
