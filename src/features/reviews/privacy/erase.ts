/**
 * Erases all that a user has written under products (Regulation (EU) 2016/679, Art. 17). In batches, each a transaction that
 * is complete in itself: a request that ran out of time has erased some of it, and the next one goes on from there.
 *
 * What is left: that a moderator has kept a review back, without what it said, and the author's number with it, so that
 * deleting and writing again does not undo that (Art. 17(3)).
 */
import type { Knex } from 'knex';
import type { Database, RunOptions } from '../../../infra/postgres/database.ts';
import { retriedOnce, undoneByTrigger, whatItMeans } from '../database-refusal.ts';
import type { ReviewEvents } from '../review-events.ts';
import type { ReviewView, ReviewViews } from '../view.ts';
import { forgetReplies, forgetUser, type RewriteEvents } from './forget-events.ts';
import { isReview } from './own-reviews.ts';

const BATCH = 200;

export interface Erased {
  readonly reviews: number;
  readonly votes: number;
  readonly reports: number;
  readonly replies: number;
}

export interface EraseOptions {
  readonly database: Database;
  readonly views: ReviewViews;
  readonly events: ReviewEvents;
  readonly rewriteEvents: RewriteEvents;
}

/** @throws AppError 503 */
export type Erase = (userId: number, options: RunOptions) => Promise<Erased>;

export function createErase({ database, views, events, rewriteEvents }: EraseOptions): Erase {
  /** Until nothing is left. @returns how many there were */
  async function all(
    batch: (trx: Knex.Transaction, view: ReviewView) => Promise<number>,
    options: RunOptions,
  ) {
    let count = 0;
    for (;;) {
      const erased = await views.using(
        (view) => retriedOnce(() => database.transaction((trx) => batch(trx, view), options)),
        options,
      );
      count += erased;
      if (erased < BATCH) return count;
    }
  }

  return async (userId, options) => {
    const id = String(userId);
    try {
      const erased = {
        votes: await all((trx) => eraseVotes(trx, id), options),
        reports: await all((trx) => eraseReports(trx, id), options),
        replies: await all(async (trx, view) => {
          const { rows } = await trx.raw<{ rows: Replied[] }>(repliesSql(view, events), [id, BATCH, userId]);
          await forgetReplies(rewriteEvents, trx, rows);
          return rows.length;
        }, options),
        reviews: await all(
          (trx, view) => countOf(trx, reviewsSql(view, events), [id, BATCH, id, userId]),
          options,
        ),
      };
      await retriedOnce(() => database.transaction((trx) => forgetUser(rewriteEvents, trx, id), options));
      const left = { name: 'left_of_author', text: LEFT, values: [id] };
      if ((await database.query(left, options)).length > 0) throw undoneByTrigger('has kept some of it in');
      return erased;
    } catch (error) {
      throw whatItMeans(error);
    }
  };
}

/** Their triggers count the votes of each review anew. */
const eraseVotes = (trx: Knex.Transaction, userId: string) =>
  countOf(
    trx,
    `WITH gone AS (
       DELETE FROM product_review_votes
        WHERE user_id = ? AND review_id = ANY (ARRAY(
                SELECT review_id FROM product_review_votes WHERE user_id = ?
                 ORDER BY user_id, product_id, review_id LIMIT ?))
       RETURNING 1)
     SELECT count(*)::integer AS count FROM gone`,
    [userId, userId, BATCH],
  );

/** A review that was held for them stays so until a moderator has seen it. */
async function eraseReports(trx: Knex.Transaction, userId: string): Promise<number> {
  const { rows } = await trx.raw<{ rows: { review_id: string }[] }>(
    `DELETE FROM product_review_reports
      WHERE user_id = ? AND review_id = ANY (ARRAY(
              SELECT review_id FROM product_review_reports WHERE user_id = ? ORDER BY review_id LIMIT ?))
     RETURNING review_id::text`,
    [userId, userId, BATCH],
  );
  // One after the other in the order of their ids, as every statement that meets several rows.
  const reviews = rows.map(({ review_id: id }) => id);
  await trx.raw('SELECT FROM product_reviews WHERE id = ANY (?::bigint[]) ORDER BY id FOR UPDATE', [reviews]);
  await trx.raw(
    `UPDATE product_reviews AS r
        SET report_count = nullif((SELECT count(*)::integer FROM product_review_reports
                                    WHERE review_id = r.id AND resolved_at IS NULL), 0)
      WHERE id = ANY (?::bigint[]) AND report_count IS NOT NULL`,
    [reviews],
  );
  return rows.length;
}

interface Replied {
  readonly id: string;
  readonly author_id: string;
}

const repliesSql = (view: ReviewView, events: ReviewEvents) => `
  WITH changed AS (
    UPDATE product_reviews SET reply = NULL
     WHERE id = ANY (ARRAY(SELECT id FROM product_reviews
                            WHERE reply IS NOT NULL AND reply ->> 'author_id' = ? ORDER BY id LIMIT ?))
    RETURNING *),
  told AS (${events.insertOf(view, 'review.replied', 'changed')})
  SELECT id::text, author_id::text FROM changed`;

/** What hangs on them, and what the history says that they said, goes with them (tables/triggers/hanging.ts, decision 0029). */
const reviewsSql = (view: ReviewView, events: ReviewEvents) => `
  WITH gone AS (
    DELETE FROM product_reviews WHERE id = ANY (ARRAY(SELECT id FROM product_reviews WHERE author_id = ? ORDER BY id LIMIT ?)) AND author_id = ? RETURNING *),
  told AS (${events.insertOf(view, 'review.deleted', WITHOUT_WORDS)})
  SELECT count(*)::integer AS count FROM gone`;

/** Once for each review, not for what it has replaced. */
const WITHOUT_WORDS = `(
    SELECT bare.* FROM gone
     CROSS JOIN LATERAL jsonb_populate_record(NULL::product_reviews, to_jsonb(gone.*) - '{title,text,media,reply}'::text[]) AS bare
     WHERE ${isReview('gone')})`;

/** Nobody is told that all is erased while it is not. Written meanwhile, it is for another try as well. */
const LEFT = `
  SELECT FROM product_reviews WHERE author_id = $1
   UNION ALL
  SELECT FROM product_reviews WHERE reply IS NOT NULL AND reply ->> 'author_id' = $1
   LIMIT 1`;

async function countOf(
  trx: Knex.Transaction,
  sql: string,
  values: readonly (string | number)[],
): Promise<number> {
  const { rows } = await trx.raw<{ rows: { count: number }[] }>(sql, values);
  return rows[0]?.count ?? 0;
}
