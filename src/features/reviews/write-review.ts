/** SQL that the list needs. */
import type { Knex } from 'knex';

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
