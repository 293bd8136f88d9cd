/** The routes that anybody may read, for the API description. */
import { z } from 'zod';
import {
  describeInput,
  LIMIT,
  type RouteDescription,
  type RouteDescriptions,
} from '../../../edge/route-description.ts';
import { pageQuerySchema } from '../list/schema.ts';
import { summaryQuerySchema } from '../summary/routes.ts';
import { NO_REVIEWS, REVIEW, reviewPage, SUMMARY, summary } from './answers.ts';
import { NO_STORE, OF_PRODUCT, RATINGS } from './words.ts';

describeInput(pageQuerySchema, {
  limit: LIMIT,
  cursor: {
    description:
      '`next_cursor` of the page before, with the same sort and filters. A review’s id is a cursor of the plain list.',
  },
  sort: { description: 'Among equals the newest first.' },
  rating: { description: 'Only these, with commas between them: `4,5`.', ...RATINGS },
  verified: { description: 'Only verified purchases.' },
  has_media: { description: 'Only those with pictures or videos.' },
});
describeInput(summaryQuerySchema, {
  product_ids: { description: '1 to 200 ids, with commas between them: `1,2`.' },
});

const list: RouteDescription = {
  operationId: 'listReviews',
  tag: 'Reviews',
  summary: 'The reviews of a product, and what they come to',
  description:
    'Newest first, unless `sort` says otherwise. A product that does not exist has no reviews. While others come and go, a walk by cursor shows each review that stays exactly once. `summary` is of all published reviews, whatever the filter.',
  access: 'public',
  params: OF_PRODUCT,
  query: pageQuerySchema,
  errors: ['product_id_invalid'],
  headers: z.object({
    'if-none-match': z.string().optional().meta({ description: 'The `ETag` of an earlier answer.' }),
  }),
  answers: {
    200: {
      description: 'A page.',
      schema: reviewPage,
      examples: {
        last: { items: [REVIEW], next_cursor: null, summary: SUMMARY },
        none: {
          ...{ items: [], next_cursor: null },
          summary: NO_REVIEWS,
        },
      },
      caching: 'no-cache',
      headers: ['ETag'],
    },
    304: {
      description: 'Nothing has changed that the page shows. A user’s new name alone may not count.',
      caching: 'no-cache',
      headers: ['ETag'],
    },
  },
};

export const READING: RouteDescriptions = {
  'GET /api/products/:productId/reviews': list,
  'HEAD /api/products/:productId/reviews': {
    ...list,
    operationId: 'headReviews',
    summary: 'The headers of the same',
    description: 'As GET has them.',
  },
  'GET /api/product-reviews/summary': {
    operationId: 'getReviewSummaries',
    tag: 'Reviews',
    summary: 'What the reviews of several products come to',
    access: 'public',
    query: summaryQuerySchema,
    errors: ['product_id_invalid'],
    answers: {
      200: {
        description: 'By product id. An unknown product looks like one without reviews.',
        schema: z.object({ summaries: z.record(z.string(), summary) }).meta({ id: 'ReviewSummaries' }),
        examples: { one: { summaries: { 1: SUMMARY } } },
        caching: NO_STORE,
      },
    },
  },
  'GET /api/product-reviews/policy': {
    operationId: 'getReviewPolicy',
    tag: 'Reviews',
    summary: 'How reviews are made and shown here',
    access: 'public',
    answers: {
      200: {
        description: 'Sentences for customers, from the settings in force.',
        schema: z
          .object({
            verification: z.string(),
            moderation: z.string(),
            order: z.string(),
            scoring: z.string(),
            incentives: z.string(),
          })
          .meta({ id: 'ReviewPolicy' }),
        examples: {
          shortened: {
            verification:
              'Every registered customer can review a product, whether or not it was bought here. …',
            moderation: 'Reviews are shown at once, without being read beforehand; …',
            order: 'The newest reviews come first. …',
            scoring: 'The average is the mean of all published ratings of a product, …',
            incentives:
              'A review is marked as incentivized when its author is known to have got something for it. …',
          },
        },
        caching: 'public, max-age=300',
      },
    },
  },
};
