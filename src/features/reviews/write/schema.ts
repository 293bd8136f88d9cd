/** What an author sends: a whole review, or parts of one. */
import { z } from 'zod';
import { leftOut } from '../../../edge/validate.ts';
import { breaks, isError } from '../../../words/messages.ts';
import { optionalText } from '../plain-text.ts';
import { MAX_TEXT_LENGTH } from '../schema.ts';

const MAX_TITLE_LENGTH = 120;
const MAX_MEDIA = 6;

const ratingMessage = breaks('whole_number', { min: 1, max: 5 });
const mediaMessage = breaks('media', { max: MAX_MEDIA });

const rating = z.int({ error: ratingMessage }).min(1, ratingMessage).max(5, ratingMessage);
const text = optionalText(MAX_TEXT_LENGTH);
/** Left out it is unchanged, null clears it. */
const others = {
  title: optionalText(MAX_TITLE_LENGTH).optional(),
  media_upload_ids: z
    .array(z.guid({ error: mediaMessage }).toLowerCase(), { error: mediaMessage })
    .max(MAX_MEDIA, mediaMessage)
    .refine((ids) => new Set(ids).size === ids.length, mediaMessage)
    .nullable()
    .transform((ids) => ids ?? [])
    .optional(),
  display_name: z
    .enum(['full', 'short'], { error: breaks('one_of', { allowed: ['full', 'short'] }) })
    .nullable()
    .transform((name) => name ?? 'full')
    .optional(),
};

const notAnObject = { error: isError('not_an_object') };

/** Unknown fields are ignored: clients may be newer than we are. A text that is left out is none, as it always was. */
export const reviewBodySchema = z.object(
  { rating, text: text.optional().transform((given) => given ?? null), ...others },
  notAnObject,
);

export const reviewPatchSchema = z.object(
  { rating: leftOut(rating), text: text.optional(), ...others },
  notAnObject,
);

/** What is undefined stays as it is. */
export type Change = z.infer<typeof reviewPatchSchema>;
