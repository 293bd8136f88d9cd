/** Which ids lines keep, and that the table's sequence gives none of them to somebody else. */
import type { Knex } from 'knex';
import type { Facts } from '../tables/facts.ts';
import type { StoredLine } from './line.ts';

/** Of the lines of one statement, which cannot see each other: each review once, and each id. */
export function distinct(lines: readonly { readonly review: StoredLine }[], highestId: number) {
  const reviews = new Set<string>();
  const ids = new Set<number>();
  const rows: StoredLine[] = [];
  for (const { review } of lines) {
    // Two rows of one author may be of the same moment, a double tap of the old module's.
    const key = JSON.stringify([review.product_id, review.author_id, review.created_at, review.id]);
    if (reviews.has(key)) continue;
    reviews.add(key);
    const mayKeep = review.id !== null && review.id <= highestId && !ids.has(review.id);
    if (review.id !== null) ids.add(review.id);
    rows.push(mayKeep ? review : { ...review, id: null });
  }
  return { rows, repeated: lines.length - rows.length };
}

/** Half of what there is (of what JavaScript can tell apart): behind the highest id there must be room for those to come. */
export const highestIdFor = ({ columns }: Facts): number =>
  columns.some(({ table, name, type }) => table === 'product_reviews' && name === 'id' && type === 'integer')
    ? 2 ** 30
    : 2 ** 52;

/**
 * Ids that are kept must not come out of the sequence afterwards. Under a lock that lets readers pass: whoever writes has
 * either got an id before, and is through, or gets one behind these.
 */
export async function moveSequence(knex: Knex, { sequence }: Facts, highest: number): Promise<void> {
  if (sequence === null) return;
  const isBehind = `SELECT FROM pg_sequence WHERE seqrelid = ?::regclass AND coalesce(pg_sequence_last_value(seqrelid), 0) < ?`;
  if ((await knex.raw<{ rows: unknown[] }>(isBehind, [sequence, highest])).rows.length === 0) return;
  await knex.transaction(async (trx) => {
    await trx.raw('LOCK TABLE product_reviews IN SHARE ROW EXCLUSIVE MODE');
    await trx.raw(
      `SELECT setval(seqrelid, ?::bigint) FROM pg_sequence
        WHERE seqrelid = ?::regclass AND coalesce(pg_sequence_last_value(seqrelid), 0) < ?`,
      [highest, sequence, highest],
    );
  });
}
