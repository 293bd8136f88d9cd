/**
 * One author's review of one product: made, or edited when there is one.
 */
import type { Knex } from 'knex';
import { type Review, type ReviewRow, type Summary, toReview, toSummary } from './review.ts';

export interface Author {
  readonly id: number;
  readonly name: string;
  readonly avatarUrl: string | null;
}

export interface Content {
  readonly rating: number;
  readonly text: string | null;
}

/**
 * A row `r` in the types of ReviewRow, whatever the old module chose for its columns: node-postgres gives an integer as
 * a number and a bigint as text. Times as JSON, which is ISO 8601 whatever DateStyle the session has.
 */
export const REVIEW = `r.id::text, r.product_id::text, r.author_id::text, r.rating::integer, r.text::text,
             to_jsonb(r.created_at) #>> '{}' AS created_at, to_jsonb(r.edited_at) #>> '{}' AS edited_at`;

/** Are there notes on a product that the triggers could not work off at once (tables/functions.ts)? */
export const isUnsettled = (product: string) =>
  `EXISTS (SELECT FROM product_reviews_unsettled AS note WHERE note.product_id = ${product})`;

/** Works them off, in a transaction of its own or after the last write of one. */
export async function settle(trx: Knex.Transaction, productId: string): Promise<void> {
  await trx.raw('DELETE FROM product_reviews_unsettled WHERE product_id = ?', [productId]);
}

const RETURNING = `RETURNING ${REVIEW}, r.author_name::text`;

/** The same lock as the insert trigger's, taken first: of two first reviews by one author the second is an edit. */
const LOCK_SQL = 'SELECT pg_advisory_xact_lock(product_review_turn(?, ?))';

/** The stored name is for the old module, which may have made room for a short one only. */
const NAME = `left(?, (SELECT CASE WHEN atttypmod > 4 THEN atttypmod - 4 ELSE 2147483647 END FROM pg_attribute
                          WHERE attrelid = 'product_reviews'::regclass AND attname = 'author_name'))`;

const EDIT_SQL = `
  UPDATE product_reviews AS r SET rating = ?, text = ?, author_name = ${NAME}, edited_at = now()
   WHERE product_id = ? AND author_id = ? AND superseded_at IS NULL
  ${RETURNING}`;

const insertSql = (id: string, overriding: string) => `
  INSERT INTO product_reviews AS r (rating, text, author_name, product_id, author_id, created_at${id && ', id'})
  ${overriding} VALUES (?, ?, ${NAME}, ?, ?, ?${id && `, ${id}`})
  ${RETURNING}`;
const ADD_SQL = insertSql('', '');

const STATS_SQL = `
  SELECT s.review_count::integer, s.rating_sum::text, ${isUnsettled('asked.product_id')} AS unsettled
    FROM (SELECT ?::text AS product_id) AS asked
    LEFT JOIN product_review_stats s ON s.product_id = asked.product_id`;

interface Stats {
  review_count: number | null;
  rating_sum: string | null;
  unsettled: boolean;
}

/** @throws Error of the database */
export async function putReview(
  trx: Knex.Transaction,
  productId: string,
  author: Author,
  { rating, text }: Content,
  addSql = ADD_SQL,
): Promise<{ review: Review; summary: Summary }> {
  const authorId = String(author.id);
  const one = async <Row>(sql: string, values: (string | number | null)[]) =>
    (await trx.raw<{ rows: Row[] }>(sql, values)).rows[0];

  await one(LOCK_SQL, [productId, authorId]);
  const values = [rating, text, author.name, productId, authorId];
  const row =
    (await one<ReviewRow>(EDIT_SQL, values)) ?? (await one<ReviewRow>(addSql, [...values, isoNow()]));
  if (row === undefined) throw new Error('INSERT … RETURNING returned no row');
  let stats = await one<Stats>(STATS_SQL, [productId]);
  if (stats?.unsettled) {
    await settle(trx, productId);
    stats = await one<Stats>(STATS_SQL, [productId]);
  }
  return {
    review: { ...toReview(row), author_avatar_url: author.avatarUrl },
    summary: toSummary(stats?.review_count ?? 0, stats?.rating_sum ?? 0),
  };
}

/** `+00:00`, not `Z`: created_at may be text, and Python before 3.11 cannot read `Z` back. */
const isoNow = () => new Date().toISOString().replace('Z', '+00:00');

/**
 * A review made and edited by nobody, for no product: does the database take what a request would write? What its own
 * triggers or references say about such a product is no answer.
 * @throws Error of the database
 */
export async function rehearse(trx: Knex.Transaction): Promise<void> {
  try {
    for (const text of [null, 'x']) await putReview(trx, '0', NOBODY, { rating: 5, text }, REHEARSAL_SQL);
  } catch (error) {
    const isAboutThisProduct =
      error instanceof Error && 'code' in error && /^(23503|P0001)$/.test(String(error.code));
    if (!isAboutThisProduct) throw error;
  }
}

/** With an id of its own: one out of the sequence would be missing afterwards. */
const REHEARSAL_SQL = insertSql('-2147483648', 'OVERRIDING SYSTEM VALUE');
const NOBODY: Author = { id: 0, name: 'nobody', avatarUrl: null };
