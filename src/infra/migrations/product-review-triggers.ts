/**
 * What migration 0002 puts on product_reviews: triggers that keep one current row per author and product, and the stats
 * of every product, for each writer alike: this sidecar, the old module after a rollback, a person with psql.
 *
 * A new row waits, superseded, until its statement is complete; then the newest row of each author and product becomes
 * current, and the stats change once per product. Work per statement, not per row: an import of many rows stays
 * linear, and what it locks it locks in order.
 *
 * The order of locks is the same everywhere, so that writers wait for each other and never in a circle: the turn of
 * statements with many rows → author's turn → the rows to supersede → stats. A delete has its rows before it knows
 * their authors, so it leaves out the second; whoever waits for its rows has no stats yet.
 */
import type { Knex } from 'knex';

/** Replaces what is there. The caller holds SHARE ROW EXCLUSIVE on product_reviews. */
export async function createTriggers(trx: Knex.Transaction): Promise<void> {
  await trx.raw(PIN_SEARCH_PATH);
  for (const sql of FUNCTIONS) await trx.raw(sql);
  for (const sql of TRIGGERS) await trx.raw(sql);
}

/** Only those that are there: DROP TRIGGER locks readers out even when it finds nothing to drop. */
export async function dropTriggers(trx: Knex.Transaction): Promise<void> {
  const { rows } = await trx.raw<{ rows: { sql: string }[] }>(`
    SELECT format('DROP TRIGGER %I ON %s', tgname, tgrelid::regclass) AS sql
      FROM pg_trigger
     WHERE tgrelid IN (to_regclass('product_reviews'), to_regclass('product_review_stats'))
       AND tgname ~ '^product_review(s|_stats)_' AND NOT tgisinternal`);
  for (const { sql } of rows) await trx.raw(sql);
  for (const signature of SIGNATURES) await trx.raw(`DROP FUNCTION IF EXISTS ${signature}`);
}

const SIGNATURES = [
  'product_reviews_hold()',
  'product_reviews_take_turns()',
  'product_reviews_after_insert()',
  'product_reviews_after_update()',
  'product_reviews_after_delete()',
  'product_reviews_after_truncate()',
  'product_reviews_make_current(text[], text[])',
  'product_reviews_promote(text[], text[])',
  'product_review_turn(text, text)',
  'product_review_stats_ignore()',
];

/** The functions below keep it: whoever fires them may have another one, or a temporary table of the same name. */
const PIN_SEARCH_PATH = `
  SELECT set_config('search_path', string_agg(quote_ident(name), ', ' ORDER BY place) || ', pg_temp', true)
    FROM unnest(current_schemas(false)) WITH ORDINALITY AS path (name, place)`;

/** A writer needs rights on product_reviews only, as before the migration; hence SECURITY DEFINER. */
const trigger = (name: string, body: string) => `
  CREATE FUNCTION product_reviews_${name}() RETURNS trigger
  LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT
  AS $$ BEGIN ${body} RETURN NULL; END $$`;

/** Changes the stats by the rows that a query gives: product_id, rating, and sign: 1 for a gained row, -1 for a lost one. */
const applyDeltas = (rows: string) => `
    INSERT INTO product_review_stats AS stats (product_id, review_count, rating_sum)
    SELECT product_id, sum(sign), sum(sign * product_review_stars(rating))
      FROM (${rows}) AS change
     GROUP BY product_id
    HAVING sum(sign) <> 0 OR sum(sign * product_review_stars(rating)) <> 0
     ORDER BY product_id
        ON CONFLICT (product_id) DO UPDATE
       SET review_count = stats.review_count + excluded.review_count,
           rating_sum = stats.rating_sum + excluded.rating_sum;`;

/** Calls one of the two functions below with the authors and products that a query gives; not at all without any. */
const forPairs = (name: string, pairs: string) => `
    PERFORM product_reviews_${name}(array_agg(product_id::text), array_agg(author_id::text))
       FROM (SELECT DISTINCT product_id, author_id FROM (${pairs}) AS found
              WHERE product_id IS NOT NULL AND author_id IS NOT NULL) AS pair;`;

const KEYS = 'SELECT id, product_id, author_id FROM';

/** Of one pair (product, author): the row that is current, and the one that should be. One index entry each. */
const FORMER = `(SELECT id FROM product_reviews
                  WHERE product_id = pair.product AND author_id = pair.author AND superseded_at IS NULL)`;
const NEWEST = `(SELECT max(id) FROM product_reviews WHERE product_id = pair.product AND author_id = pair.author)`;
const PAIRS = 'unnest(products, authors) AS pair (product, author)';

/** A plan is kept while the table grows: what was right for fifty rows would read fifty thousand. */
const BY_INDEX = 'SET enable_seqscan = off';

/**
 * One of 1024 advisory locks, so that a statement of any size fits into the server's lock table. The store takes it
 * before it looks for a review to edit.
 */
const TURN = `
  CREATE FUNCTION product_review_turn(product text, author text) RETURNS bigint
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
  AS $$ SELECT 7206150332000 + (hashtextextended(product || chr(31) || author, 0) & 1023) $$`;
/** Of statements that take rows away or insert for several authors: they meet rows in any order. */
const MANY_ROWS_TURN = 7_206_150_331_999;

/**
 * The newest rows of some authors become current, their former ones superseded.
 *
 * The loop waits for deletes of the former ones, which make an older row current as they commit: it ends when the rows
 * that have to leave are the ones that it has locked. The last statement does both updates at once, older rows first
 * because of the unique index, so that the stats are changed once, in order.
 */
