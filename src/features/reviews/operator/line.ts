/**
 * A review as a line of a file: what its author sees of it, and what only the database knows. Written by the export, and
 * read by the import, which takes nothing for granted.
 */
import { z } from 'zod';
import { storableText } from '../../../edge/validate.ts';
import { productIdSchema } from '../schema.ts';
import type { ReviewView } from '../view.ts';

/** JSON text of a row `r`: the own view, and `display_name`; the last three are for the import. */
export const lineJson = ({ ownJson }: ReviewView) => `left(${ownJson}, -1)
  || ',"display_name":"' || CASE WHEN r.display_short THEN 'short' ELSE 'full' END
  || '","media_files":' || coalesce(r.media::text, 'null')
  || ',"pending_media_files":' || coalesce((r.pending_edit -> 'media')::text, 'null')
  || ',"reply_author_id":' || coalesce((r.reply -> 'author_id')::text, 'null') || '}'`;

const text = storableText.nullish().transform((value) => value ?? null);
const flag = z
  .boolean({ error: 'must be true or false' })
  .nullish()
  .transform((value) => value ?? false);
const stars = z
  .int({ error: 'must be a whole number from 1 to 5' })
  .min(1, 'must be a whole number from 1 to 5')
  .max(5, 'must be a whole number from 1 to 5');

const timeMessage = 'must be a time with a zone, e.g. 2026-01-31T12:00:00Z';
/** With a zone: a file may come from anywhere. */
const time = z
  .string({ error: timeMessage })
  .regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)$/, timeMessage)
  .transform((value, context) => {
    const date = new Date(value);
    // Python before 3.11, which the old module may be, cannot read `Z` back.
    if (!Number.isNaN(date.getTime())) return date.toISOString().replace('Z', '+00:00');
    context.addIssue({ code: 'custom', message: timeMessage });
    return z.NEVER;
  });

const files = z
  .array(
    z.object({
      upload_id: z.uuid(),
      type: z.enum(['image', 'video']),
      key: storableText,
      content_type: storableText,
    }),
    { error: 'must be a list of files' },
  )
  .nullish()
  .transform((list) => (list?.length ? list : null));

/** Numbers, as they are in other files than ours. */
const idText = z.union([productIdSchema, z.int().min(0).transform(String)], { error: 'must be an id' });

/** Unknown fields are ignored: the file may come from a newer release. */
const parsedLine = z.object(
  {
    id: z.int({ error: 'must be a whole number' }).min(1, 'must be at least 1').nullish(),
    product_id: idText,
    author_id: idText,
    author_name: text,
    rating: stars,
    title: text,
    text,
    created_at: time,
    edited_at: time.nullish(),
    status: z
      .enum(['published', 'pending', 'held', 'hidden'], { error: 'must be a status of a review' })
      .default('published'),
    reason: text,
    verified_purchase: flag,
    incentivized: flag,
    display_name: z.enum(['full', 'short'], { error: 'must be full or short' }).nullish(),
    reply: z
      .object(
        { text: storableText, created_at: time, edited_at: time.nullish() },
        { error: 'must be a reply' },
      )
      .nullish(),
    pending_edit: z.object({ rating: stars, text, title: text }, { error: 'must be an edit' }).nullish(),
    media_files: files,
    pending_media_files: files,
    reply_author_id: z.int().nullish(),
  },
  { error: 'must be a JSON object' },
);

export const lineSchema = parsedLine.transform(toStored);

/** A row as the INSERT takes it. */
export type StoredLine = z.infer<typeof lineSchema>;

const iso = (value: string | null | undefined) => value?.replace('+00:00', 'Z') ?? null;

function toStored(line: z.infer<typeof parsedLine>) {
  const { reply, pending_edit: edit } = line;
  return {
    id: line.id ?? null,
    product_id: line.product_id,
    author_id: line.author_id,
    author_name: line.author_name?.trim() || `User ${line.author_id}`,
    rating: line.rating,
    title: line.title || null,
    text: line.text || null,
    created_at: line.created_at,
    edited_at: line.edited_at ?? null,
    status: line.status,
    status_reason: line.reason,
    verified: line.verified_purchase || null,
    incentivized: line.incentivized || null,
    display_short: line.display_name === 'short' || null,
    media: line.media_files,
    reply: reply
      ? {
          text: reply.text,
          created_at: iso(reply.created_at),
          edited_at: iso(reply.edited_at),
          author_id: line.reply_author_id ?? null,
        }
      : null,
    pending_edit: edit ? { ...edit, media: line.pending_media_files } : null,
  };
}
