/** What the functions of functions.ts do, in SQL; why and in which order of locks is told there. */

import { HANGING_TABLES } from './own-tables.ts';
import {
  COUNTED_COLUMNS,
  FIGURES,
  IS_PUBLISHED,
  isPairWrong,
  NEW_VERSION,
  sums,
  TAKES_PLACE,
} from './what-counts.ts';

/** Of statements that take rows away or insert for several authors: they meet rows in any order. */
const MANY_ROWS_TURN = 7_206_150_331_999;

const ADD_EXCLUDED = `${FIGURES.map((name) => `${name} = stats.${name} + excluded.${name}`).join(', ')},
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

/** Of rows of a transition table that are shown. */
export const shown = (table: string, sign: 1 | -1) =>
  `SELECT ${COUNTED_COLUMNS}, ${sign} AS sign FROM ${table} WHERE superseded_at IS NULL AND product_id IS NOT NULL`;

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

/**
 * What a new row has as `superseded_at` when it is to be shown from the start: by whoever has its author's turn, and has seen
 * that there is no other row of theirs. It saves the row's second version, with all its index entries.
 */
export const SHOWN_AT_ONCE = '-infinity';

/**
 * A new row comes without a status and, by the column's default, with the time of its transaction; one out of a backup
 * brings what it was. The votes may have come back before their reviews or come afterwards, and are counted either way.
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
          (NEW.id, NEW.product_id, NEW.author_id, NEW.rating IS NULL, coalesce(NEW.status, 'published')) THEN
      NEW.superseded_at := coalesce(NEW.superseded_at, now());
    END IF;
    RETURN NEW;
  END`;

/** Keeps product_review_moderated: by rows that were inserted, or changed their status. */
const REMEMBER = (rows: string) => `
    INSERT INTO product_review_moderated AS known (product_id, author_id, status)
    SELECT DISTINCT ON (product_id, author_id) product_id, author_id, status FROM (${rows}) AS moderated
     WHERE status IN ('held', 'hidden') AND product_id IS NOT NULL AND author_id IS NOT NULL
     ORDER BY product_id, author_id, id DESC
        ON CONFLICT (product_id, author_id) DO UPDATE SET status = excluded.status
     WHERE known.status <> excluded.status;`;
export const REMEMBER_INSERTED = REMEMBER('TABLE new_rows');
const CHANGED_STATUS = `
      SELECT new_rows.* FROM new_rows JOIN old_rows USING (id)
       WHERE coalesce(new_rows.status, 'published') <> coalesce(old_rows.status, 'published')`;
export const REMEMBER_UPDATED = `
    ${REMEMBER(CHANGED_STATUS)}
    DELETE FROM product_review_moderated AS known USING (${CHANGED_STATUS}) AS changed
     WHERE known.product_id = changed.product_id AND known.author_id = changed.author_id
       AND ${IS_PUBLISHED.replace('status', 'changed.status')};`;
/** The next review of this author waits for a moderator, who has hidden another one. */
export const REMEMBER_DELETED = `
    UPDATE product_review_moderated AS known SET status = 'held' FROM old_rows
     WHERE known.product_id = old_rows.product_id AND known.author_id = old_rows.author_id
       AND old_rows.status IN ('held', 'hidden') AND known.status <> 'held';`;

/** The history keeps who did what, and when, to a review that its author has taken back; what it said is the author's. */
const FORGET_CONTENT = ['before', 'after']
  .map((state) => `${state} = ${state} - '{title,text,media,pending_edit}'::text[]`)
  .join(', ');

/** Removes what hangs on reviews that are gone; what cannot be had now is removed by a repair. */
export const removeHanging = (where: string) => `
    BEGIN
      ${HANGING_TABLES.map((table) => `DELETE FROM ${table} ${where};`).join('\n      ')}
      UPDATE product_review_history SET ${FORGET_CONTENT} ${where};
    EXCEPTION WHEN others THEN
      RAISE LOG 'gogomarket-sidecar: something of deleted reviews is left: % (%)', SQLERRM, SQLSTATE;
    END;`;

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
