/**
 * The simplest triggers that keep one current review per author and product, and the stats, to measure ours against: one
 * rule (the newest published row of a pair is current) and one delta for each statement. They make no notes, so whoever
 * cannot have a lock or a row fails with its whole statement, and they know no moderation.
 */
import {
  COUNTED_COLUMNS,
  FIGURES,
  IS_PUBLISHED,
  NEW_VERSION,
  sums,
  TAKES_PLACE,
} from '../../../src/features/reviews/tables/what-counts.ts';

const OURS = ['hold', 'after_insert', 'after_update', 'after_delete', 'after_truncate'];

/** Leaves the turn of deletes as it is: without it they and inserts fail each other. */
export const WITHOUT_OURS = OURS.map(
  (name) => `DROP TRIGGER product_reviews_${name} ON product_reviews`,
).join(';');

const shown = (table: string, sign: 1 | -1) =>
  `SELECT ${COUNTED_COLUMNS}, ${sign} AS sign FROM ${table} WHERE superseded_at IS NULL`;

const count = (rows: string) => `
    INSERT INTO product_review_stats AS stats (product_id, ${FIGURES.join(', ')}, version)
    SELECT product_id, ${sums('sign')}, ${NEW_VERSION} FROM (${rows}) AS change
     GROUP BY product_id ORDER BY product_id
        ON CONFLICT (product_id) DO UPDATE
       SET ${FIGURES.map((name) => `${name} = stats.${name} + excluded.${name}`).join(', ')}, version = excluded.version;`;

/** Of the pairs of a transition table, behind their turns. */
const choose = (rows: string) => `
    PERFORM pg_advisory_xact_lock(7206150331999) FROM (SELECT FROM ${rows} OFFSET 1 LIMIT 1) AS several;
    PERFORM pg_advisory_xact_lock(turn)
       FROM (SELECT DISTINCT product_review_turn(product_id, author_id) AS turn FROM ${rows} ORDER BY turn) AS turns;
    UPDATE product_reviews AS r
       SET superseded_at = CASE WHEN r.id = newest.id AND newest.is_published THEN NULL ELSE now() END
      FROM (SELECT DISTINCT ON (a.product_id, a.author_id) a.id, a.product_id, a.author_id, ${IS_PUBLISHED} AS is_published
              FROM product_reviews AS a
              JOIN (SELECT DISTINCT product_id, author_id FROM ${rows}) AS pair USING (product_id, author_id)
             WHERE ${TAKES_PLACE}
             ORDER BY a.product_id, a.author_id, a.id DESC) AS newest
     WHERE r.product_id = newest.product_id AND r.author_id = newest.author_id
       AND (r.superseded_at IS NULL) <> (r.id = newest.id AND newest.is_published);`;

const SETTINGS = `SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off`;

const onEach = (event: string, tables: string, body: string) => `
  CREATE FUNCTION simple_${event}() RETURNS trigger LANGUAGE plpgsql ${SETTINGS} AS $$ BEGIN ${body} RETURN NULL; END $$;
  CREATE TRIGGER simple_${event} AFTER ${event} ON product_reviews REFERENCING ${tables}
    FOR EACH STATEMENT EXECUTE FUNCTION simple_${event}();`;

/** Without the unique index, since one UPDATE moves the mark from one row to the other. */
export const SIMPLE = `
  ${WITHOUT_OURS};
  DROP INDEX product_reviews_current;
  ${onEach('insert', 'NEW TABLE AS new_rows', choose('new_rows'))}
  ${onEach(
    'update',
    'NEW TABLE AS new_rows OLD TABLE AS old_rows',
    count(`${shown('new_rows', 1)} UNION ALL ${shown('old_rows', -1)}`),
  )}
  ${onEach('delete', 'OLD TABLE AS old_rows', count(shown('old_rows', -1)) + choose('old_rows'))}`;
