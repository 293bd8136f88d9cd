/** What the routes of reviews answer with, for the API description. */
import { z } from 'zod';
import { count, time, url } from '../../../edge/route-description.ts';

/** bigint: above 2^53 JavaScript rounds it. */
export const reviewId = z.int().meta({ format: 'int64' });
const rating = z.int().min(1).max(5);
const text = z.string().nullable();

const media = z.array(
  z.object({ url, type: z.enum(['image', 'video']), content_type: z.string() }).meta({ id: 'ReviewFile' }),
);
const reply = z
  .object({ text: z.string(), created_at: time, edited_at: time.nullable() })
  .meta({ id: 'ReviewReply', description: 'Of the product’s seller.' });

const publicFields = {
  id: reviewId,
  product_id: z.string(),
  author_id: z.string(),
  author_name: z.string().max(99).meta({ description: 'Of today; short if the author wants it so.' }),
  author_avatar_url: z.string().nullable(),
  rating,
  title: text,
  text,
  verified_purchase: z.boolean().meta({
    description: 'When it was written or last edited, its author had a delivered order of the product.',
  }),
  incentivized: z.boolean().meta({ description: 'Its author is known to have got something for it.' }),
  media,
  helpful_count: count,
  reply: reply.nullable(),
  created_at: time,
  edited_at: time.nullable(),
};
export const review = z.object(publicFields).meta({ id: 'Review', description: 'As everybody sees it.' });

export const pendingEdit = { rating, title: text, text, media };
export const ownFields = {
  ...publicFields,
  status: z.enum(['published', 'pending', 'held', 'hidden']),
  reason: text.meta({ description: 'Of the last moderation: why it is `held` or `hidden`.' }),
  pending_edit: z
    .object(pendingEdit)
    .meta({ id: 'PendingEdit', description: 'Waits for a moderator; the published version stays meanwhile.' })
    .nullable(),
};
export const ownReview = z
  .object(ownFields)
  .meta({ id: 'OwnReview', description: 'As its author and admins see it.' });

const stars = z.object({ 1: count, 2: count, 3: count, 4: count, 5: count });
export const byStars = stars.meta({ id: 'CountByStars' });
export const summary = z
  .object({
    avg_rating: z.number().min(0).max(5).meta({ description: 'Two decimals; 0 without reviews.' }),
    count,
    histogram: byStars,
    verified_count: count,
    media_count: count.meta({ description: 'Reviews with pictures or videos.' }),
    score: z.number().min(0).max(5).meta({
      description:
        'For sorting products: the average as if ten more people had given the mean of all products’ ratings.',
    }),
  })
  .meta({ id: 'ReviewSummary', description: 'Of all published reviews of a product.' });

export const REVIEW = {
  ...{ id: 1, product_id: '1', author_id: '1', author_name: 'Anna Buyer', author_avatar_url: null },
  ...{ rating: 5, title: null, text: 'Warm and soft', verified_purchase: true, incentivized: false },
  media: [
    {
      ...{
        url: 'https://files.example.com/uploads/1/review_image/0b8c2f7e-8f0a-4b43-9d0c-5a1c2e9b7d10.jpg',
        type: 'image',
      },
      content_type: 'image/jpeg',
    },
  ],
  ...{ helpful_count: 3, reply: null, created_at: '2026-11-25T07:37:06.067Z', edited_at: null },
};
export const OWN_REVIEW = { ...REVIEW, status: 'published', reason: null, pending_edit: null };
export const SUMMARY = {
  ...{ avg_rating: 5, count: 1, histogram: { 1: 0, 2: 0, 3: 0, 4: 0, 5: 1 } },
  ...{ verified_count: 1, media_count: 1, score: 4.5909 },
};
export const NO_REVIEWS = {
  ...{ avg_rating: 0, count: 0, histogram: { 1: 0, 2: 0, 3: 0, 4: 0, 5: 0 } },
  ...{ verified_count: 0, media_count: 0, score: 4.5 },
};

/** Answers that hold several of these. */
export const reviewPage = z
  .object({
    items: z.array(review),
    next_cursor: z
      .string()
      .nullable()
      .meta({ description: '`cursor` of the next page; null after the last one.' }),
    summary,
  })
  .meta({ id: 'ReviewPage' });
export const written = z
  .object({
    review: ownReview,
    summary,
    code: z.literal('held').optional().meta({ description: 'It is not shown until an admin publishes it.' }),
  })
  .meta({ id: 'WrittenReview' });
