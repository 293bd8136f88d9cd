/**
 * What clients may send to the reviews routes.
 */
import { z } from 'zod';

export const DEFAULT_PAGE_SIZE = 50;
export const MAX_PAGE_SIZE = 200;
/** Code points, after trimming: what a person would count as characters. */
export const MAX_TEXT_LENGTH = 1000;
const MAX_PRODUCT_ID_LENGTH = 64;
const MAX_BIGINT = 2n ** 63n - 1n;

const CONTROL_CHARACTER = /\p{Cc}/u;
const productIdMessage = 'The product id is not valid.';

/** Path parameter, already percent-decoded. Any text is an id; whether there is such a product is another question. */
export const productIdSchema = z
  .string({ error: productIdMessage })
  .refine((id) => id.trim() !== '' && id.length <= MAX_PRODUCT_ID_LENGTH, productIdMessage)
  .refine((id) => id.isWellFormed() && !CONTROL_CHARACTER.test(id), productIdMessage);

const limitMessage = `must be a whole number from 1 to ${MAX_PAGE_SIZE}`;

export const pageQuerySchema = z.object({
  limit: z
    .string({ error: limitMessage })
    .regex(/^\d{1,9}$/, limitMessage)
    .transform(Number)
    .refine((limit) => limit >= 1 && limit <= MAX_PAGE_SIZE, limitMessage)
    .default(DEFAULT_PAGE_SIZE),
  /** Id of the last review of the page before: what `next_cursor` held, or a review id from an older client. */
  cursor: z
    .string({ error: 'must be given once' })
    .refine(
      (cursor) => /^\d{1,19}$/.test(cursor) && BigInt(cursor) <= MAX_BIGINT,
      'must be a next_cursor of an earlier page',
    )
    .optional(),
});
