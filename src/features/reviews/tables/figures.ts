/**
 * What the triggers keep, computed by reading every review: which are current, and the stats of each product. For a
 * migration, a repair or an operator, never for a request.
 */
import type { Knex } from 'knex';
import { WRONG_VOTES } from './recount.ts';
import { FIGURES, IS_PUBLISHED, sums, TAKES_PLACE } from './what-counts.ts';

export interface Drift {
  /** Reviews that were shown and should not be, or the other way round, or whose votes were counted wrongly. */
  readonly reviews: number;
  /** Products whose figures were wrong, missing or left over. */
  readonly products: number;
}

/** Of products without a note, of which nobody takes the figures for right. */
const isSettled = (product: string) =>
  `NOT EXISTS (SELECT FROM product_reviews_unsettled AS note WHERE note.product_id = ${product})`;

/** As the triggers have it (what-counts.ts). One pass and a sort, however many rows an author has. */
const WRONG_MARKS = `
  SELECT id::text
    FROM (SELECT id, product_id, superseded_at,
                 product_id IS NOT NULL AND author_id IS NOT NULL AND ${TAKES_PLACE} AND ${IS_PUBLISHED}
                   AND lead(id) OVER (PARTITION BY product_id, author_id, ${TAKES_PLACE} ORDER BY id) IS NULL AS is_shown
            FROM product_reviews) AS review
   WHERE is_shown <> (superseded_at IS NULL) AND ${isSettled('review.product_id')}`;

const SHOULD_BE_SHOWN = `
  SELECT product_id, rating, verified, media
    FROM (SELECT *, lead(id) OVER (PARTITION BY product_id, author_id ORDER BY id) IS NULL AS is_newest
            FROM product_reviews WHERE ${TAKES_PLACE} AND product_id IS NOT NULL AND author_id IS NOT NULL) AS newest
   WHERE is_newest AND ${IS_PUBLISHED}`;

/** Against what it should be, not against the marks. A product without reviews may have a row of zeros, or none. */
const WRONG_STATS = `
  SELECT product_id
    FROM (SELECT product_id, ${sums()} FROM (${SHOULD_BE_SHOWN}) AS shown GROUP BY product_id)
         AS computed (product_id, ${FIGURES.join(', ')})
    FULL JOIN product_review_stats AS stored USING (product_id)
   WHERE (${FIGURES.map((name) => `coalesce(computed.${name}, 0)`).join(', ')})
      IS DISTINCT FROM (${FIGURES.map((name) => `coalesce(stored.${name}, 0)`).join(', ')})
     AND ${isSettled('product_id')}`;

/** Compares marks, votes and stats with the reviews; locks nobody out. @throws Error when the tables are not there */
export async function findDrift(trx: Knex.Transaction): Promise<Drift> {
  // Of one moment.
  await trx.raw('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY');
  const { rows } = await trx.raw<{ rows: [Drift] }>(`
    SELECT (SELECT count(*)::integer FROM (${WRONG_MARKS} UNION ${WRONG_VOTES}) AS review) AS reviews,
           (SELECT count(*)::integer FROM (${WRONG_STATS}) AS product) AS products`);
  return rows[0];
}
