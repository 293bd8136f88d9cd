/** What clients may ask of a list of reviews. */
import { z } from 'zod';
import { pageLimit } from '../../../edge/validate.ts';
import { breaks } from '../../../words/messages.ts';
import { decodeCursor, type Listing, type Position, SORTS } from './cursor.ts';

export interface PageQuery {
  readonly listing: Listing;
  readonly limit: number;
  /** Of the last review of the page before; undefined: the first page. */
  readonly after: Position | undefined;
}

const sortMessage = breaks('one_of', { allowed: SORTS });
const ratingMessage = breaks('ratings');
const onlyOne = () => z.literal('1', { error: breaks('only_1') }).optional();
const ALL_RATINGS = 5;

/** `4,5`: each once, in their order. */
export const ratingList = z
  .string({ error: ratingMessage })
  .regex(/^[1-5](,[1-5])*$/, ratingMessage)
  .transform((text) => [...new Set(text.split(','))].map(Number).sort());

export const pageQuerySchema = z
  .object({
    limit: pageLimit,
    cursor: z.string({ error: breaks('given_once') }).optional(),
    sort: z.enum(SORTS, { error: sortMessage }).default('newest'),
    rating: ratingList
      // All of them is no filter, and the same list for a cursor.
      .transform((ratings) => (ratings.length === ALL_RATINGS ? [] : ratings))
      .default([]),
    verified: onlyOne(),
    has_media: onlyOne(),
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
      message: breaks('cursor_of_same_query'),
    });
    return z.NEVER;
  });
