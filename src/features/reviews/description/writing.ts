/** The routes by which people write about products, for the API description. */
import { z } from 'zod';
import { count, describeInput, type RouteDescriptions } from '../../../edge/route-description.ts';
import { replySchema } from '../reply/routes.ts';
import { appealSchema, reportSchema } from '../reports/routes.ts';
import { reviewBodySchema, reviewPatchSchema } from '../write/schema.ts';
import { OWN_REVIEW, REVIEW, review, SUMMARY, summary, written } from './answers.ts';
import { atMost, IDS, NO_STORE, OF_BOTH, OF_PRODUCT, OF_REVIEW } from './words.ts';

const shared = {
  title: atMost(120, 'Left out: as it was; null: none.'),
  media_upload_ids: {
    description:
      'Uploads of the caller’s that are `ready`, each once, in this order. Left out: as they were; null: none.',
  },
  display_name: { description: '`short`: "Anna B.". Left out: as it was; null: `full`.' },
};
describeInput(reviewBodySchema, { text: atMost(1000, 'Left out: none.'), ...shared }, { id: 'NewReview' });
describeInput(
  reviewPatchSchema,
  {
    rating: { description: 'Left out or null: as it was.' },
    text: atMost(1000, 'Left out: as it was; null: none.'),
    ...shared,
  },
  { id: 'ReviewChange' },
);
describeInput(replySchema, { text: atMost(1000, 'Not blank.') }, { id: 'NewReply' });
describeInput(reportSchema, { note: atMost(1000, 'For the moderators.') }, { id: 'NewReport' });
describeInput(appealSchema, { text: atMost(1000, 'Not blank.') }, { id: 'NewAppeal' });

const WRITTEN = {
  200: {
    description: 'The review, as its author sees it, and the summary with it.',
    schema: written,
    examples: {
      shown: { review: OWN_REVIEW, summary: SUMMARY },
      held: {
        review: { ...OWN_REVIEW, status: 'held', reason: 'blocked_words' },
        summary: SUMMARY,
        code: 'held',
      },
    },
    caching: NO_STORE,
  },
};
const REFUSED = ['own_product', 'purchase_required'] as const;
const UNSTORABLE = ['review_not_storable', 'review_breaks_rule'] as const;
const VOTED = {
  200: {
    description: 'How many found it helpful. The same again when repeated.',
    schema: z.object({ helpful_count: count }).meta({ id: 'HelpfulCount' }),
    examples: { three: { helpful_count: 3 } },
    caching: NO_STORE,
  },
};
const VOTE = {
  tag: 'Reviews',
  access: 'user',
  params: OF_BOTH,
  answers: VOTED,
  errors: ['own_review', 'review_not_found', ...IDS, 'too_many_actions'],
} as const;
const REPLIED = {
  200: {
    description: 'The review with the reply, or without it.',
    schema: z.object({ review }).meta({ id: 'AnsweredReview' }),
    examples: { none: { review: REVIEW } },
    caching: NO_STORE,
  },
};
const REPLY = {
  tag: 'Reviews',
  access: 'user',
  params: OF_BOTH,
  answers: REPLIED,
  errors: ['not_the_seller', 'review_not_found', ...IDS, 'too_many_actions'],
} as const;

