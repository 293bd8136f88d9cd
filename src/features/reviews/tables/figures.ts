/**
 * What the triggers keep, computed by reading every review: which are current, and the stats of each product. For a
 * migration, a repair or an operator, never for a request.
 */
import type { Knex } from 'knex';
import { STARS } from './function-bodies.ts';

export interface Drift {
  /** Reviews that were current and should not be, or the other way round. */
  readonly reviews: number;
  /** Products whose count or sum was wrong, missing or left over. */
  readonly products: number;
}

/**
 * The newest row of an author for a product is current, every other one superseded; a row without author, product or
 * rating belongs to nobody. One pass and a sort, however many rows an author has.
 */
const RANKED = `
  SELECT id, product_id IS NOT NULL AND author_id IS NOT NULL AND rating IS NOT NULL
             AND lead(id) OVER (PARTITION BY product_id, author_id, rating IS NULL ORDER BY id) IS NULL AS is_newest
    FROM product_reviews`;

/** In this order: two current rows of one author are impossible (product_reviews_current). */
const SUPERSEDE_OLDER = `
  UPDATE product_reviews AS review SET superseded_at = now()
    FROM (${RANKED}) AS ranked
   WHERE ranked.id = review.id AND NOT is_newest AND review.superseded_at IS NULL`;
const RESTORE_NEWEST = `
  UPDATE product_reviews AS review SET superseded_at = NULL
    FROM (${RANKED}) AS ranked
   WHERE ranked.id = review.id AND is_newest AND review.superseded_at IS NOT NULL`;

const COMPUTED_STATS = `
  SELECT product_id, count(*)::integer AS review_count, sum(${STARS})::bigint AS rating_sum
    FROM product_reviews
   WHERE superseded_at IS NULL
   GROUP BY product_id`;

/** A product without reviews may have a row of zeros, or none. */
const WRONG_STATS = `
  SELECT product_id
    FROM (${COMPUTED_STATS}) AS computed
    FULL JOIN product_review_stats AS stored USING (product_id)
   WHERE (coalesce(computed.review_count, 0), coalesce(computed.rating_sum, 0))
      IS DISTINCT FROM (coalesce(stored.review_count, 0), coalesce(stored.rating_sum, 0))`;

/**
 * Puts marks and stats right. The caller holds SHARE ROW EXCLUSIVE on product_reviews, so that no review slips between
 * counting and writing down, and has switched the triggers off, which would count each correction.
 */
export async function recompute(trx: Knex.Transaction): Promise<Drift> {
  const superseded = await changed(trx, SUPERSEDE_OLDER);
  const restored = await changed(trx, RESTORE_NEWEST);
  const products = await changed(trx, WRONG_STATS);
  if (products > 0) {
    await trx.raw('DELETE FROM product_review_stats');
    await trx.raw(
      `INSERT INTO product_review_stats (product_id, review_count, rating_sum) ${COMPUTED_STATS}`,
    );
  }
  return { reviews: superseded + restored, products };
}

/**
 * Works off what the triggers have noted. Not what somebody else is settling, who may wait for a lock of ours: that is
 * done as soon as we are.
 */
export async function settleAll(trx: Knex.Transaction): Promise<void> {
  await trx.raw(`
    DELETE FROM product_reviews_unsettled
     WHERE id IN (SELECT id FROM product_reviews_unsettled FOR UPDATE SKIP LOCKED)`);
}

async function changed(trx: Knex.Transaction, sql: string): Promise<number> {
  const { rowCount } = await trx.raw<{ rowCount: number | null }>(sql);
  return rowCount ?? 0;
}
