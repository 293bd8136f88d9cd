/** The files of a review: uploads of its author's that are ready, and what becomes of the review when one of them goes. */
import type { Knex } from 'knex';
import { AppError } from '../../../errors.ts';
import { type EventSink, eventData } from '../review-events.ts';
import { type ReviewView, reviewView, type ViewShape } from '../view.ts';

/** Of the feature uploads (features/uploads/usage.ts), handed over by the composition root. */
export type ReadyOf = (
  trx: Knex.Transaction,
  userId: number,
  ids: readonly string[],
) => Promise<readonly ReadyUpload[]>;

interface ReadyUpload {
  readonly id: string;
  readonly kind: string;
  readonly content_type: string;
  readonly key: string;
}

/** As it is stored with a review; view.ts makes a URL of the key. */
export interface MediaFile {
  readonly upload_id: string;
  readonly type: 'image' | 'video';
  readonly key: string;
  readonly content_type: string;
}

/**
 * The files by these ids, in this order; null without any. None of them goes before the transaction ends.
 * @throws AppError 422 when one of them is not the user's own, or not ready
 */
export async function readMedia(
  trx: Knex.Transaction,
  readyOf: ReadyOf,
  userId: number,
  ids: readonly string[],
): Promise<MediaFile[] | null> {
  if (ids.length === 0) return null;
  const found = new Map((await readyOf(trx, userId, ids)).map((upload) => [upload.id, upload]));
  return ids.map((id) => {
    const upload = found.get(id);
    if (upload === undefined) throw noSuchUpload();
    const type = upload.kind.endsWith('_video') ? 'video' : 'image';
    return { upload_id: id, type, key: upload.key, content_type: upload.content_type };
  });
}

export const noSuchUpload = () =>
  new AppError('field_invalid', { params: { field: 'media_upload_ids', rule: 'own_ready_uploads' } });

/** What the feature uploads asks before an upload goes (features/uploads/usage.ts). In a transaction each. */
export interface MediaUsage {
  /** Does a review that is published show it? Locks those that refer to it, published or not. */
  showing(trx: Knex.Transaction, uploadId: string): Promise<boolean>;
  /** Out of all reviews, and of edits that wait. */
  takeOut(trx: Knex.Transaction, uploadId: string): Promise<void>;
}

const LOCK = `
  SELECT r.superseded_at IS NULL AND r.media @> jsonb_build_array(jsonb_build_object('upload_id', ?::text)) AS is_shown
    FROM product_review_media AS media JOIN product_reviews AS r ON r.id = media.review_id
   WHERE media.upload_id = ?::uuid ORDER BY r.id FOR UPDATE OF r`;

const without = (files: string) =>
  `(SELECT nullif(coalesce(jsonb_agg(file ORDER BY place), '[]'), '[]')
      FROM jsonb_array_elements(coalesce(nullif(${files}, 'null'), '[]')) WITH ORDINALITY AS listed (file, place)
     WHERE file ->> 'upload_id' <> asked.upload_id)`;

/** A waiting edit is what a moderator has not seen yet: it goes on without the file. */
const takeOutSql = (sink: EventSink, view: ReviewView) => `
  WITH asked AS (SELECT ?::text AS upload_id),
  gone AS (
    DELETE FROM product_review_media AS media USING asked
     WHERE media.upload_id = asked.upload_id::uuid RETURNING media.review_id),
  changed AS (
    UPDATE product_reviews AS review
       SET media = ${without('review.media')},
           pending_edit = CASE WHEN review.pending_edit IS NOT NULL THEN
             review.pending_edit || jsonb_build_object('media', ${without(`review.pending_edit -> 'media'`)}) END
      FROM asked
     WHERE review.id IN (SELECT review_id FROM gone) RETURNING review.*),
  told AS (${sink.insertFrom(`
    SELECT 'review:' || r.id, 'review.updated', ${eventData(view, `'null'`)}, clock_timestamp()
      FROM changed AS r ${view.joinAuthor}`)})
  SELECT`;

export interface MediaUsageOptions {
  /** Of the files, S3_PUBLIC_BASE_URL. */
  readonly publicBaseUrl: string | null;
  readonly sink: EventSink;
}

export function createMediaUsage({ publicBaseUrl, sink }: MediaUsageOptions): MediaUsage {
  const lock = async (trx: Knex.Transaction, uploadId: string) =>
    (await trx.raw<{ rows: { is_shown: boolean }[] }>(LOCK, [uploadId, uploadId])).rows;
  return {
    showing: async (trx, uploadId) => (await lock(trx, uploadId)).some(({ is_shown }) => is_shown),
    async takeOut(trx, uploadId) {
      if ((await lock(trx, uploadId)).length === 0) return;
      const { rows } = await trx.raw<{ rows: [Omit<ViewShape, 'publicBaseUrl'>] }>(SHAPE);
      await trx.raw(takeOutSql(sink, reviewView({ ...rows[0], publicBaseUrl })), [uploadId]);
    },
  };
}

/** Looked up rather than found out by failing, which would be the end of the transaction. */
const SHAPE = `
  SELECT to_regclass('users') IS NOT NULL AS "hasUsers",
         (SELECT typcategory = 'S' FROM pg_attribute JOIN pg_type ON pg_type.oid = atttypid
           WHERE attrelid = 'product_reviews'::regclass AND attname = 'created_at') AS "hasOddTimes"`;
