/** The statements of an import, for the table as it is. */
import type { Facts } from '../tables/facts.ts';
import { TAKES_PLACE } from '../tables/what-counts.ts';

const LINES = `json_to_recordset(?::json) AS line (
       id bigint, product_id text, author_id text, author_name text, rating integer, title text, text text, created_at text,
       edited_at timestamptz, status text, status_reason text, verified boolean, incentivized boolean,
       display_short boolean, media jsonb, reply jsonb, pending_edit jsonb)`;

/** The stored name is for the old module, which may have made room for a short one only (write-review.ts). */
const nameFor = (maxLength: number | null) =>
  maxLength === null ? 'author_name' : `left(author_name, ${maxLength})`;

const COPIED = `title, text, edited_at, status_reason, verified, incentivized, display_short, media, reply, pending_edit`;

/** Rows of the line's author and product, and when they were made. */
const OF_PAIR = `FROM product_reviews AS r WHERE r.product_id = line.product_id AND r.author_id = line.author_id`;
const MADE_AT = `date_trunc('milliseconds', r.created_at::timestamptz)`;

/**
 * Looked up one by one: each by the index of its author, or the primary key. A review that an author has written anew, or writes
 * again, after a moderator had kept one back comes back as that one was (tables/triggers/current.ts).
 *
 * Of an author's rows the one with the highest id is shown. So what is newer than a row whose id had to be replaced gets a new
 * one as well, and what is older than a review that is there is passed over unless its own id puts it behind that.
 */
export function insertFor({ columns, sequence }: Facts): string {
  const column = (of: string) =>
    columns.find(({ table, name }) => table === 'product_reviews' && name === of);
  const createdAt = column('created_at')?.type ?? 'timestamptz';
  return `
    WITH line AS MATERIALIZED (
      SELECT line.*,
             (SELECT true ${OF_PAIR} AND ${MADE_AT} = line.created_at::timestamptz LIMIT 1) AS is_known,
             (SELECT min(r.id) ${OF_PAIR} AND ${MADE_AT} > line.created_at::timestamptz AND ${TAKES_PLACE}) AS newer_id,
             (SELECT status FROM product_review_moderated AS m
               WHERE m.product_id = line.product_id AND m.author_id = line.author_id
                 AND (line.id IS NULL OR NOT EXISTS (SELECT ${OF_PAIR}))) AS moderated,
             id IS NOT NULL AND NOT EXISTS (SELECT FROM product_reviews AS r WHERE r.id = line.id)
               AND NOT EXISTS (SELECT ${OF_PAIR} AND r.id > line.id AND ${MADE_AT} < line.created_at::timestamptz) AS is_free
        FROM ${LINES}
    ), placed AS (
      SELECT line.*, bool_and(is_free OR is_known IS NOT NULL) OVER (PARTITION BY product_id, author_id ORDER BY id) AND is_free AS keeps_id
        FROM line
    ), wanted AS (
      SELECT *, is_known IS NULL AND (newer_id IS NULL OR keeps_id AND id < newer_id) AS is_new FROM placed
    ), added AS (
      INSERT INTO product_reviews (id, product_id, author_id, author_name, rating, created_at, status, ${COPIED})
      OVERRIDING SYSTEM VALUE
      SELECT CASE WHEN keeps_id THEN id ELSE nextval('${sequence?.replaceAll("'", "''")}') END,
             product_id, author_id, ${nameFor(column('author_name')?.maxLength ?? null)}, rating, created_at::${createdAt},
             CASE WHEN status = 'published' THEN coalesce(moderated, status) ELSE status END, ${COPIED}
        FROM wanted WHERE is_new
       ORDER BY id, created_at
      RETURNING 1
    )
    SELECT count(*) FILTER (WHERE is_new AND keeps_id)::integer AS kept,
           count(*) FILTER (WHERE is_new AND NOT keeps_id)::integer AS renumbered,
           count(*) FILTER (WHERE NOT is_new)::integer AS known,
           (SELECT count(*) FROM added)::integer AS added
      FROM wanted`;
}

/** An older row of a file may have been kept back where a newer one is published: what is shown tells what a moderator said last. */
export const FORGET_MODERATION = `
  DELETE FROM product_review_moderated AS m
   USING unnest(?::text[], ?::text[]) AS line (product_id, author_id)
   WHERE m.product_id = line.product_id AND m.author_id = line.author_id
     AND EXISTS (SELECT FROM product_reviews AS r
                  WHERE r.product_id = m.product_id AND r.author_id = m.author_id AND r.superseded_at IS NULL)`;

/** Uploads that a review shows, or will when its edit is published, are not deleted meanwhile. */
export const KEEP_MEDIA = `
  INSERT INTO product_review_media (upload_id, review_id)
  SELECT DISTINCT (file ->> 'upload_id')::uuid, r.id
    FROM ${LINES}
    JOIN product_reviews AS r USING (product_id, author_id)
   CROSS JOIN jsonb_array_elements(coalesce(r.media, '[]')
                || coalesce(nullif(r.pending_edit -> 'media', 'null'), '[]')) AS file
      ON CONFLICT DO NOTHING`;
