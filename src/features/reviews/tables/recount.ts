/**
 * Computes marks and stats anew while others read and write. Every product is noted first: from then on whoever reads
 * one has it settled before. Then the notes are worked off in the background, in transactions of a moment each. The
 * triggers are there by now, so nothing that is written meanwhile is lost, and a process that is killed leaves the rest
 * to the next one.
 */
import type { Knex } from 'knex';
import type { LongWork } from '../../../infra/postgres/long-work.ts';
import type { Facts } from './facts.ts';
import { HANGING_TABLES } from './own-tables.ts';
import { isPairWrong } from './what-counts.ts';

/** In one transaction: products to note, pairs to look at, pairs to put right. Each some 0.1 s. */
const NOTES_AT_ONCE = 1_000;
const PAIRS_AT_ONCE = 20_000;
const WRONG_AT_ONCE = 500;
/** How long a transaction that settles should take; a single product may take longer. */
const SETTLING_MS = 200;

/** Transactions in the schema of the reviews, with plans that follow an index whatever the statistics say. */
type Step = <T>(work: (trx: Knex.Transaction) => Promise<T>) => Promise<T>;

/** All products from the beginning; what is left of an earlier call is done with them. */
export async function noteEverything(trx: Knex.Transaction): Promise<void> {
  await trx.raw('DELETE FROM product_reviews_unnoted; INSERT INTO product_reviews_unnoted DEFAULT VALUES');
}

/** Somebody was killed before it had noted them. */
export async function hasUnnoted(knex: Knex, { tables }: Facts): Promise<boolean> {
  if (!('product_reviews_unnoted' in tables)) return false;
  const { rows } = await knex.raw('SELECT EXISTS (SELECT FROM product_reviews_unnoted) AS yes');
  return rows[0].yes;
}

/**
 * Notes what noteEverything() has asked for. @param finish in the transaction of the last note: from here on products
 * may be read
 */
export async function noteProducts(
  work: LongWork,
  step: Step,
  finish: (trx: Knex.Transaction) => Promise<void>,
): Promise<void> {
  let noted = 0;
  const noteSome = async (trx: Knex.Transaction): Promise<boolean> => {
    const { rows } = await trx.raw('SELECT after FROM product_reviews_unnoted');
    if (rows.length === 0) return false;
    const some = await trx.raw(NOTE_SOME, [rows[0].after, rows[0].after, NOTES_AT_ONCE]);
    noted += some.rows[0].noted;
    if (some.rows[0].noted > 0) return true;
    await finish(trx);
    await trx.raw(NOTE_THE_REST);
    return false;
  };
  while (await step(noteSome)) work.tell('noting which products are to be counted', noted);
}

/** From one product to the next by index, however many reviews it has. */
const NOTE_SOME = `
  WITH RECURSIVE product (id) AS (
    (SELECT product_id FROM product_reviews
      WHERE product_id > ?::text OR (?::text IS NULL AND product_id IS NOT NULL)
      ORDER BY product_id LIMIT 1)
    UNION ALL
    SELECT (SELECT product_id FROM product_reviews WHERE product_id > product.id ORDER BY product_id LIMIT 1)
      FROM product WHERE id IS NOT NULL
  ), found AS (
    SELECT id::text FROM product WHERE id IS NOT NULL LIMIT ?
  ), noted AS (
    INSERT INTO product_reviews_unsettled (product_id)
    SELECT id FROM found
     WHERE NOT EXISTS (SELECT FROM product_reviews_unsettled WHERE product_id = found.id AND author_id IS NULL AND change IS NULL)
  ), last AS (
    UPDATE product_reviews_unnoted SET after = (SELECT id FROM found ORDER BY id DESC LIMIT 1)
     WHERE EXISTS (SELECT FROM found)
  )
  SELECT count(*)::integer AS noted FROM found`;

/** Stats without reviews; rows that belong to nobody. */
const NOTE_THE_REST = `
  INSERT INTO product_reviews_unsettled (product_id)
  SELECT product_id FROM product_review_stats AS stats
   WHERE review_count <> 0 AND NOT EXISTS (SELECT FROM product_reviews WHERE product_id = stats.product_id);
  UPDATE product_reviews SET superseded_at = now() WHERE product_id IS NULL AND superseded_at IS NULL;
  UPDATE product_reviews SET superseded_at = now() WHERE author_id IS NULL AND superseded_at IS NULL;
  DELETE FROM product_reviews_unnoted`;

