/**
 * One current review per author and product, and count and sum per product, kept by triggers
 * (product-review-triggers.ts) in the transaction of whoever writes.
 *
 * Runs after 0001 in a transaction of its own: adding columns locks readers out for a moment, this only writers
 * (SHARE ROW EXCLUSIVE), however long it takes.
 */
import type { Migration } from '../postgres/migrate.ts';
import { createTriggers, dropTriggers } from './product-review-triggers.ts';

export const productReviewStats: Migration = {
  name: '0002-product-review-stats',

  async up(trx) {
    await trx.raw(CREATE_STATS);
    await trx.raw('LOCK TABLE product_reviews IN SHARE ROW EXCLUSIVE MODE');
    await dropTriggers(trx);
    await trx.raw(STARS);
    for (const sql of [SUPERSEDE_OLDER, RESTORE_NEWEST]) await trx.raw(sql);
    await trx.raw('DELETE FROM product_review_stats');
    await trx.raw(INSERT_COMPUTED_STATS);
    for (const sql of INDEXES) await trx.raw(sql);
    await createTriggers(trx);
    // Not a new table: PostgreSQL would plan for an empty one until it looks again.
    const { rows } = await trx.raw('SELECT EXISTS (SELECT 1 FROM product_reviews) AS any');
    if (rows[0].any) await trx.raw('ANALYZE product_reviews');
  },

  async down(trx) {
    await dropTriggers(trx);
    await trx.raw(
      'DROP INDEX IF EXISTS product_reviews_current, product_reviews_current_page, product_reviews_author',
    );
    await trx.raw('DROP FUNCTION IF EXISTS product_review_stars(integer)');
    await trx.raw('DROP TABLE IF EXISTS product_review_stats');
  },
};

const CREATE_STATS = `
  CREATE TABLE IF NOT EXISTS product_review_stats (
    product_id text PRIMARY KEY,
    review_count integer NOT NULL,
    rating_sum bigint NOT NULL
  )`;

/** The old module did not check ratings: what is missing or out of range counts as the nearest rating there is. */
const STARS = `
  CREATE OR REPLACE FUNCTION product_review_stars(rating integer) RETURNS integer
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
  AS $$ SELECT least(5, greatest(1, coalesce(rating, 1))) $$`;

/**
 * The newest row of an author for a product is current, every other one superseded; a row without author or product
 * belongs to nobody. One pass and a sort, however many rows an author has.
 */
const RANKED = `
  SELECT id, product_id IS NOT NULL AND author_id IS NOT NULL
             AND lead(id) OVER (PARTITION BY product_id, author_id ORDER BY id) IS NULL AS is_newest
    FROM product_reviews`;

/**
 * These two put every row right, whoever wrote it with the triggers away. In this order: two current rows of one
 * author are impossible (product_reviews_current). Shared with ../review-stats.ts.
 */
export const SUPERSEDE_OLDER = `
  UPDATE product_reviews AS review SET superseded_at = now()
    FROM (${RANKED}) AS ranked
   WHERE ranked.id = review.id AND NOT is_newest AND review.superseded_at IS NULL`;
export const RESTORE_NEWEST = `
  UPDATE product_reviews AS review SET superseded_at = NULL
    FROM (${RANKED}) AS ranked
   WHERE ranked.id = review.id AND is_newest AND review.superseded_at IS NOT NULL`;

/** What the stats must be, computed by reading every review; shared with ../review-stats.ts. */
export const COMPUTED_STATS = `
  SELECT product_id, count(*)::integer AS review_count, sum(product_review_stars(rating))::bigint AS rating_sum
    FROM product_reviews
   WHERE superseded_at IS NULL
   GROUP BY product_id`;
export const INSERT_COMPUTED_STATS = `
  INSERT INTO product_review_stats (product_id, review_count, rating_sum) ${COMPUTED_STATS}`;

/**
 * The first is the order in which a page is read: by an expression that no other index has. With `id` itself PostgreSQL
 * may prefer to walk the primary key backwards until it has met a page's worth of the product's rows, which for an
 * older product is the whole table. The second finds an author's newest row, the third makes two current rows
 * impossible. It comes last: without statistics PostgreSQL takes the youngest of those that look alike.
 */
const INDEXES = [
  `CREATE INDEX IF NOT EXISTS product_reviews_current_page
     ON product_reviews (product_id, (id + 0) DESC) WHERE superseded_at IS NULL`,
  `CREATE INDEX IF NOT EXISTS product_reviews_author
     ON product_reviews (product_id, author_id, id)`,
  `CREATE UNIQUE INDEX IF NOT EXISTS product_reviews_current
     ON product_reviews (product_id, author_id) WHERE superseded_at IS NULL`,
];