const MAKE_CURRENT = `
  CREATE FUNCTION product_reviews_make_current(products text[], authors text[]) RETURNS void
  LANGUAGE plpgsql STRICT SET search_path FROM CURRENT ${BY_INDEX}
  AS $$
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
      SELECT coalesce(array_agg(former) FILTER (WHERE former <> newest), '{}'),
             array_agg(newest) FILTER (WHERE newest IS DISTINCT FROM former)
        INTO leaving, arriving
        FROM (SELECT ${FORMER} AS former, ${NEWEST} AS newest FROM ${PAIRS}) AS state;
      EXIT WHEN leaving = locked;
      PERFORM 1 FROM product_reviews WHERE id = ANY (leaving) AND superseded_at IS NULL ORDER BY id FOR UPDATE;
      locked := leaving;
    END LOOP;
    WITH older AS (
      UPDATE product_reviews SET superseded_at = now() WHERE id = ANY (leaving) RETURNING id
    )
    UPDATE product_reviews SET superseded_at = NULL
     WHERE id = ANY (arriving) AND (SELECT count(*) FROM older) >= 0;
  END $$`;

/** Authors whose current row is gone get back their next newest. Nobody else deletes rows meanwhile (take_turns). */
const PROMOTE = `
  CREATE FUNCTION product_reviews_promote(products text[], authors text[]) RETURNS void
  LANGUAGE sql STRICT SET search_path FROM CURRENT ${BY_INDEX}
  AS $$
    UPDATE product_reviews SET superseded_at = NULL
     WHERE id = ANY (ARRAY(SELECT ${NEWEST} FROM ${PAIRS} WHERE ${FORMER} IS NULL))
  $$`;

const FUNCTIONS = [
  TURN,
  MAKE_CURRENT,
  PROMOTE,
  `CREATE FUNCTION product_reviews_hold() RETURNS trigger LANGUAGE plpgsql
   AS $$ BEGIN NEW.superseded_at := coalesce(NEW.superseded_at, now()); RETURN NEW; END $$`,
  trigger('take_turns', `PERFORM pg_advisory_xact_lock(${MANY_ROWS_TURN});`),
  trigger('after_insert', forPairs('make_current', 'TABLE new_rows')),
  // A row that changes hands leaves like a deleted one and arrives like an inserted one.
  trigger(
    'after_update',
    forPairs('make_current', `${KEYS} new_rows EXCEPT ${KEYS} old_rows`) +
      applyDeltas(`SELECT product_id, rating, 1 AS sign FROM new_rows WHERE superseded_at IS NULL
             UNION ALL SELECT product_id, rating, -1 FROM old_rows WHERE superseded_at IS NULL`) +
      forPairs('promote', `${KEYS} old_rows EXCEPT ${KEYS} new_rows`),
  ),
  trigger(
    'after_delete',
    applyDeltas('SELECT product_id, rating, -1 AS sign FROM old_rows WHERE superseded_at IS NULL') +
      forPairs('promote', 'SELECT * FROM old_rows WHERE superseded_at IS NULL'),
  ),
  trigger('after_truncate', 'DELETE FROM product_review_stats;'),
  'CREATE FUNCTION product_review_stats_ignore() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$',
  // Fired they still are; but nobody can hang them on a table of their own and write with our rights.
  ...['take_turns', 'after_insert', 'after_update', 'after_delete', 'after_truncate'].map(
    (name) => `REVOKE ALL ON FUNCTION product_reviews_${name}() FROM PUBLIC`,
  ),
];

const KEY_COLUMNS = 'id, product_id, author_id';
const KEY_CHANGED =
  '(OLD.id, OLD.product_id, OLD.author_id) IS DISTINCT FROM (NEW.id, NEW.product_id, NEW.author_id)';

const TRIGGERS = [
  `CREATE TRIGGER product_reviews_hold BEFORE INSERT ON product_reviews
     FOR EACH ROW EXECUTE FUNCTION product_reviews_hold()`,
  `CREATE TRIGGER product_reviews_hold_moved BEFORE UPDATE OF ${KEY_COLUMNS} ON product_reviews
     FOR EACH ROW WHEN (${KEY_CHANGED}) EXECUTE FUNCTION product_reviews_hold()`,
  `CREATE TRIGGER product_reviews_take_turns BEFORE DELETE OR UPDATE OF ${KEY_COLUMNS} ON product_reviews
     FOR EACH STATEMENT EXECUTE FUNCTION product_reviews_take_turns()`,
  `CREATE TRIGGER product_reviews_after_insert AFTER INSERT ON product_reviews
     REFERENCING NEW TABLE AS new_rows
     FOR EACH STATEMENT EXECUTE FUNCTION product_reviews_after_insert()`,
  `CREATE TRIGGER product_reviews_after_update AFTER UPDATE ON product_reviews
     REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
     FOR EACH STATEMENT EXECUTE FUNCTION product_reviews_after_update()`,
  `CREATE TRIGGER product_reviews_after_delete AFTER DELETE ON product_reviews
     REFERENCING OLD TABLE AS old_rows
     FOR EACH STATEMENT EXECUTE FUNCTION product_reviews_after_delete()`,
  `CREATE TRIGGER product_reviews_after_truncate AFTER TRUNCATE ON product_reviews
     FOR EACH STATEMENT EXECUTE FUNCTION product_reviews_after_truncate()`,
  // A restore of data alone brings the stats as well as the reviews, from which the triggers make them again.
  `CREATE TRIGGER product_review_stats_ignore BEFORE INSERT ON product_review_stats
     FOR EACH ROW WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION product_review_stats_ignore()`,
];
