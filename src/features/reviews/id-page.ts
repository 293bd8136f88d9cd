/** Pages of reviews in the order of their ids: the cursor is the id of the last one. */
import { z } from 'zod';
import { isBigint, pageLimit } from '../../edge/validate.ts';
import { breaks, isError } from '../../words/messages.ts';

export const idPageFields = {
  limit: pageLimit,
  cursor: z
    .string({ error: breaks('given_once') })
    .refine(isBigint, breaks('cursor'))
    .optional(),
};

export const idPageSchema = z.object(idPageFields);

const idMessage = isError('review_id_invalid');

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
