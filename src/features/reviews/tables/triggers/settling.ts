/** What cannot be done at once is noted, and settled later. */
import { FIGURES, isPairWrong, NEW_VERSION, sums } from '../what-counts.ts';
import { ADD_EXCLUDED } from './counting.ts';
import { forPairs } from './current.ts';

/**
 * The body of a trigger that does its work at once, or makes notes: of the pairs that a query gives, whose rows are
 * looked at later, and of what the stats of each product are to be changed by.
 */
export const atOnceOrNoted = (work: string, { pairs, changes }: { pairs?: string; changes?: string }) => {
  const notes = [
    ...(pairs === undefined
      ? []
      : [
          `SELECT DISTINCT product_id, author_id, NULL::bigint[] FROM (${pairs}) AS pair
        WHERE product_id IS NOT NULL AND author_id IS NOT NULL`,
        ]),
    ...(changes === undefined
      ? []
      : [
          `SELECT product_id, NULL, ARRAY[${sums('sign')}]::bigint[] FROM (${changes}) AS change GROUP BY product_id`,
        ]),
  ];
  return `
  BEGIN
    -- Within another trigger it is we who settle: what we have changed is to be counted, if it can be.
    IF current_setting('transaction_isolation') IN ('read committed', 'read uncommitted') OR pg_trigger_depth() > 1 THEN
      BEGIN
        ${work}
        RETURN NULL;
      EXCEPTION WHEN others THEN
        RAISE LOG 'gogomarket-sidecar: reviews are settled later: % (%)', SQLERRM, SQLSTATE;
      END;
    END IF;
    BEGIN
      INSERT INTO product_reviews_unsettled (product_id, author_id, change)
      ${notes.length === 0 ? 'SELECT product_id, NULL, NULL::bigint[] FROM product_review_stats' : notes.join('\n      UNION ALL ')};
    EXCEPTION WHEN others THEN
      RAISE WARNING 'gogomarket-sidecar: reviews do not count until its tables are repaired: %', SQLERRM;
    END;
    RETURN NULL;
  END`;
};

/**
 * Fired by the notes as they are deleted. One with an author: look which row is shown, by which the stats follow. One
 * with a change: that of the stats. One with neither: look at all of the product, and count it anew.
 *
 * A product that is counted has counted what the notes say that are seen at that moment, also those that somebody else is
 * deleting, who waits for our stats: they are written down, for nobody to add them once more.
 */
export const SETTLE = `
  DECLARE
    whole text[] := ARRAY(SELECT DISTINCT product_id FROM old_rows WHERE author_id IS NULL AND change IS NULL);
  BEGIN
    ${forPairs('make_current', 'TABLE old_rows')}
    ${forPairs(
      'make_current',
      // One product after the other, in the order of product_reviews_author.
      `SELECT noted.product_id, author_id FROM unnest(whole) AS noted (product_id)
        CROSS JOIN LATERAL (SELECT author_id FROM product_reviews WHERE product_reviews.product_id = noted.product_id
                             GROUP BY author_id HAVING ${isPairWrong}) AS wrong`,
    )}
    -- Locks the stats: whoever has changed reviews is through or comes after, and the next statement sees which.
    INSERT INTO product_review_stats AS stats (product_id, review_count, rating_sum)
    SELECT DISTINCT product_id, 0, 0 FROM old_rows WHERE author_id IS NULL ORDER BY product_id
        ON CONFLICT (product_id) DO UPDATE SET review_count = stats.review_count;
    IF cardinality(whole) > 0 THEN
      UPDATE product_review_stats AS stats
         SET (${FIGURES.join(', ')}, version, counted_notes) = (
               SELECT ${sums()}, ${NEW_VERSION},
                      ARRAY(SELECT id FROM product_reviews_unsettled AS note
                             WHERE note.product_id = stats.product_id AND change IS NOT NULL)
                 FROM product_reviews AS review
                WHERE review.product_id = stats.product_id AND superseded_at IS NULL)
       WHERE product_id = ANY (whole);
    END IF;
    INSERT INTO product_review_stats AS stats (product_id, ${FIGURES.join(', ')}, version)
    SELECT note.product_id, ${FIGURES.map((_, n) => `sum(note.change[${n + 1}])`).join(', ')}, ${NEW_VERSION}
      FROM old_rows AS note JOIN product_review_stats AS counted ON counted.product_id = note.product_id
     WHERE note.change IS NOT NULL AND note.product_id <> ALL (whole)
       AND note.id <> ALL (coalesce(counted.counted_notes, '{}'))
     GROUP BY note.product_id ORDER BY note.product_id
        ON CONFLICT (product_id) DO UPDATE SET ${ADD_EXCLUDED};
    RETURN NULL;
  END`;

/** A note out of a backup of data alone: the triggers have counted what it says. Whatever it was, all is counted anew. */
export const NOTE_WHOLE = `
  BEGIN
    NEW.author_id := NULL;
    NEW.change := NULL;
    RETURN NEW;
  END`;