/** Works off the notes: marks first, in small pieces, so that counting a product afterwards only reads. */
export async function settleNotes(work: LongWork, step: Step): Promise<void> {
  if (await step(hasWholeProducts)) await markPairs(work, step);
  let most = 10;
  for (let settled = 0; ; ) {
    const from = performance.now();
    const { rowCount } = await step((trx) =>
      trx.raw<{ rowCount: number }>(
        // Not what somebody else is settling, who may wait for a lock of ours: that is done as soon as we are.
        `DELETE FROM product_reviews_unsettled
          WHERE id IN (SELECT id FROM product_reviews_unsettled ORDER BY id LIMIT ? FOR UPDATE SKIP LOCKED)`,
        [most],
      ),
    );
    if (rowCount === 0) return;
    settled += rowCount;
    work.tell('counting the reviews of products', settled);
    const tookMs = performance.now() - from;
    most = Math.round(Math.min(2_000, Math.max(1, most * Math.min(2, SETTLING_MS / tookMs))));
  }
}

async function hasWholeProducts(trx: Knex.Transaction): Promise<boolean> {
  const { rows } = await trx.raw(
    'SELECT EXISTS (SELECT FROM product_reviews_unsettled WHERE author_id IS NULL AND change IS NULL) AS yes',
  );
  return rows[0].yes;
}

interface Pairs {
  readonly wrong: readonly [product: string, author: string][];
  readonly last: readonly string[] | null;
  readonly rows: number;
}

async function markPairs(work: LongWork, step: Step): Promise<void> {
  const { rows } = await step((trx) =>
    trx.raw<{ rows: { n: number }[] }>(
      `SELECT greatest(reltuples, 0)::float AS n FROM pg_class WHERE oid = 'product_reviews'::regclass`,
    ),
  );
  let looked = 0;
  for (let after: Pairs['last'] = []; after !== null; ) {
    const behind: readonly string[] = after;
    const found: Pairs = await step(async (trx) => {
      await trx.raw('SET LOCAL enable_sort = off; SET LOCAL enable_hashagg = off');
      const pairs = await trx.raw(look(behind.length > 0), [...behind, PAIRS_AT_ONCE]);
      return pairs.rows[0];
    });
    for (let n = 0; n < found.wrong.length; n += WRONG_AT_ONCE) {
      const some = found.wrong.slice(n, n + WRONG_AT_ONCE);
      await step((trx) =>
        trx.raw('SELECT product_reviews_make_current(?::text[], ?::text[])', [
          some.map(([of]) => of),
          some.map(([, by]) => by),
        ]),
      );
    }
    looked += found.rows;
    work.tell('looking which reviews are to be shown', looked, rows[0]?.n);
    after = found.last;
  }
}

/** In the order of product_reviews_author. */
const look = (isBehind: boolean) => `
  SELECT coalesce(json_agg(json_build_array(product_id, author_id)) FILTER (WHERE is_wrong), '[]') AS wrong,
         coalesce(sum(n), 0)::float AS rows,
         CASE WHEN count(*) > 0 THEN json_build_array(
           (array_agg(product_id ORDER BY product_id DESC, author_id DESC))[1],
           (array_agg(author_id ORDER BY product_id DESC, author_id DESC))[1]) END AS last
    FROM (SELECT product_id, author_id, count(*) AS n, ${isPairWrong} AS is_wrong
            FROM product_reviews
           WHERE ${isBehind ? '(product_id, author_id) > (?::text, ?::text)' : 'product_id IS NOT NULL'}
             AND author_id IS NOT NULL
           GROUP BY product_id, author_id ORDER BY product_id, author_id LIMIT ?) AS pair`;

/** Counts the votes anew where they differ, under the lock of the review, and removes what hangs on none. */
export async function recountVotes(step: Step): Promise<void> {
  const { rows } = await step((trx) => trx.raw<{ rows: { id: string }[] }>(WRONG_VOTES));
  const wrong = rows.map(({ id }) => id);
  for (let n = 0; n < wrong.length; n += WRONG_AT_ONCE) {
    const some = wrong.slice(n, n + WRONG_AT_ONCE);
    await step(async (trx) => {
      await trx.raw('SELECT FROM product_reviews WHERE id = ANY (?) ORDER BY id FOR UPDATE', [some]);
      await trx.raw(
        `UPDATE product_reviews AS review SET helpful_count = nullif(
           (SELECT count(*) FROM product_review_votes WHERE review_id = review.id), 0) WHERE id = ANY (?)`,
        [some],
      );
    });
  }
  for (const table of HANGING_TABLES) {
    await step((trx) =>
      trx.raw(
        `DELETE FROM ${table} WHERE NOT EXISTS (SELECT FROM product_reviews WHERE id = ${table}.review_id)`,
      ),
    );
  }
}

export const WRONG_VOTES = `
  SELECT review.id::text FROM product_reviews AS review
    LEFT JOIN (SELECT review_id, count(*) AS n FROM product_review_votes GROUP BY review_id) AS votes
           ON votes.review_id = review.id
   WHERE (helpful_count IS NOT NULL OR votes.n IS NOT NULL) AND votes.n IS DISTINCT FROM helpful_count`;
