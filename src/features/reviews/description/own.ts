/** The routes of what is the caller's own, as an author, a buyer, a seller, for the API description. */
import { z } from 'zod';
import {
  CURSOR,
  count,
  describeInput,
  LIMIT,
  pageOf,
  type RouteDescriptions,
  time,
} from '../../../edge/route-description.ts';
import { awaitingQuerySchema } from '../awaiting.ts';
import { idPageSchema } from '../id-page.ts';
import { sellerQuerySchema } from '../seller.ts';
import { OWN_REVIEW, ownFields, ownReview, pendingEdit, REVIEW, review, reviewId } from './answers.ts';
import { NO_STORE, OF_PRODUCT, RATINGS } from './words.ts';

const page = { limit: LIMIT, cursor: CURSOR };
describeInput(idPageSchema, page);
describeInput(awaitingQuerySchema, page);
describeInput(sellerQuerySchema, {
  ...page,
  unreplied: { description: '`1`: only those without a reply.' },
  rating: { description: 'Only these, with commas between them: `1,2`.', ...RATINGS },
});

const standing = z
  .object({
    can_review: z.boolean(),
    reason: z.enum(['own_product', 'purchase_required']).nullable().meta({ description: 'Why not.' }),
    verified_purchase: z.boolean().meta({ description: 'The caller has a delivered order of it.' }),
    review: ownReview.nullable().meta({ description: 'The caller’s own, in whatever status.' }),
    helpful_ids: z.array(reviewId).meta({ description: 'Which of the others the caller found helpful.' }),
  })
  .meta({ id: 'ReviewStanding' });

const awaiting = z
  .object({
    product_id: z.string(),
    product_name: z.string().nullable(),
    image_url: z.string().nullable(),
    delivered_at: time.nullable().meta({ description: 'When it was ordered: the backend knows no better.' }),
  })
  .meta({ id: 'AwaitingProduct' });
const AWAITING = {
  ...{ product_id: '1', product_name: 'Scarf', image_url: null },
  delivered_at: '2026-11-20T10:00:00.000Z',
};

export const appeal = z.object({ text: z.string(), created_at: time }).meta({ id: 'Appeal' });
const ofReview = { review_id: reviewId, product_id: z.string() };
const exported = z
  .object({
    reviews: z.array(z.object({ ...ownFields, appeal: appeal.nullable() }).meta({ id: 'ExportedReview' })),
    pending_edits: z.array(z.object({ ...pendingEdit, ...ofReview }).meta({ id: 'ExportedEdit' })),
    votes: z.array(z.object({ ...ofReview, created_at: time }).meta({ id: 'ExportedVote' })),
    reports: z.array(
      z
        .object({ review_id: reviewId, reason: z.string(), note: z.string().nullable(), created_at: time })
        .meta({ id: 'ExportedReport' }),
    ),
  })
  .meta({ id: 'ReviewExport' });

const erased = z
  .object({ deleted: z.object({ reviews: count, votes: count, reports: count, replies: count }) })
  .meta({ id: 'ErasedReviews' });

export const OWN: RouteDescriptions = {
  'GET /api/products/:productId/reviews/me': {
    operationId: 'getMyReview',
    tag: 'Own reviews',
    summary: 'May the caller review the product, and what there is of theirs?',
    description: 'A product that does not exist cannot be reviewed; that is no 404.',
    access: 'user',
    params: OF_PRODUCT,
    answers: {
      200: {
        description: 'How the caller stands to the product.',
        schema: standing,
        examples: {
          may: {
            can_review: true,
            reason: null,
            verified_purchase: true,
            review: OWN_REVIEW,
            helpful_ids: [2],
          },
          sells: {
            ...{ can_review: false, reason: 'own_product', verified_purchase: false },
            ...{ review: null, helpful_ids: [] },
          },
        },
        caching: NO_STORE,
      },
    },
    errors: ['product_id_invalid'],
  },
  'GET /api/product-reviews/mine': {
    operationId: 'listMyReviews',
    tag: 'Own reviews',
    summary: 'The caller’s reviews in every status, newest first',
    access: 'user',
    query: idPageSchema,
    answers: {
      200: {
        description: 'A page.',
        schema: pageOf(ownReview, 'Newest first.').meta({ id: 'OwnReviewPage' }),
        examples: { last: { items: [OWN_REVIEW], next_cursor: null } },
        caching: NO_STORE,
      },
    },
  },
  'GET /api/product-reviews/mine/export': {
    operationId: 'exportMyReviews',
    tag: 'Own reviews',
    summary: 'Everything that the caller has written, as one document',
    description: 'Also what a later review has replaced. It is sent as it is read.',
    access: 'user',
    answers: {
      200: {
        description: 'All of it.',
        schema: exported,
        examples: {
          one: {
            reviews: [{ ...OWN_REVIEW, appeal: null }],
            ...{ pending_edits: [], votes: [], reports: [] },
          },
        },
        caching: NO_STORE,
        headers: ['Content-Disposition'],
      },
    },
  },
  'DELETE /api/product-reviews/mine': {
    operationId: 'eraseMyReviews',
    tag: 'Own reviews',
    summary: 'Erases the caller’s reviews, votes, reports and replies',
    description: 'Of very much a part may be left: then the answer is 503, and the next call goes on.',
    access: 'user',
    answers: {
      200: {
        description: 'How many there were.',
        schema: erased,
        examples: { some: { deleted: { reviews: 3, votes: 12, reports: 0, replies: 0 } } },
        caching: NO_STORE,
      },
    },
  },
  'GET /api/product-reviews/awaiting': {
    operationId: 'listAwaitingProducts',
    tag: 'Own reviews',
    summary: 'Products of the caller’s delivered orders without a review, last ordered first',
    access: 'user',
    query: awaitingQuerySchema,
    answers: {
      200: {
        description: 'A page.',
        schema: pageOf(awaiting, 'Last ordered first.').meta({ id: 'AwaitingPage' }),
        examples: { last: { items: [AWAITING], next_cursor: null } },
        caching: NO_STORE,
      },
    },
  },
  'GET /api/product-reviews/seller': {
    operationId: 'listReviewsOfMyProducts',
    tag: 'Own reviews',
    summary: 'The reviews of the products that the caller sells, newest first',
    access: 'user',
    query: sellerQuerySchema,
    answers: {
      200: {
        description: 'A page.',
        schema: pageOf(review, 'Newest first.').meta({ id: 'SellerReviewPage' }),
        examples: { last: { items: [REVIEW], next_cursor: null } },
        caching: NO_STORE,
      },
    },
  },
};
