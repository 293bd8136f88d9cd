/** The sequences that fill ids: behind the rows that are there, they would give a number twice. */
import type { Knex } from 'knex';
import type { Facts } from './facts.ts';
import { OWN_TABLES } from './own-tables.ts';

/** Tables whose `id` comes out of a sequence. */
const NUMBERED = [
  'product_reviews',
  ...Object.keys(OWN_TABLES).filter((name) => OWN_TABLES[name]?.columns.id !== undefined),
];

/** SQL: the sequence of a table of ours. That of the reviews is a parameter: it need not belong to them. */
const sequenceOf = (table: string) =>
  table === 'product_reviews' ? '?::regclass' : `pg_get_serial_sequence('${table}', 'id')::regclass`;

/**
 * Tables whose `id` would be filled with a value that a row has already, as after a restore of data alone, or on a server that
 * got its data by logical replication, which leaves sequences out. A single high id at the end of the type does not count:
 * behind it there is nothing to go to.
 */
export async function sequencesBehind(knex: Knex, facts: Facts): Promise<string[]> {
  const hasId = (table: string) =>
    facts.columns.some((column) => column.table === table && column.name === 'id');
  const sql = NUMBERED.filter(hasId).map(
    (table) => `
    SELECT '${table}' AS name FROM pg_sequence s
     WHERE s.seqrelid = ${sequenceOf(table)} AND has_sequence_privilege(s.seqrelid, 'USAGE, SELECT')
       AND (SELECT max(id) FROM ${table} WHERE id < s.seqmax)
           >= coalesce(pg_sequence_last_value(s.seqrelid) + s.seqincrement, s.seqstart)`,
  );
  if (!hasId('product_reviews')) return [];
  const { rows } = await knex.raw<{ rows: { name: string }[] }>(sql.join(' UNION ALL '), [facts.sequence]);
  return rows.map(({ name }) => name);
}

/** To the highest id that there is. */
export async function moveSequence(trx: Knex.Transaction, table: string, facts: Facts): Promise<void> {
  await trx.raw(
    `SELECT setval(seqrelid, (SELECT max(id) FROM ${table} WHERE id < seqmax)) FROM pg_sequence WHERE seqrelid = ${sequenceOf(table)}`,
    table === 'product_reviews' ? [facts.sequence] : [],
  );
}
