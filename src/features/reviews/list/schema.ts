/** What clients may ask of a list of reviews. */
import { z } from 'zod';
import { decodeCursor, type Listing, type Position, SORTS } from './cursor.ts';

export const DEFAULT_PAGE_SIZE = 50;
export const MAX_PAGE_SIZE = 200;

export interface PageQuery {
  readonly listing: Listing;
  readonly limit: number;
  /** Of the last review of the page before; undefined: the first page. */
  readonly after: Position | undefined;
}

const limitMessage = `must be a whole number from 1 to ${MAX_PAGE_SIZE}`;
const sortMessage = `must be one of ${SORTS.join(', ')}`;
const ratingMessage = 'must be ratings from 1 to 5, with commas between them';
const onlyOne = z.literal('1', { error: 'must be 1, or left out' }).optional();
const ALL_RATINGS = 5;

export const pageQuerySchema = z
  .object({
    limit: z
      .string({ error: limitMessage })
      .regex(/^\d{1,9}$/, limitMessage)
      .transform(Number)
      .refine((limit) => limit >= 1 && limit <= MAX_PAGE_SIZE, limitMessage)
      .default(DEFAULT_PAGE_SIZE),
    cursor: z.string({ error: 'must be given once' }).optional(),
    sort: z.enum(SORTS, { error: sortMessage }).default('newest'),
    rating: z
      .string({ error: ratingMessage })
      .regex(/^[1-5](,[1-5])*$/, ratingMessage)
      .transform((text) => [...new Set(text.split(','))].map(Number).sort())
      // All of them is no filter, and the same list for a cursor.
      .transform((ratings) => (ratings.length === ALL_RATINGS ? [] : ratings))
      .default([]),
    verified: onlyOne,
    has_media: onlyOne,
  })
  .transform(({ limit, cursor, sort, rating, verified, has_media }, context): PageQuery => {
    const listing = {
      ...{ sort, ratings: rating },
      ...{ verifiedOnly: verified !== undefined, withMediaOnly: has_media !== undefined },
    };
    const after = cursor === undefined ? undefined : decodeCursor(listing, cursor);
    if (after !== null) return { listing, limit, after };
    context.addIssue({
      ...{ code: 'custom', path: ['cursor'], input: cursor },
      message: 'must be a next_cursor of an earlier page with the same sort and filters',
    });
    return z.NEVER;
  });
