/** Keeps the stats of products, and the votes of reviews. */
import { AMOUNTS_OF_ONE, COUNTED_COLUMNS, FIGURES, NEW_VERSION, sums } from '../what-counts.ts';
import { MANY_ROWS_TURN } from './turns.ts';

export const ADD_EXCLUDED = `${FIGURES.map((name) => `${name} = stats.${name} + excluded.${name}`).join(', ')},
           version = excluded.version`;

/**
 * Changes the stats by the rows that a query gives: COUNTED_COLUMNS, and sign: 1 for a gained row, -1 for a lost one. A
 * row that stays has both, which changes the version: what it shows may be another text.
 */
export const applyDeltas = (rows: string) => `
    INSERT INTO product_review_stats AS stats (product_id, ${FIGURES.join(', ')}, version)
    SELECT product_id, ${sums('sign')}, ${NEW_VERSION}
      FROM (${rows}) AS change
     GROUP BY product_id
     ORDER BY product_id
        ON CONFLICT (product_id) DO UPDATE SET ${ADD_EXCLUDED};`;

const IS_SHOWN = 'superseded_at IS NULL AND product_id IS NOT NULL';
/** Of rows of a transition table that are shown. */
export const shown = (table: string, sign: 1 | -1) =>
  `SELECT ${COUNTED_COLUMNS}, ${sign} AS sign FROM ${table} WHERE ${IS_SHOWN}`;

/**
 * Counts a new row that is the only one of its statement, and shown, which is what people write: to sum up a single row takes
 * PostgreSQL longer than to store the result. FOUND tells whether it was so, and nothing is left to be done.
 */
export const COUNT_LONE_ROW = `
    INSERT INTO product_review_stats AS stats (product_id, ${FIGURES.join(', ')}, version)
    SELECT product_id, ${AMOUNTS_OF_ONE}, ${NEW_VERSION} FROM new_rows
     WHERE ${IS_SHOWN} AND (SELECT count(*) FROM new_rows) = 1
        ON CONFLICT (product_id) DO UPDATE SET ${ADD_EXCLUDED};`;

/** Votes that came or went: reviews of several in the order of their ids, like every statement with many rows. */
export const COUNT_VOTES = `
  DECLARE
    reviews bigint[] := ARRAY(SELECT DISTINCT review_id FROM changed_votes);
  BEGIN
    IF cardinality(reviews) > 1 THEN
      PERFORM pg_advisory_xact_lock(${MANY_ROWS_TURN});
      PERFORM 1 FROM product_reviews WHERE id = ANY (reviews) ORDER BY id FOR UPDATE;
    END IF;
    UPDATE product_reviews AS review
       SET helpful_count = nullif(greatest(0, coalesce(helpful_count, 0) + voted.change), 0)
      FROM (SELECT review_id, (CASE TG_OP WHEN 'INSERT' THEN 1 ELSE -1 END * count(*))::integer AS change
              FROM changed_votes GROUP BY review_id) AS voted
     WHERE review.id = voted.review_id;
    RETURN NULL;
  END`;
