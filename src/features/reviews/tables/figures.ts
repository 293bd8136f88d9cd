/**
 * What the triggers keep, computed by reading every review: which are current, and the stats of each product. For a
 * migration, a repair or an operator, never for a request.
 */
import type { Knex } from 'knex';
import { HANGING_TABLES } from './own-tables.ts';
import { FIGURES, IS_PUBLISHED, NEW_VERSION, sums, TAKES_PLACE } from './what-counts.ts';

export interface Drift {
  /** Reviews that were shown and should not be, or the other way round, or whose votes were counted wrongly. */
  readonly reviews: number;
  /** Products whose figures were wrong, missing or left over. */
  readonly products: number;
}

/** As the triggers have it (what-counts.ts). One pass and a sort, however many rows an author has. */
const RANKED = `
  SELECT id, product_id IS NOT NULL AND author_id IS NOT NULL AND ${TAKES_PLACE} AND ${IS_PUBLISHED}
             AND lead(id) OVER (PARTITION BY product_id, author_id, ${TAKES_PLACE} ORDER BY id) IS NULL AS is_shown
    FROM product_reviews`;

/** In this order: two current rows of one author are impossible (product_reviews_current). */
const SUPERSEDE_OLDER = `
  UPDATE product_reviews AS review SET superseded_at = now()
    FROM (${RANKED}) AS ranked
   WHERE ranked.id = review.id AND NOT is_shown AND review.superseded_at IS NULL`;
const RESTORE_NEWEST = `
  UPDATE product_reviews AS review SET superseded_at = NULL
    FROM (${RANKED}) AS ranked
   WHERE ranked.id = review.id AND is_shown AND review.superseded_at IS NOT NULL`;

const WRONGLY_SHOWN = `
  SELECT id FROM (${RANKED}) AS ranked JOIN product_reviews AS review USING (id)
   WHERE is_shown IS DISTINCT FROM (review.superseded_at IS NULL)`;

const WRONG_VOTES = `
  SELECT id, nullif(count(review_id), 0)::integer AS n
    FROM product_reviews LEFT JOIN product_review_votes ON review_id = id
   GROUP BY id, helpful_count
  HAVING nullif(count(review_id), 0)::integer IS DISTINCT FROM helpful_count`;

const COUNTED_VOTES = `
  UPDATE product_reviews AS review SET helpful_count = votes.n
    FROM (${WRONG_VOTES}) AS votes
   WHERE votes.id = review.id`;

const COMPUTED_STATS = `
  SELECT product_id, ${sums()} FROM product_reviews WHERE superseded_at IS NULL GROUP BY product_id`;
const ofStats = (names: string) => FIGURES.map((name) => `coalesce(${names}.${name}, 0)`).join(', ');

/** A product without reviews may have a row of zeros, or none. */
const WRONG_STATS = `
  SELECT product_id
    FROM (${COMPUTED_STATS}) AS computed (product_id, ${FIGURES.join(', ')})
    FULL JOIN product_review_stats AS stored USING (product_id)
   WHERE (${ofStats('computed')}) IS DISTINCT FROM (${ofStats('stored')})`;

/**
 * Puts marks, votes and stats right. The caller holds SHARE ROW EXCLUSIVE on product_reviews, so that no review slips between
 * counting and writing down, and has switched the triggers off, which would count each correction.
 */
export async function recompute(trx: Knex.Transaction): Promise<Drift> {
  const superseded = await changed(trx, SUPERSEDE_OLDER);
  const restored = await changed(trx, RESTORE_NEWEST);
  const voted = await changed(trx, COUNTED_VOTES);
  const reviews = superseded + restored + voted;
  const products = await changed(trx, WRONG_STATS);
  // Also when only the reviews were wrong: pages are other ones now.
  if (reviews + products > 0) {
    await trx.raw('DELETE FROM product_review_stats');
    await trx.raw(
      `INSERT INTO product_review_stats (product_id, ${FIGURES.join(', ')}, version)
       SELECT computed.*, ${NEW_VERSION} FROM (${COMPUTED_STATS}) AS computed`,
    );
  }
  for (const table of HANGING_TABLES) {
    await trx.raw(
      `DELETE FROM ${table} WHERE NOT EXISTS (SELECT FROM product_reviews WHERE id = ${table}.review_id)`,
    );
  }
  return { reviews, products };
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

/** The same by looking alone, in a transaction that can do no more: nobody has to wait for it. */
export async function findDrift(trx: Knex.Transaction): Promise<Drift> {
  await trx.raw('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY');
  const count = async (sql: string) =>
    Number(
      (await trx.raw<{ rows: { n: string }[] }>(`SELECT count(*) AS n FROM (${sql}) AS found`)).rows[0]?.n,
    );
  const reviews = (await count(WRONGLY_SHOWN)) + (await count(WRONG_VOTES));
  return { reviews, products: await count(WRONG_STATS) };
}

async function changed(trx: Knex.Transaction, sql: string): Promise<number> {
  const { rowCount } = await trx.raw<{ rowCount: number | null }>(sql);
  return rowCount ?? 0;
}
