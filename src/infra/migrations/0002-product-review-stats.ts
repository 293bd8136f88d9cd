/**
 * One current review per author and product, and count and sum per product, kept by triggers in the transaction of
 * whoever writes: this sidecar, the old module after a rollback, or a person with psql.
 *
 * Locks are always taken in the order (product, author) → review row → stats row, so that writers wait for each other
 * and never in a circle. Runs after 0001 in a transaction of its own: adding columns locks readers out, this only
 * writers (SHARE ROW EXCLUSIVE).
 */
import type { Knex } from 'knex';
import type { Migration } from '../migrate.ts';

export const productReviewStats: Migration = {
  name: '0002-product-review-stats',

  async up(trx) {
    await trx.raw(CREATE_STATS);
    await trx.raw('LOCK TABLE product_reviews IN SHARE ROW EXCLUSIVE MODE');
    for (const sql of [STARS, APPLY_DELTA, BEFORE_INSERT, AFTER_CHANGE, AFTER_TRUNCATE]) await trx.raw(sql);
    await removeTriggers(trx);
    await fillReviewStats(trx);
    for (const sql of INDEXES) await trx.raw(sql);
    for (const sql of TRIGGERS) await trx.raw(sql);
  },

  async down(trx) {
    await removeTriggers(trx);
    for (const name of ['before_insert()', 'after_change()', 'after_truncate()']) {
      await trx.raw(`DROP FUNCTION IF EXISTS product_reviews_${name}`);
    }
    await trx.raw('DROP FUNCTION IF EXISTS product_review_stats_apply(text, integer, integer)');
    await trx.raw('DROP INDEX IF EXISTS product_reviews_current, product_reviews_current_page');
    await trx.raw('DROP FUNCTION IF EXISTS product_review_stars(integer)');
    await trx.raw('DROP TABLE IF EXISTS product_review_stats');
  },
};

/**
 * Computes current rows and stats anew from the reviews. The caller holds SHARE ROW EXCLUSIVE on product_reviews and
 * has removed the triggers.
 */
async function fillReviewStats(trx: Knex.Transaction): Promise<void> {
  await trx.raw(MARK_SUPERSEDED);
  await trx.raw('DELETE FROM product_review_stats');
  await trx.raw(`INSERT INTO product_review_stats (product_id, review_count, rating_sum) ${COMPUTED_STATS}`);
}

/** What the stats must be, computed by reading every review; shared with ../review-stats.ts. */
export const COMPUTED_STATS = `
  SELECT product_id, count(*)::integer AS review_count, sum(product_review_stars(rating))::bigint AS rating_sum
    FROM product_reviews
   WHERE superseded_at IS NULL
   GROUP BY product_id`;

/** The newest row of an author for a product is current, every older one superseded. */
const MARK_SUPERSEDED = `
  UPDATE product_reviews older
     SET superseded_at = now()
   WHERE older.superseded_at IS NULL
     AND EXISTS (SELECT 1 FROM product_reviews newer
                  WHERE newer.product_id = older.product_id
                    AND newer.author_id = older.author_id
                    AND newer.id > older.id
                    AND newer.superseded_at IS NULL)`;

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

const APPLY_DELTA = `
  CREATE OR REPLACE FUNCTION product_review_stats_apply(product text, reviews integer, stars integer) RETURNS void
  LANGUAGE sql SET search_path FROM CURRENT
  AS $$
    INSERT INTO product_review_stats AS s (product_id, review_count, rating_sum) VALUES (product, reviews, stars)
    ON CONFLICT (product_id) DO UPDATE
       SET review_count = s.review_count + excluded.review_count, rating_sum = s.rating_sum + excluded.rating_sum
  $$`;

/**
 * The advisory lock makes inserts by one author for one product take turns, so that each sees the one before. The loop
 * is for a delete at the same moment: the UPDATE waits for it and finds its row gone, while the author's next newest
 * has just become current and must be superseded, too.
 */
