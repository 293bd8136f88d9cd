/**
 * The functions and triggers on product_reviews: one current row per author and product, and the stats of every
 * product, for each writer alike: this sidecar, the old module after a rollback, a person with psql.
 *
 * A new row waits, superseded, until its statement is complete; then the newest row of each author and product becomes
 * current, and the stats change once per product. Work per statement, not per row: an import of many rows stays
 * linear, and what it locks it locks in order. A row without a rating cannot be shown, and belongs to nobody, like one
 * without an author or a product.
 *
 * **Nobody's statement fails because of this work**, whatever its session is like. Where it cannot be done at once (a
 * transaction with a snapshot of its own, which may not touch what others have changed since; a lock that is not to be
 * had; a part that is missing) the author and product are noted in product_reviews_unsettled instead. Deleting such
 * notes settles them, which the store does before it reads.
 *
 * The order of locks is the same everywhere, so that writers wait for each other and never in a circle: the turn of
 * statements with many rows → author's turn → the rows to supersede → stats. A delete has its rows before it knows
 * their authors, so it leaves out the second; whoever waits for its rows has no stats yet. What breaks the order (an
 * UPDATE that moves rows) waits LOCK_TIMEOUT_MS at most.
 */
import { ME_FUNCTIONS } from '../me/functions.ts';
import { REPLY_FUNCTIONS } from '../reply/functions.ts';
import { REPORT_FUNCTIONS } from '../reports/functions.ts';
import { VOTE_FUNCTIONS } from '../votes/functions.ts';
import { WRITE_FUNCTIONS } from '../write/functions.ts';
import { applyDeltas, COUNT_LONE_ROW, COUNT_VOTES, shown } from './triggers/counting.ts';
import { difference, forPairs, HOLD, MAKE_CURRENT, OWNERSHIP, PROMOTE } from './triggers/current.ts';
import { removeHanging } from './triggers/hanging.ts';
import { REMEMBER_DELETED, REMEMBER_INSERTED, REMEMBER_UPDATED } from './triggers/kept-back.ts';
import { atOnceOrNoted, NOTE_WHOLE, SETTLE } from './triggers/settling.ts';
import { TAKE_TURNS, turnOf } from './triggers/turns.ts';
import { VARIABLES_FIRST, type WantedFunction } from './wanted-function.ts';

/**
 * Less than PostgreSQL's deadlock_timeout (1 s): what waits for somebody who waits for it gives up first and makes a
 * note, instead of one of the two being failed.
 */
const LOCK_TIMEOUT_MS = 500;
/** A plan is kept while the table grows: what was right for fifty rows would read fifty thousand. */
const BY_INDEX = { enable_seqscan: 'off' };
/** And one is kept from the first on: with arrays for parameters PostgreSQL would plan each time, which costs more than the work. */
const KEPT = { ...BY_INDEX, plan_cache_mode: 'force_generic_plan' };
/** Of deleted rows: another one of its author may come to its place. */
const HAD_ITS_PLACE = `superseded_at IS NULL OR status IN ('held', 'hidden')`;
const CHANGES = `${shown('new_rows', 1)} UNION ALL ${shown('old_rows', -1)}`;
const plain = { language: 'plpgsql', immutable: false, definer: false, settings: {} } as const;

const trigger = (
  name: string,
  body: string,
  settings: Readonly<Record<string, string>> = { lock_timeout: `${LOCK_TIMEOUT_MS}ms` },
): WantedFunction => ({
  ...plain,
  signature: `product_review${name}()`,
  parameters: '',
  returns: 'trigger',
  definer: true,
  settings,
  body: VARIABLES_FIRST + body,
});

const forAuthors = (name: string, body: string): WantedFunction => ({
  ...plain,
  signature: `product_reviews_${name}(text[],text[])`,
  parameters: 'products text[], authors text[]',
  returns: 'void',
  settings: KEPT,
  body: VARIABLES_FIRST + body,
});

