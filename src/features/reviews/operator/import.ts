/**
 * Lines of an export become reviews: many at once, since the triggers work per statement. A line that is there already (the
 * same author, product and time) is passed over, so an import that was interrupted is simply begun again. Nothing that
 * is there is changed. Which of an author's rows is shown, and the figures, are the triggers' work.
 */
import type { Knex } from 'knex';
import { retriedOnce } from '../database-refusal.ts';
import { type Facts, readFacts } from '../tables/facts.ts';
import { TAKES_PLACE } from '../tables/what-counts.ts';
import { sentenceOf } from './connect.ts';
import type { StoredLine } from './line.ts';

export interface NumberedLine {
  /** In the file, from 1. */
  readonly number: number;
  readonly review: StoredLine;
}

export interface Imported {
  /** With the id that the line has. */
  readonly kept: number;
  /** With another one: somebody else has it. */
  readonly renumbered: number;
  /** They were there before, or a newer one of their author's is. */
  readonly known: number;
  readonly refused: readonly { readonly number: number; readonly reason: string }[];
}

export interface Importer {
  /** @throws Error of the database other than "it cannot hold this" */
  put(lines: readonly NumberedLine[]): Promise<Imported>;
}

export interface ImporterOptions {
  /** Looks what would become of the lines, and changes nothing. */
  readonly dryRun: boolean;
}

/** @throws Error of the database */
export async function createImporter(knex: Knex, { dryRun }: ImporterOptions): Promise<Importer> {
  const facts = await readFacts(knex);
  const insertSql = insertFor(facts);
  const highestId = highestIdFor(facts);

  async function put(lines: readonly NumberedLine[]): Promise<Imported> {
    if (lines.length === 0) return { kept: 0, renumbered: 0, known: 0, refused: [] };
    try {
      return await retriedOnce(() => putAll(lines));
    } catch (error) {
      if (!isRefusal(error)) throw error;
      if (lines.length === 1) {
        return {
          kept: 0,
          renumbered: 0,
          known: 0,
          refused: [{ number: lines[0]?.number ?? 0, reason: sentenceOf(error) }],
        };
      }
    }
    // One of them is to blame.
    const middle = lines.length >> 1;
    return sum(await put(lines.slice(0, middle)), await put(lines.slice(middle)));
  }

  async function putAll(lines: readonly NumberedLine[]): Promise<Imported> {
    const { rows, repeated } = distinct(lines, highestId);
    const ids = rows.flatMap(({ id }) => (id === null ? [] : [id]));
    if (!dryRun && ids.length > 0) await moveSequence(knex, facts, Math.max(...ids));
    const trx = await knex.transaction();
    try {
      const json = JSON.stringify(rows);
      const found = await trx.raw<{ rows: Omit<Imported, 'refused'>[] }>(insertSql, [json]);
      await trx.raw(FORGET_MODERATION, [
        rows.map(({ product_id: id }) => id),
        rows.map(({ author_id: id }) => id),
      ]);
      if (rows.some(({ media, pending_edit }) => media !== null || pending_edit !== null))
        await trx.raw(KEEP_MEDIA, [json]);
      await (dryRun ? trx.rollback() : trx.commit());
      const { kept = 0, renumbered = 0, known = 0 } = found.rows[0] ?? {};
      return { kept, renumbered, known: known + repeated, refused: [] };
    } finally {
      if (!trx.isCompleted()) await trx.rollback();
    }
  }

  return { put };
}

const sum = (a: Imported, b: Imported): Imported => ({
  kept: a.kept + b.kept,
  renumbered: a.renumbered + b.renumbered,
  known: a.known + b.known,
  refused: [...a.refused, ...b.refused],
});

/** Of the lines of one statement, which cannot see each other: each review once, and each id. */
function distinct(lines: readonly NumberedLine[], highestId: number) {
  const reviews = new Set<string>();
  const ids = new Set<number>();
  const rows: StoredLine[] = [];
  for (const { review } of lines) {
    // Two rows of one author may be of the same moment, a double tap of the old module's.
    const key = JSON.stringify([review.product_id, review.author_id, review.created_at, review.id]);
    if (reviews.has(key)) continue;
    reviews.add(key);
    const mayKeep = review.id !== null && review.id <= highestId && !ids.has(review.id);
    if (review.id !== null) ids.add(review.id);
    rows.push(mayKeep ? review : { ...review, id: null });
  }
  return { rows, repeated: lines.length - rows.length };
}

/** Half of what there is (of what JavaScript can tell apart): behind the highest id there must be room for those to come. */
const highestIdFor = ({ columns }: Facts): number =>
  columns.some(({ table, name, type }) => table === 'product_reviews' && name === 'id' && type === 'integer')
    ? 2 ** 30
    : 2 ** 52;

/** The data, or what somebody's rule says about it; not that the database is away. */
const isRefusal = (error: unknown): error is Error =>
  error instanceof Error && 'code' in error && /^(22|23|54)|^P0001$/.test(String(error.code));

/**
 * Ids that are kept must not come out of the sequence afterwards. Under a lock that lets readers pass: whoever writes has
 * either got an id before, and is through, or gets one behind these.
 */
async function moveSequence(knex: Knex, { sequence }: Facts, highest: number): Promise<void> {
  if (sequence === null) return;
  const isBehind = `SELECT FROM pg_sequence WHERE seqrelid = ?::regclass AND coalesce(pg_sequence_last_value(seqrelid), 0) < ?`;
  if ((await knex.raw<{ rows: unknown[] }>(isBehind, [sequence, highest])).rows.length === 0) return;
  await knex.transaction(async (trx) => {
    await trx.raw('LOCK TABLE product_reviews IN SHARE ROW EXCLUSIVE MODE');
    await trx.raw(
      `SELECT setval(seqrelid, ?::bigint) FROM pg_sequence
        WHERE seqrelid = ?::regclass AND coalesce(pg_sequence_last_value(seqrelid), 0) < ?`,
      [highest, sequence, highest],
    );
  });
}

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
function insertFor({ columns, sequence }: Facts): string {
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
    )
    SELECT count(*) FILTER (WHERE is_new AND keeps_id)::integer AS kept,
           count(*) FILTER (WHERE is_new AND NOT keeps_id)::integer AS renumbered,
           count(*) FILTER (WHERE NOT is_new)::integer AS known
      FROM wanted`;
}

/** An older row of a file may have been kept back where a newer one is published: what is shown tells what a moderator said last. */
const FORGET_MODERATION = `
  DELETE FROM product_review_moderated AS m
   USING unnest(?::text[], ?::text[]) AS line (product_id, author_id)
   WHERE m.product_id = line.product_id AND m.author_id = line.author_id
     AND EXISTS (SELECT FROM product_reviews AS r
                  WHERE r.product_id = m.product_id AND r.author_id = m.author_id AND r.superseded_at IS NULL)`;

/** Uploads that a review shows, or will when its edit is published, are not deleted meanwhile. */
const KEEP_MEDIA = `
  INSERT INTO product_review_media (upload_id, review_id)
  SELECT DISTINCT (file ->> 'upload_id')::uuid, r.id
    FROM ${LINES}
    JOIN product_reviews AS r USING (product_id, author_id)
   CROSS JOIN jsonb_array_elements(coalesce(r.media, '[]')
                || coalesce(nullif(r.pending_edit -> 'media', 'null'), '[]')) AS file
      ON CONFLICT DO NOTHING`;
