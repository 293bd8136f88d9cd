/** What the functions of functions.ts do, in SQL; why and in which order of locks is told there. */

/** Of statements that take rows away or insert for several authors: they meet rows in any order. */
const MANY_ROWS_TURN = 7_206_150_331_999;

/** What a rating counts: the old module did not check them. */
export const STARS = 'least(5, greatest(1, rating))';

/** Changes the stats by the rows that a query gives: product_id, rating, and sign: 1 for a gained row, -1 for a lost one. */
export const applyDeltas = (rows: string) => `
    INSERT INTO product_review_stats AS stats (product_id, review_count, rating_sum)
    SELECT product_id, sum(sign), sum(sign * ${STARS})
      FROM (${rows}) AS change
     GROUP BY product_id
    HAVING sum(sign) <> 0 OR sum(sign * ${STARS}) <> 0
     ORDER BY product_id
        ON CONFLICT (product_id) DO UPDATE
       SET review_count = stats.review_count + excluded.review_count,
           rating_sum = stats.rating_sum + excluded.rating_sum;`;

/** Calls one of the two functions below with the authors and products that a query gives; not at all without any. */
export const forPairs = (name: string, pairs: string) => `
    PERFORM product_reviews_${name}(array_agg(product_id::text), array_agg(author_id::text))
       FROM (SELECT DISTINCT product_id, author_id FROM (${pairs}) AS found
              WHERE product_id IS NOT NULL AND author_id IS NOT NULL) AS pair
     HAVING count(*) > 0;`;

/** What decides to whom a row belongs; a row that changes in it leaves like a deleted one and arrives like a new one. */
export const OWNERSHIP = 'id, product_id, author_id, rating IS NULL';
/** And all that the figures depend on. */
export const STATE = 'id, product_id, author_id, rating, superseded_at';
export const difference = (columns: string, from: string, without: string) =>
  `SELECT ${columns} FROM ${from} EXCEPT SELECT ${columns} FROM ${without}`;

/** Of one pair (product, author): the row that is current, and the one that should be. One index entry each. */
const FORMER = `(SELECT id FROM product_reviews
                  WHERE product_id = pair.product AND author_id = pair.author AND superseded_at IS NULL)`;
const NEWEST = `(SELECT max(id) FROM product_reviews
                  WHERE product_id = pair.product AND author_id = pair.author AND rating IS NOT NULL)`;
const PAIRS = 'unnest(products, authors) AS pair (product, author)';

/**
 * The newest rows of some authors become current, their former ones superseded.
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
      SELECT coalesce(array_remove(array_agg(former ORDER BY former), NULL), '{}'),
             coalesce(array_remove(array_agg(newest ORDER BY newest), NULL), '{}')
        INTO leaving, arriving
        FROM (SELECT ${FORMER} AS former, ${NEWEST} AS newest FROM ${PAIRS}) AS state
       WHERE former IS DISTINCT FROM newest;
      EXIT WHEN leaving || arriving = locked;
      PERFORM 1 FROM product_reviews WHERE id = ANY (leaving || arriving) ORDER BY id FOR UPDATE;
      locked := leaving || arriving;
    END LOOP;
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
         AND review.product_id = missing.product AND review.author_id = missing.author;
      EXIT WHEN NOT EXISTS (SELECT FROM ${PAIRS} WHERE ${FORMER} IS NULL AND ${NEWEST} IS NOT NULL);
    END LOOP;
  END`;

/** The body of a trigger that does its work at once, or notes the pairs that a query gives. */
export const atOnceOrNoted = (work: string, pairs: string) => `
  BEGIN
    IF current_setting('transaction_isolation') IN ('read committed', 'read uncommitted') THEN
      BEGIN
        ${work}
        RETURN NULL;
      EXCEPTION WHEN others THEN
        RAISE LOG 'gogomarket-sidecar: reviews are settled later: % (%)', SQLERRM, SQLSTATE;
      END;
    END IF;
    BEGIN
      INSERT INTO product_reviews_unsettled (product_id, author_id)
      SELECT DISTINCT product_id, author_id FROM (${pairs}) AS touched WHERE product_id IS NOT NULL;
    EXCEPTION WHEN others THEN
      RAISE WARNING 'gogomarket-sidecar: reviews do not count until its tables are repaired: %', SQLERRM;
    END;
    RETURN NULL;
  END`;

/** Fired by the notes as they are deleted. The rows are counted anew, since what was noted says nothing about stats. */
export const SETTLE = `
  BEGIN
    ${forPairs('make_current', 'TABLE old_rows')}
    -- Locks the stats: whoever has changed reviews is through or comes after, and the next statement sees which.
    INSERT INTO product_review_stats AS stats (product_id, review_count, rating_sum)
    SELECT DISTINCT product_id, 0, 0 FROM old_rows ORDER BY product_id
        ON CONFLICT (product_id) DO UPDATE SET review_count = stats.review_count;
    UPDATE product_review_stats AS stats
       SET (review_count, rating_sum) = (
             SELECT count(*), coalesce(sum(${STARS}), 0) FROM product_reviews AS review
              WHERE review.product_id = stats.product_id AND superseded_at IS NULL)
     WHERE product_id IN (SELECT product_id FROM old_rows);
    RETURN NULL;
  END`;

export const HOLD = `
  BEGIN
    IF TG_OP = 'INSERT' OR (OLD.id, OLD.product_id, OLD.author_id, OLD.rating IS NULL)
         IS DISTINCT FROM (NEW.id, NEW.product_id, NEW.author_id, NEW.rating IS NULL) THEN
      NEW.superseded_at := coalesce(NEW.superseded_at, now());
    END IF;
    RETURN NEW;
  END`;

/** One statement with many rows at a time: two that meet the same rows in opposite orders would fail each other. */
export const TAKE_TURNS = `
  BEGIN
    IF current_setting('transaction_isolation') IN ('read committed', 'read uncommitted') THEN
      PERFORM pg_advisory_xact_lock(${MANY_ROWS_TURN});
    END IF;
    RETURN NULL;
  EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
    RETURN NULL;
  END`;
