/** Keeps which review of an author is shown. */
import { IS_PUBLISHED, TAKES_PLACE } from '../what-counts.ts';
import { MANY_ROWS_TURN } from './turns.ts';

/** Calls one of the two functions below with the authors and products that a query gives; not at all without any. */
export const forPairs = (name: string, pairs: string) => `
    PERFORM product_reviews_${name}(array_agg(product_id::text), array_agg(author_id::text))
       FROM (SELECT DISTINCT product_id, author_id FROM (${pairs}) AS found
              WHERE product_id IS NOT NULL AND author_id IS NOT NULL) AS pair
     HAVING count(*) > 0;`;

/** What decides whose row is shown; a row that changes in it leaves like a deleted one and arrives like a new one. */
export const OWNERSHIP = `id, product_id, author_id, rating IS NULL, coalesce(status, 'published')`;
export const difference = (columns: string, from: string, without: string) =>
  `SELECT ${columns} FROM ${from} EXCEPT SELECT ${columns} FROM ${without}`;

/** Of one pair (product, author): the row that is shown, and the one that should be. One index entry each. */
const FORMER = `(SELECT id FROM product_reviews
                  WHERE product_id = pair.product AND author_id = pair.author AND superseded_at IS NULL)`;
const NEWEST = `(SELECT id
                   FROM (SELECT id, status FROM product_reviews
                          WHERE product_id = pair.product AND author_id = pair.author AND ${TAKES_PLACE}
                          ORDER BY id DESC LIMIT 1) AS newest
                  WHERE ${IS_PUBLISHED})`;
const PAIRS = 'unnest(products, authors) AS pair (product, author)';

/**
 * A row without a status is the old module's. Since it came (HOLD) somebody may have kept back another one of its author's, whose
 * turn we have by now: nobody comes in between any more.
 */
const KEEP_BACK = `
    UPDATE product_reviews AS review SET status = known.status FROM product_review_moderated AS known
     WHERE review.id = ANY (arriving) AND review.status IS NULL
       AND known.product_id = review.product_id AND known.author_id = review.author_id;
    IF FOUND THEN
      arriving := ARRAY(SELECT id FROM product_reviews WHERE id = ANY (arriving) AND ${IS_PUBLISHED});
    END IF;`;

/**
 * The newest rows of some authors become current, if they are published, their former ones superseded.
 *
 * The loop waits for deletes, which make an older row current as they commit: it ends when the rows that have to change
 * are the ones that it has locked. The last statement does both updates at once, older rows first because of the unique
 * index, so that the stats are changed once, in order.
 */
export const MAKE_CURRENT = `
  DECLARE
    leaving bigint[];
    arriving bigint[];
    locked bigint[] := '{}';
  BEGIN
    IF cardinality(products) > 1 THEN
      PERFORM pg_advisory_xact_lock(${MANY_ROWS_TURN});
    END IF;
    PERFORM pg_advisory_xact_lock(turn)
       FROM (SELECT DISTINCT product_review_turn(product, author) AS turn FROM ${PAIRS} ORDER BY turn) AS turns;
    LOOP
      WITH state AS (
        SELECT ${NEWEST} AS newest,
               ARRAY(SELECT id FROM product_reviews
                      WHERE product_id = pair.product AND author_id = pair.author AND superseded_at IS NULL) AS shown
          FROM ${PAIRS}
      )
      SELECT ARRAY(SELECT id FROM state, unnest(shown) AS id WHERE id IS DISTINCT FROM newest ORDER BY id),
             ARRAY(SELECT newest FROM state WHERE newest IS NOT NULL AND newest <> ALL (shown) ORDER BY newest)
        INTO leaving, arriving;
      EXIT WHEN leaving || arriving = locked;
      PERFORM 1 FROM product_reviews WHERE id = ANY (leaving || arriving) ORDER BY id FOR UPDATE;
      locked := leaving || arriving;
    END LOOP;
    ${KEEP_BACK}
    WITH older AS (
      UPDATE product_reviews SET superseded_at = now() WHERE id = ANY (leaving) RETURNING id
    )
    UPDATE product_reviews SET superseded_at = NULL
     WHERE id = ANY (arriving) AND (SELECT count(*) FROM older) >= 0;
  END`;

/**
 * Authors whose current row is gone get back their next newest; once more when somebody else has taken that away
 * meanwhile.
 */
export const PROMOTE = `
  BEGIN
    LOOP
      UPDATE product_reviews AS review SET superseded_at = NULL
        FROM (SELECT product, author, ${NEWEST} AS newest FROM ${PAIRS} WHERE ${FORMER} IS NULL) AS missing
       WHERE review.id = missing.newest AND review.rating IS NOT NULL
         AND review.product_id = missing.product AND review.author_id = missing.author AND ${IS_PUBLISHED};
      EXIT WHEN NOT EXISTS (SELECT FROM ${PAIRS} WHERE ${FORMER} IS NULL AND ${NEWEST} IS NOT NULL);
    END LOOP;
  END`;

/**
 * What a new row has as `superseded_at` when it is to be shown from the start: by whoever has its author's turn, and has seen
 * that there is no other row of theirs. It saves the row's second version, with all its index entries.
 */
export const SHOWN_AT_ONCE = '-infinity';

/**
 * A new row comes without a status and, by the column's default, with the time of its transaction; one out of a backup
 * brings what it was. What is not published is not shown, whoever says that it should be: releases before 0008 knew no statuses, and
 * their rebuild of the stats shows the newest row. The votes may have come back before their reviews or come afterwards, and are counted either way.
 */
export const HOLD = `
  BEGIN
    IF TG_OP = 'INSERT' AND NEW.superseded_at = '${SHOWN_AT_ONCE}' THEN
      NEW.superseded_at := NULL;
    ELSIF TG_OP = 'INSERT' THEN
      BEGIN
        IF NEW.status IS NULL AND NEW.superseded_at = now() THEN
          NEW.status := coalesce(
            (SELECT status FROM product_review_moderated
              WHERE product_id = NEW.product_id AND author_id = NEW.author_id),
            (SELECT 'pending' FROM product_review_settings WHERE moderation = 'pre'));
        END IF;
        IF NEW.helpful_count IS NOT NULL THEN
          NEW.helpful_count := nullif((SELECT count(*) FROM product_review_votes WHERE review_id = NEW.id), 0);
        END IF;
      EXCEPTION WHEN others THEN
        RAISE LOG 'gogomarket-sidecar: a review came without its status: % (%)', SQLERRM, SQLSTATE;
      END;
      NEW.superseded_at := coalesce(NEW.superseded_at, now());
    ELSIF (OLD.id, OLD.product_id, OLD.author_id, OLD.rating IS NULL, coalesce(OLD.status, 'published'))
            IS DISTINCT FROM
          (NEW.id, NEW.product_id, NEW.author_id, NEW.rating IS NULL, coalesce(NEW.status, 'published'))
          OR coalesce(NEW.status, 'published') <> 'published' THEN
      NEW.superseded_at := coalesce(NEW.superseded_at, now());
    END IF;
    RETURN NEW;
  END`;
