/**
 * The rebuild of what the triggers keep (migrations/0002-product-review-stats.ts): current rows and the stats of each
 * product, compared with the reviews and put right. Reads every review, so it is for an operator, never for a request.
 */
import type { Knex } from 'knex';
import type { DatabaseTarget } from '../config/database-url.ts';
import {
  COMPUTED_STATS,
  INSERT_COMPUTED_STATS,
  RESTORE_NEWEST,
  SUPERSEDE_OLDER,
} from './migrations/0002-product-review-stats.ts';
import { createKnex, LONG_STATEMENT_MS } from './postgres/knex.ts';

export interface ReviewStatsDrift {
  /** Reviews that were current and should not be, or the other way round. */
  readonly reviews: number;
  /** Products whose count or sum was wrong, missing or left over. */
  readonly products: number;
}

/** Counts what differs and changes nothing. @throws Error of the database, e.g. when it was never migrated */
export const checkReviewStats = (target: DatabaseTarget): Promise<ReviewStatsDrift> =>
  // What a rebuild would do, and then not do it: the two can never disagree.
  inTransaction(target, 'rollback');

/** Puts everything right in one transaction and tells what was wrong. @throws as checkReviewStats */
export const rebuildReviewStats = (target: DatabaseTarget): Promise<ReviewStatsDrift> =>
  inTransaction(target, 'commit');

async function inTransaction(target: DatabaseTarget, end: 'commit' | 'rollback'): Promise<ReviewStatsDrift> {
  const knex = createKnex(target, { poolMax: 1, statements: 'long' });
  try {
    const trx = await knex.transaction();
    try {
      await trx.raw(`SET LOCAL statement_timeout = ${LONG_STATEMENT_MS}`);
      const drift = await rebuild(trx);
      await trx[end]();
      return drift;
    } finally {
      // Open still, after an error: its connection would never come back, and destroy() wait for it.
      if (!trx.isCompleted()) await trx.rollback();
    }
  } finally {
    await knex.destroy();
  }
}

/** The lock keeps writers out until the end, so that no review slips between counting and writing down. */
async function rebuild(trx: Knex.Transaction): Promise<ReviewStatsDrift> {
  await trx.raw('LOCK TABLE product_reviews IN SHARE ROW EXCLUSIVE MODE');
  // Before the rows are touched: the triggers would apply each correction to the stats, and hide which were wrong.
  await trx.raw(`CREATE TEMPORARY TABLE stats_before ON COMMIT DROP AS SELECT * FROM product_review_stats`);
  const superseded = await changed(trx, SUPERSEDE_OLDER);
  const restored = await changed(trx, RESTORE_NEWEST);
  const products = await changed(trx, `SELECT 1 ${WRONG_STATS}`);
  await trx.raw('DELETE FROM product_review_stats');
  // Which ignores what does not come from the triggers on the reviews.
  await trx.raw('ALTER TABLE product_review_stats DISABLE TRIGGER product_review_stats_ignore');
  await trx.raw(INSERT_COMPUTED_STATS);
  await trx.raw('ALTER TABLE product_review_stats ENABLE TRIGGER product_review_stats_ignore');
  return { reviews: superseded + restored, products };
}

async function changed(trx: Knex.Transaction, sql: string): Promise<number> {
  const { rowCount } = await trx.raw<{ rowCount: number | null }>(sql);
  return rowCount ?? 0;
}

/** A product without reviews may have a row of zeros, or none. */
const WRONG_STATS = `
  FROM (${COMPUTED_STATS}) AS computed
  FULL JOIN stats_before AS stored USING (product_id)
 WHERE (coalesce(computed.review_count, 0), coalesce(computed.rating_sum, 0))
    IS DISTINCT FROM (coalesce(stored.review_count, 0), coalesce(stored.rating_sum, 0))`;
