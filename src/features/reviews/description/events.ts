/** The events of reviews, for the API description. */
import { z } from 'zod';
import type { EventDescriptions } from '../../../edge/route-description.ts';
import type { ReviewEventType } from '../review-events.ts';
import { ownFields, REVIEW, review } from './answers.ts';

const data = z
  .object({
    product_id: z.string(),
    review,
    status: ownFields.status,
    actor_id: z
      .int()
      .nullable()
      .meta({ format: 'int64', description: 'Who did it; null: a rule of the shop.' }),
  })
  .meta({ id: 'ReviewChanged' });

const event = (summary: string, status = 'published', actor: number | null = 1) => ({
  ...{ summary, data },
  example: { product_id: '1', review: REVIEW, status, actor_id: actor },
});

export const REVIEW_EVENTS: EventDescriptions<ReviewEventType> = {
  'review.created': event('A review was written'),
  'review.updated': event('A review is another one: its content, its files, or a mark of the moderators'),
  'review.deleted': event('A review was deleted'),
  'review.published': event('A moderator has published a review', 'published', 6),
  'review.held': event('A review was held back: by a moderator, or by a rule', 'held', null),
  'review.hidden': event('A moderator has hidden a review', 'hidden', 6),
  'review.replied': event('The seller’s reply is another one, or gone', 'published', 2),
  'review.reported': event('Somebody has reported a review', 'published', 3),
};
