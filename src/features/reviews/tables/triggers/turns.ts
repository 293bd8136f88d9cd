/** Whose turn it is: the first of the locks that the triggers take (functions.ts). */

/** Of statements that take rows away or insert for several authors: they meet rows in any order. */
export const MANY_ROWS_TURN = 7_206_150_331_999;

/**
 * SQL: of an author at a product, one of 1024 advisory locks, so that a statement of any size fits into the server's lock
 * table. Both are texts.
 */
export const turnOf = (product: string, author: string) =>
  `7206150332000 + (hashtextextended(${product} || chr(31) || ${author}, 0) & 1023)`;

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