const BEFORE_INSERT = `
  CREATE OR REPLACE FUNCTION product_reviews_before_insert() RETURNS trigger
  LANGUAGE plpgsql SET search_path FROM CURRENT
  AS $$
  BEGIN
    IF NEW.superseded_at IS NOT NULL THEN
      RETURN NEW;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended(NEW.product_id || chr(31) || NEW.author_id, 0));
    LOOP
      UPDATE product_reviews SET superseded_at = now()
       WHERE product_id = NEW.product_id AND author_id = NEW.author_id AND superseded_at IS NULL AND id < NEW.id;
      EXIT WHEN NOT EXISTS (SELECT 1 FROM product_reviews
                             WHERE product_id = NEW.product_id AND author_id = NEW.author_id
                               AND superseded_at IS NULL AND id < NEW.id);
    END LOOP;
    IF EXISTS (SELECT 1 FROM product_reviews
                WHERE product_id = NEW.product_id AND author_id = NEW.author_id
                  AND superseded_at IS NULL AND id > NEW.id) THEN
      NEW.superseded_at := now();
    END IF;
    RETURN NEW;
  END $$`;

/** Takes the old row out of the stats and puts the new one in; a deleted current row gives way to the author's next newest. */
const AFTER_CHANGE = `
  CREATE OR REPLACE FUNCTION product_reviews_after_change() RETURNS trigger
  LANGUAGE plpgsql SET search_path FROM CURRENT
  AS $$
  DECLARE
    next_id bigint;
  BEGIN
    IF TG_OP = 'UPDATE' AND OLD.superseded_at IS NULL AND NEW.superseded_at IS NULL
       AND OLD.product_id = NEW.product_id THEN
      PERFORM product_review_stats_apply(
        NEW.product_id, 0, product_review_stars(NEW.rating) - product_review_stars(OLD.rating));
      RETURN NULL;
    END IF;
    IF TG_OP <> 'INSERT' AND OLD.superseded_at IS NULL THEN
      PERFORM product_review_stats_apply(OLD.product_id, -1, -product_review_stars(OLD.rating));
    END IF;
    IF TG_OP <> 'DELETE' AND NEW.superseded_at IS NULL THEN
      PERFORM product_review_stats_apply(NEW.product_id, 1, product_review_stars(NEW.rating));
    END IF;
    WHILE TG_OP = 'DELETE' AND OLD.superseded_at IS NULL LOOP
      next_id := (SELECT id FROM product_reviews
                   WHERE product_id = OLD.product_id AND author_id = OLD.author_id
                   ORDER BY id DESC LIMIT 1);
      UPDATE product_reviews SET superseded_at = NULL WHERE id = next_id AND superseded_at IS NOT NULL;
      -- Not found although it was there a moment ago: somebody else deletes that one, so look again.
      EXIT WHEN FOUND OR next_id IS NULL
             OR EXISTS (SELECT 1 FROM product_reviews
                         WHERE product_id = OLD.product_id AND author_id = OLD.author_id AND superseded_at IS NULL);
    END LOOP;
    RETURN NULL;
  END $$`;

const AFTER_TRUNCATE = `
  CREATE OR REPLACE FUNCTION product_reviews_after_truncate() RETURNS trigger
  LANGUAGE plpgsql SET search_path FROM CURRENT
  AS $$ BEGIN DELETE FROM product_review_stats; RETURN NULL; END $$`;

/** The first makes two current rows impossible, the second is the order in which a page is read. */
const INDEXES = [
  `CREATE UNIQUE INDEX IF NOT EXISTS product_reviews_current
     ON product_reviews (product_id, author_id) WHERE superseded_at IS NULL`,
  `CREATE INDEX IF NOT EXISTS product_reviews_current_page
     ON product_reviews (product_id, id DESC) WHERE superseded_at IS NULL`,
];

const TRIGGERS = [
  `CREATE TRIGGER product_reviews_before_insert BEFORE INSERT ON product_reviews
     FOR EACH ROW EXECUTE FUNCTION product_reviews_before_insert()`,
  `CREATE TRIGGER product_reviews_after_change
     AFTER INSERT OR DELETE OR UPDATE OF rating, superseded_at, product_id, author_id ON product_reviews
     FOR EACH ROW EXECUTE FUNCTION product_reviews_after_change()`,
  `CREATE TRIGGER product_reviews_after_truncate AFTER TRUNCATE ON product_reviews
     FOR EACH STATEMENT EXECUTE FUNCTION product_reviews_after_truncate()`,
];

async function removeTriggers(trx: Knex.Transaction): Promise<void> {
  for (const name of ['before_insert', 'after_change', 'after_truncate']) {
    await trx.raw(`DROP TRIGGER IF EXISTS product_reviews_${name} ON product_reviews`);
  }
}