export const FUNCTIONS: readonly WantedFunction[] = [
  {
    // Whoever edits a review takes it before looking for one.
    ...{ ...plain, language: 'sql', immutable: true },
    signature: 'product_review_turn(text,text)',
    parameters: 'product text, author text',
    returns: 'bigint',
    body: ` SELECT ${turnOf('product', 'author')} `,
  },
  {
    // For release 0.1.0, whose rebuild of the stats calls it, should that come back.
    ...{ ...plain, language: 'sql', immutable: true },
    signature: 'product_review_stars(integer)',
    parameters: 'rating integer',
    returns: 'integer',
    body: ` SELECT least(5, greatest(1, coalesce(rating, 1))) `,
  },
  forAuthors('make_current', MAKE_CURRENT),
  forAuthors('promote', PROMOTE),
  trigger('s_hold', HOLD, {}),
  trigger('s_take_turns', TAKE_TURNS, {}),
  trigger(
    's_after_insert',
    atOnceOrNoted(
      `${COUNT_LONE_ROW}
       IF NOT FOUND THEN
         IF EXISTS (SELECT FROM new_rows WHERE superseded_at IS NULL) THEN
           ${applyDeltas(shown('new_rows', 1))}
         END IF;
         ${forPairs('make_current', 'SELECT * FROM new_rows WHERE superseded_at IS NOT NULL')}
         IF EXISTS (SELECT FROM new_rows WHERE status IN ('held', 'hidden')) THEN
           ${REMEMBER_INSERTED}
         END IF;
       END IF;`,
      { pairs: 'SELECT * FROM new_rows WHERE superseded_at IS NOT NULL', changes: shown('new_rows', 1) },
    ),
  ),
  trigger(
    's_after_update',
    atOnceOrNoted(
      // Most updates move nothing: an edit, a vote, a reply.
      `DECLARE
         moves boolean := EXISTS (${difference(OWNERSHIP, 'new_rows', 'old_rows')});
       BEGIN
         IF moves THEN
           ${forPairs('make_current', difference(OWNERSHIP, 'new_rows', 'old_rows'))}
         END IF;
         ${applyDeltas(CHANGES)}
         IF moves THEN
           ${forPairs('promote', difference(OWNERSHIP, 'old_rows', 'new_rows'))}
           ${REMEMBER_UPDATED}
         END IF;
       END;`,
      {
        pairs: `(${difference(OWNERSHIP, 'new_rows', 'old_rows')}) UNION ALL (${difference(OWNERSHIP, 'old_rows', 'new_rows')})`,
        changes: CHANGES,
      },
    ),
  ),
  trigger(
    's_after_delete',
    `DECLARE
       deleted bigint[] := ARRAY(SELECT id FROM old_rows);
     BEGIN ${removeHanging('WHERE review_id = ANY (deleted)')}
     ${atOnceOrNoted(
       applyDeltas(shown('old_rows', -1)) +
         forPairs('promote', `SELECT * FROM old_rows WHERE ${HAD_ITS_PLACE}`) +
         REMEMBER_DELETED,
       { pairs: `SELECT * FROM old_rows WHERE ${HAD_ITS_PLACE}`, changes: shown('old_rows', -1) },
     )}; END`,
    { lock_timeout: `${LOCK_TIMEOUT_MS}ms`, ...BY_INDEX },
  ),
  trigger(
    's_after_truncate',
    `BEGIN ${removeHanging('')}
     ${atOnceOrNoted(
       `DELETE FROM product_review_stats;
        -- Changes that somebody has noted are of rows that are gone.
        INSERT INTO product_reviews_unsettled (product_id) SELECT DISTINCT product_id FROM product_reviews_unsettled;`,
       {},
     )}; END`,
  ),
  trigger('_votes_count', COUNT_VOTES, BY_INDEX),
  trigger('s_settle', SETTLE, BY_INDEX),
  {
    ...plain,
    signature: 'product_reviews_unsettled_whole()',
    parameters: '',
    returns: 'trigger',
    body: NOTE_WHOLE,
  },
  {
    ...plain,
    signature: 'product_review_stats_ignore()',
    parameters: '',
    returns: 'trigger',
    body: ' BEGIN RETURN NULL; END ',
  },
  ...WRITE_FUNCTIONS,
  ...VOTE_FUNCTIONS,
  ...REPORT_FUNCTIONS,
  ...REPLY_FUNCTIONS,
  ...ME_FUNCTIONS,
];