export const WRITING: RouteDescriptions = {
  'POST /api/products/:productId/reviews': {
    operationId: 'writeReview',
    tag: 'Reviews',
    summary: 'Reviews a product, or replaces the caller’s review of it',
    description:
      'There is one review per user and product: written again, it keeps `id` and `created_at`, and `edited_at` is set. With `REVIEWS_MODERATION=pre` it is `pending` until a moderator has read it.',
    access: 'user',
    params: OF_PRODUCT,
    body: {
      schema: reviewBodySchema,
      examples: {
        short: { rating: 5, text: 'Warm and soft' },
        full: {
          ...{ rating: 4, title: 'A good scarf', text: 'Warm and soft', display_name: 'short' },
          media_upload_ids: ['140da8a4-52a1-4d44-9a0e-6a4a62a21ab7'],
        },
      },
    },
    answers: WRITTEN,
    errors: [...REFUSED, 'product_not_found', 'product_id_invalid', ...UNSTORABLE, 'too_many_actions'],
  },
  'PATCH /api/products/:productId/reviews/me': {
    operationId: 'changeMyReview',
    tag: 'Reviews',
    summary: 'Changes what the body names of the caller’s review',
    access: 'user',
    params: OF_PRODUCT,
    body: { schema: reviewPatchSchema, examples: { rating: { rating: 4 }, no_title: { title: null } } },
    answers: WRITTEN,
    errors: [
      ...REFUSED,
      'product_not_found',
      'own_review_not_found',
      'product_id_invalid',
      ...UNSTORABLE,
      'too_many_actions',
    ],
  },
  'DELETE /api/products/:productId/reviews/me': {
    operationId: 'deleteMyReview',
    tag: 'Reviews',
    summary: 'Takes the caller’s review away',
    access: 'user',
    params: OF_PRODUCT,
    answers: {
      200: {
        description: 'It is gone, or never was.',
        schema: z.object({ deleted: z.literal(true), summary }).meta({ id: 'DeletedReview' }),
        examples: { gone: { deleted: true, summary: SUMMARY } },
        caching: NO_STORE,
      },
    },
    errors: ['product_id_invalid', 'too_many_actions'],
  },
  'PUT /api/products/:productId/reviews/:reviewId/helpful': {
    operationId: 'voteHelpful',
    summary: 'The caller finds the review helpful',
    ...VOTE,
  },
  'DELETE /api/products/:productId/reviews/:reviewId/helpful': {
    operationId: 'unvoteHelpful',
    summary: 'Takes the caller’s vote back',
    ...VOTE,
  },
  'POST /api/products/:productId/reviews/:reviewId/report': {
    operationId: 'reportReview',
    tag: 'Reviews',
    summary: 'Tells the moderators of a review, once per user',
    access: 'user',
    params: OF_BOTH,
    body: { schema: reportSchema, examples: { spam: { reason: 'spam', note: 'The same text everywhere' } } },
    answers: {
      200: {
        description: 'It is reported. The same again when repeated.',
        schema: z.object({ reported: z.literal(true) }).meta({ id: 'Reported' }),
        examples: { reported: { reported: true } },
        caching: NO_STORE,
      },
    },
    errors: ['own_review', 'review_not_found', ...IDS, 'too_many_actions'],
  },
  'PUT /api/products/:productId/reviews/:reviewId/reply': {
    operationId: 'replyToReview',
    summary: 'The seller’s reply, or another one in its place',
    ...REPLY,
    body: { schema: replySchema, examples: { thanks: { text: 'Thank you!' } } },
  },
  'DELETE /api/products/:productId/reviews/:reviewId/reply': {
    operationId: 'deleteReviewReply',
    summary: 'Takes the seller’s reply away',
    ...REPLY,
  },
  'POST /api/product-reviews/:reviewId/appeal': {
    operationId: 'appealReview',
    tag: 'Own reviews',
    summary: 'Asks the moderators to look once more at the caller’s hidden review',
    access: 'user',
    params: OF_REVIEW,
    body: { schema: appealSchema, examples: { one: { text: 'This is no advertisement.' } } },
    answers: {
      200: {
        description: 'The moderators will see it.',
        schema: z.object({ appealed: z.literal(true) }).meta({ id: 'Appealed' }),
        examples: { appealed: { appealed: true } },
        caching: NO_STORE,
      },
    },
    errors: [
      'own_review_not_found',
      'review_not_found',
      'not_hidden',
      'already_appealed',
      'review_id_invalid',
      'too_many_actions',
    ],
  },
};
