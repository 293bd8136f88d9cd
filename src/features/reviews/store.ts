/**
 * Reviews in PostgreSQL. Which row is current, and the stats, are the triggers' work (tables/functions.ts); nothing here
 * counts or averages.
 */
import { isStandalone } from '../../infra/postgres/backend-tables.ts';
import type { Database, RunOptions } from '../../infra/postgres/database.ts';
import { isUndefinedTable } from '../../infra/postgres/failure.ts';
import { retriedOnce, whatItMeans } from './database-refusal.ts';
import { type Review, type ReviewRow, type Summary, toReview, toSummary } from './review.ts';
import { isUnsettled, REVIEW, settle } from './write-review.ts';

export interface ReviewPage {
  readonly items: readonly Review[];
  /** Cursor of the next page; null after the last one. */
  readonly nextCursor: string | null;
  readonly summary: Summary;
}

export interface ReviewStore {
  /** Current reviews, newest first. An unknown product has none. @throws AppError 503 */
  list(
    productId: string,
    page: { readonly limit: number; readonly cursor: string | undefined },
    options?: RunOptions,
  ): Promise<ReviewPage>;
  /** Reads what it reads, of no product. @throws as it does */
  probe(options?: RunOptions): Promise<void>;
}

/** No product has it. */
const NO_PRODUCT = '0';

export function createReviewStore({ database }: { readonly database: Database }): ReviewStore {
  return {
    list: (productId, page, options) =>
      listPage(database, productId, page, options).catch((error) => {
        throw whatItMeans(error, { reading: productId });
      }),
    async probe(options) {
      await listPage(database, NO_PRODUCT, { limit: 1, cursor: undefined }, options);
    },
  };
}

/**
 * Page and summary in one statement, so that they agree. Both are read by index: the stats by primary key, the page by
 * product_reviews_current_page, whose expression is `id + 0` (the reason is there). The id is the order: ids only grow,
 * while created_at of imported rows says anything. Parameters: product, id to stay below, rows wanted.
 */
export const pageSql = (withUsers: boolean) => `
  SELECT s.review_count::integer, s.rating_sum::text, ${isUnsettled('asked.product_id')} AS unsettled, page.*
    FROM (SELECT ?::text AS product_id) AS asked
    LEFT JOIN product_review_stats s ON s.product_id = asked.product_id
    LEFT JOIN LATERAL (
      SELECT r.id AS place, ${REVIEW}, ${withUsers ? LIVE_AUTHOR : STORED_AUTHOR}
       WHERE r.product_id = asked.product_id AND r.superseded_at IS NULL AND r.id + 0 < ?::bigint
       ORDER BY r.id + 0 DESC
       LIMIT ?::integer) AS page ON true
   ORDER BY page.place DESC`;

const STORED_AUTHOR = `r.author_name::text, NULL AS author_avatar_url
        FROM product_reviews r`;

/**
 * Name and picture as they are today; author_id is text and may be no number at all. A column that users lacks is
 * found as null in `absent`.
 */
const LIVE_AUTHOR = `coalesce(nullif(author.name::text, ''), r.author_name::text) AS author_name,
             author.avatar_url::text AS author_avatar_url
        FROM product_reviews r
       CROSS JOIN (SELECT NULL::text AS name, NULL::text AS avatar_url) AS absent
        LEFT JOIN LATERAL (
          SELECT name, avatar_url FROM users
           WHERE users.id = CASE WHEN r.author_id ~ '^[0-9]{1,10}$' THEN r.author_id::bigint END) AS author ON true`;

const AFTER_EVERY_ID = '9223372036854775807';

interface PageRow extends ReviewRow {
  review_count: number | null;
  rating_sum: string | null;
  unsettled: boolean;
}

async function listPage(
  database: Database,
  productId: string,
  { limit, cursor }: { limit: number; cursor: string | undefined },
  options?: RunOptions,
): Promise<ReviewPage> {
  // One row more than asked for tells whether there is a next page.
  const values = [productId, cursor ?? AFTER_EVERY_ID, limit + 1];
  const select = (withUsers: boolean) =>
    database.run((knex) => knex.raw<{ rows: PageRow[] }>(pageSql(withUsers), values), options);
  const read = () =>
    select(true).catch(async (error) => {
      if (isUndefinedTable(error) && (await isStandalone(database, options))) return select(false);
      throw error;
    });
  let { rows } = await read();
  if (rows[0]?.unsettled) {
    await settleProduct(database, productId, options);
    ({ rows } = await read());
  }
  const found = rows.filter((row) => row.id !== null);
  const shown = found.slice(0, limit);
  return {
    items: shown.map(toReview),
    // As text: a number cannot tell ids above 2^53 apart.
    nextCursor: found.length > limit ? (shown.at(-1)?.id ?? null) : null,
    summary: toSummary(rows[0]?.review_count ?? 0, rows[0]?.rating_sum ?? 0),
  };
}

const settleProduct = (database: Database, productId: string, options?: RunOptions) =>
  retriedOnce(() => database.transaction((trx) => settle(trx, productId), options));
