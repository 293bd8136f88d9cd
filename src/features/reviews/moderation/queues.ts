/** What waits for a moderator, and what was decided: pages of reviews, and how many there are by rating and reason. */
import type { Database, RunOptions } from '../../../infra/postgres/database.ts';
import { whatItMeans } from '../database-refusal.ts';
import { BEFORE_EVERY_ID, type PageRow, toPage } from '../id-page.ts';
import type { ReviewView, ReviewViews } from '../view.ts';
import type { Queue } from './schema.ts';

export interface Queues {
  /** Oldest first, as JSON text. @throws AppError 503 */
  page(
    query: { readonly status: Queue; readonly limit: number; readonly cursor?: string | undefined },
    options: RunOptions,
  ): Promise<string>;
  /** Shows that nothing is kept back for its rating. @throws AppError 503 */
  statistics(options: RunOptions): Promise<Statistics>;
}

export interface Statistics {
  readonly published: Readonly<Record<string, number>>;
  readonly hidden: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly held: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

export function createQueues(database: Database, views: ReviewViews): Queues {
  const run = async <Row>(sql: string, values: readonly (string | number)[], options: RunOptions) =>
    (await database.run((knex) => knex.raw<{ rows: Row[] }>(sql, values), options)).rows;
  const orWhy = (error: unknown) => {
    throw whatItMeans(error);
  };
  return {
    page: ({ status, limit, cursor = BEFORE_EVERY_ID }, options) =>
      views
        .using(async (view) => {
          const branches = QUEUE_BRANCHES[status];
          const values = [...branches.flatMap(() => [cursor, limit + 1]), limit + 1];
          return toPage(await run<PageRow>(pageSql(view, branches), values, options), limit);
        }, options)
        .catch(orWhy),
    async statistics(options) {
      const rows = await run<{ published: Statistics['published'] }>(PUBLISHED, [], options).catch(orWhy);
      const kept = await run<KeptRow>(KEPT, [], options).catch(orWhy);
      return {
        published: rows[0]?.published ?? {},
        hidden: byRating(kept.filter(({ status }) => status === 'hidden')),
        held: byRating(kept.filter(({ status }) => status === 'held')),
      };
    },
  };
}

/**
 * Which reviews are in a queue: one condition for each index that finds them in the order of their ids. Reports of a review
 * that is hidden are dealt with.
 */
const QUEUE_BRANCHES: Readonly<Record<Queue, readonly string[]>> = {
  pending: [`status = 'pending'`, 'pending_edit IS NOT NULL'],
  held: [`status = 'held'`],
  hidden: [`status = 'hidden'`],
  reported: [`report_count > 0 AND status IS DISTINCT FROM 'hidden'`],
};

/** Of one review, so that a page stays small; the newest. */
const MAX_REPORTS = 100;
const MAX_HISTORY = 100;

const pageSql = (view: ReviewView, branches: readonly string[]) => `
  SELECT r.id::text, left(${view.ownJson}, -1) || ',"report_count":' || coalesce(r.report_count, 0)
           || ',"reports":' || ${REPORTS} || ',"history":' || ${HISTORY} || ',"appeal":' || ${APPEAL} || '}' AS json
    FROM (SELECT id FROM (${branches.map(branchSql).join(' UNION ')}) AS found ORDER BY id LIMIT ?) AS queue
    JOIN product_reviews AS r ON r.id = queue.id ${view.joinAuthor}
   ORDER BY r.id`;
const branchSql = (condition: string) =>
  `(SELECT id FROM product_reviews WHERE ${condition} AND id > ? ORDER BY id LIMIT ?)`;

const iso = (time: string) => `to_char(${time}, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;

/** Of a table that has a review's id, oldest first. */
const listOf = (table: string, fields: string, order: string, most: number) => `(
    SELECT coalesce(json_agg(json_build_object(${fields}) ORDER BY ${order}), '[]')::text
      FROM (SELECT * FROM ${table} WHERE review_id = r.id ORDER BY ${order
        .split(', ')
        .map((column) => `${column} DESC`)
        .join(', ')} LIMIT ${most}) AS one)`;
const REPORTS = listOf(
  'product_review_reports',
  `'user_id', user_id, 'reason', reason, 'note', note, 'created_at', ${iso('created_at')}, 'resolved_at', ${iso('resolved_at')}`,
  'created_at, user_id',
  MAX_REPORTS,
);
const HISTORY = listOf(
  'product_review_history',
  `'actor_id', actor_id, 'action', action, 'reason', reason, 'note', note, 'before', before, 'after', after, 'created_at', ${iso('created_at')}`,
  'id',
  MAX_HISTORY,
);
const APPEAL = `coalesce((SELECT json_build_object('text', text, 'created_at', ${iso('created_at')})::text
                            FROM product_review_appeals WHERE review_id = r.id), 'null')`;

const RATINGS = [1, 2, 3, 4, 5] as const;

const PUBLISHED = `
  SELECT json_build_object(${RATINGS.map((n) => `'${n}', coalesce(sum(rating_${n}), 0)`).join(', ')}) AS published
    FROM product_review_stats`;

/** Rows of the old module's may follow a review that is kept back, and are kept back with it: they count once. */
const KEPT = `
  SELECT status, least(5, greatest(1, rating))::integer AS rating, coalesce(status_reason, 'none') AS reason,
         count(*)::integer AS count
    FROM product_reviews
   WHERE status IN ('hidden', 'held') AND rating IS NOT NULL
   GROUP BY 1, 2, 3
   ORDER BY 3`;

interface KeptRow {
  readonly status: string;
  readonly rating: number;
  readonly reason: string;
  readonly count: number;
}

function byRating(rows: readonly KeptRow[]): Statistics['hidden'] {
  const of = (rating: number) => rows.filter((row) => row.rating === rating);
  return Object.fromEntries(
    RATINGS.map((rating) => [
      rating,
      Object.fromEntries(of(rating).map(({ reason, count }) => [reason, count])),
    ]),
  );
}
