/** Whether reviews are of bought and delivered products, asked anew for all of them. */
import type { Knex } from 'knex';
import { BEFORE_EVERY_ID } from '../id-page.ts';

export interface Refreshed {
  readonly verified: number;
  readonly unverified: number;
}

/** Large: each batch reads the delivered orders once. */
const BATCH = 20_000;

/**
 * Batch by batch, each a transaction of its own; nobody waits for longer than one. @throws Error of the database, also
 * when the backend's orders are not there: then nothing would be verified
 */
export async function refreshVerified(knex: Knex): Promise<Refreshed> {
  let [verified, unverified] = [0, 0];
  for (let last: string | null = BEFORE_EVERY_ID; last !== null; ) {
    const { rows }: { rows: BatchRow[] } = await knex.raw<{ rows: BatchRow[] }>(REFRESH, [last, BATCH]);
    verified += rows[0]?.verified ?? 0;
    unverified += rows[0]?.unverified ?? 0;
    last = rows[0]?.last ?? null;
  }
  return { verified, unverified };
}

interface BatchRow {
  readonly last: string | null;
  readonly verified: number;
  readonly unverified: number;
}

const REFRESH = `
  WITH batch AS MATERIALIZED (
    SELECT id, product_id::text, author_id::text, verified FROM product_reviews WHERE id > ?::bigint ORDER BY id LIMIT ?
  ), bought AS MATERIALIZED (
    SELECT DISTINCT item.product_id::text AS product_id, placed.buyer_id::text AS author_id
      FROM orders AS placed JOIN order_items AS item ON item.order_id = placed.id
     WHERE placed.status::text = 'delivered'
  ), wrong AS (
    SELECT id, bought.author_id IS NOT NULL AS is_verified
      FROM batch LEFT JOIN bought USING (product_id, author_id)
     WHERE coalesce(batch.verified, false) <> (bought.author_id IS NOT NULL)
  ), changed AS (
    UPDATE product_reviews AS r SET verified = nullif(is_verified, false) FROM wrong WHERE r.id = wrong.id
    RETURNING is_verified
  )
  SELECT (SELECT max(id)::text FROM batch) AS last, count(*) FILTER (WHERE is_verified)::integer AS verified,
         count(*) FILTER (WHERE NOT is_verified)::integer AS unverified
    FROM changed`;
