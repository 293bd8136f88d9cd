/** Pages of reviews in the order of their ids: the cursor is the id of the last one. */
import { z } from 'zod';

const DEFAULT_PAGE_SIZE = 50;
const MAX_PAGE_SIZE = 200;
const MAX_BIGINT = 2n ** 63n - 1n;
const limitMessage = `must be a whole number from 1 to ${MAX_PAGE_SIZE}`;
const isBigint = (text: string) => /^\d{1,19}$/.test(text) && BigInt(text) <= MAX_BIGINT;

export const limitSchema = z
  .string({ error: limitMessage })
  .regex(/^\d{1,9}$/, limitMessage)
  .transform(Number)
  .refine((limit) => limit >= 1 && limit <= MAX_PAGE_SIZE, limitMessage)
  .default(DEFAULT_PAGE_SIZE);

export const idPageFields = {
  limit: limitSchema,
  cursor: z
    .string({ error: 'must be given once' })
    .refine(isBigint, 'must be a next_cursor of an earlier page')
    .optional(),
};

export const idPageSchema = z.object(idPageFields);

const idMessage = 'The review id is not valid.';

/** The `{rid}` of a path. */
export const reviewIdSchema = z.string({ error: idMessage }).refine(isBigint, idMessage);

export const BEFORE_EVERY_ID = '-9223372036854775808';
export const AFTER_EVERY_ID = '9223372036854775807';

export interface PageRow {
  /** As text: it may be a bigint. */
  readonly id: string;
  /** The review as JSON text (view.ts). */
  readonly json: string;
}

/** @param rows one more than `limit`, if there are so many: that tells whether there is a next page */
export function toPage(rows: readonly PageRow[], limit: number): string {
  const shown = rows.slice(0, limit);
  const next = rows.length > limit ? JSON.stringify(shown.at(-1)?.id) : 'null';
  return `{"items":[${shown.map(({ json }) => json).join(',')}],"next_cursor":${next}}`;
}
