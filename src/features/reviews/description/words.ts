/** What several routes of reviews have in common, for the API description. */
import { z } from 'zod';
import { writtenAs } from '../../../edge/route-description.ts';
import { reviewIdSchema } from '../id-page.ts';
import { productIdSchema } from '../schema.ts';

export const NO_STORE = 'no-store';

const productId = productIdSchema.meta({
  description: 'Up to 64 characters.',
  ...writtenAs({ minLength: 1, maxLength: 64 }),
});

/** A list of ratings, whose transformations hide how it is written. */
export const RATINGS = writtenAs({ pattern: '^[1-5](,[1-5])*$' });

const reviewId = reviewIdSchema.meta(writtenAs({ type: 'integer', format: 'int64', minimum: 0 }));

export const OF_PRODUCT = z.object({ productId });
export const OF_REVIEW = z.object({ reviewId });
export const OF_BOTH = z.object({ productId, reviewId });

export const IDS = ['product_id_invalid', 'review_id_invalid'] as const;

/** What JSON Schema calls the limit of a text; it counts after trimming. */
export const atMost = (characters: number, description: string) => ({
  description,
  ...writtenAs({ maxLength: characters }),
});
