/**
 * Reviews in PostgreSQL. Which row is current, and the stats, are the triggers' work
 * (src/infra/migrations/0002-product-review-stats.ts); nothing here counts or averages.
 */
import type { Knex } from 'knex';
import { notFound, unavailable } from '../../errors.ts';
import { isStandalone } from '../../infra/postgres/backend-tables.ts';
import type { Database, RunOptions } from '../../infra/postgres/database.ts';
import { isSchemaMissing, isUndefinedTable } from '../../infra/postgres/failure.ts';
import { type Review, type ReviewRow, type Summary, toReview, toSummary } from './review.ts';

export interface Author {
  readonly id: number;
  readonly name: string;
  readonly avatarUrl: string | null;
}

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
  /** Makes or edits the author's one review. @throws AppError 404 no such product, 503 */
  put(
    productId: string,
    author: Author,
    content: { readonly rating: number; readonly text: string | null },
    options?: RunOptions,
  ): Promise<{ readonly review: Review; readonly summary: Summary }>;
}

export function createReviewStore({ database }: { readonly database: Database }): ReviewStore {
  return {
    list: (productId, page, options) => whenMigrated(() => listPage(database, productId, page, options)),
    put: (productId, author, content, options) =>
      whenMigrated(async () => {
        if (!(await productExists(database, productId, options))) throw notFound('Product not found');
        return database.transaction((trx) => putReview(trx, productId, author, content), options);
      }),
  };
}

/**
 * Page and summary in one statement, so that they agree. Both are read by index: the stats by primary key, the page by
 * product_reviews_current_page, whose expression is `id + 0` (the reason is there). The id is the order: ids only grow,
 * while created_at of imported rows says anything. Parameters: product, id to stay below, rows wanted.
 */
export const pageSql = (withUsers: boolean) => `
  SELECT s.review_count, s.rating_sum, page.*
    FROM (SELECT ?::text AS product_id) AS asked
    LEFT JOIN product_review_stats s ON s.product_id = asked.product_id
    LEFT JOIN LATERAL (
      SELECT r.id AS place, ${REVIEW}, ${withUsers ? LIVE_AUTHOR : STORED_AUTHOR}
       WHERE r.product_id = asked.product_id AND r.superseded_at IS NULL AND r.id + 0 < ?::bigint
       ORDER BY r.id + 0 DESC
       LIMIT ?::integer) AS page ON true
   ORDER BY page.place DESC`;

/**
 * A row `r` in the types of ReviewRow, whatever the old module chose for its columns: node-postgres gives an integer as
 * a number and a bigint as text. Times as JSON, which is ISO 8601 whatever DateStyle the session has.
 */
const REVIEW = `r.id::text, r.product_id::text, r.author_id::text, r.rating::integer, r.text::text,
             to_jsonb(r.created_at) #>> '{}' AS created_at, to_jsonb(r.edited_at) #>> '{}' AS edited_at`;

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
  const { rows } = await select(true).catch(async (error) => {
    if (isUndefinedTable(error) && (await isStandalone(database, options))) return select(false);
    throw error;
  });
  const found = rows.filter((row) => row.id !== null);
  const shown = found.slice(0, limit);
  return {
    items: shown.map(toReview),
    // As text: a number cannot tell ids above 2^53 apart.
    nextCursor: found.length > limit ? (shown.at(-1)?.id ?? null) : null,
    summary: toSummary(rows[0]?.review_count ?? 0, rows[0]?.rating_sum ?? 0),
  };
}

/** products.id is an integer; any other id is no product of the backend's. In a standalone database every id is one. */
async function productExists(database: Database, productId: string, options?: RunOptions): Promise<boolean> {
  const id = /^[1-9]\d{0,9}$/.test(productId) && Number(productId) < 2 ** 31 ? Number(productId) : -1;
  try {
    const sql = 'SELECT EXISTS (SELECT 1 FROM products WHERE id = ?) AS found';
    const { rows } = await database.run(
      (knex) => knex.raw<{ rows: { found: boolean }[] }>(sql, [id]),
      options,
    );
    return rows[0]?.found ?? false;
  } catch (error) {
    if (isUndefinedTable(error) && (await isStandalone(database, options))) return true;
    throw error;
  }
}

const RETURNING = `RETURNING ${REVIEW}, r.author_name::text`;

/** The same lock as the insert trigger's, taken first: of two first reviews by one author the second is an edit. */
const LOCK_SQL = 'SELECT pg_advisory_xact_lock(product_review_turn(?, ?))';

const EDIT_SQL = `
  UPDATE product_reviews AS r SET rating = ?, text = ?, author_name = ?, edited_at = now()
   WHERE product_id = ? AND author_id = ? AND superseded_at IS NULL
  ${RETURNING}`;

const ADD_SQL = `
  INSERT INTO product_reviews AS r (rating, text, author_name, product_id, author_id, created_at)
  VALUES (?, ?, ?, ?, ?, ?)
  ${RETURNING}`;

async function putReview(
  trx: Knex.Transaction,
  productId: string,
  author: Author,
  { rating, text }: { rating: number; text: string | null },
): Promise<{ review: Review; summary: Summary }> {
  const authorId = String(author.id);
  const one = async <Row>(sql: string, values: (string | number | null)[]) =>
    (await trx.raw<{ rows: Row[] }>(sql, values)).rows[0];

  await one(LOCK_SQL, [productId, authorId]);
  const values = [rating, text, author.name, productId, authorId];
  const row =
    (await one<ReviewRow>(EDIT_SQL, values)) ?? (await one<ReviewRow>(ADD_SQL, [...values, isoNow()]));
  if (row === undefined) throw new Error('INSERT … RETURNING returned no row');
  const stats = await one<{ review_count: number; rating_sum: string }>(
    'SELECT review_count, rating_sum FROM product_review_stats WHERE product_id = ?',
    [productId],
  );
  return {
    review: { ...toReview(row), author_avatar_url: author.avatarUrl },
    summary: toSummary(stats?.review_count ?? 0, stats?.rating_sum ?? 0),
  };
}

/** `+00:00`, not `Z`: created_at may be text, and Python before 3.11 cannot read `Z` back. */
const isoNow = () => new Date().toISOString().replace('Z', '+00:00');

/** Our tables come by migration, which may have to wait for the database: until then 503, and forwarding goes on. */
async function whenMigrated<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (isSchemaMissing(error)) {
      throw unavailable('Reviews are being set up. Please try again.', error);
    }
    throw error;
  }
}
