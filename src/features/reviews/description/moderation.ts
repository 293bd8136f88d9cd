/** The routes of moderation, for the API description. */
import { z } from 'zod';
import {
  CURSOR,
  count,
  describeInput,
  LIMIT,
  pageOf,
  type RouteDescription,
  type RouteDescriptions,
  time,
} from '../../../edge/route-description.ts';
import { decisionSchema, queueQuerySchema } from '../moderation/schema.ts';
import { byStars, OWN_REVIEW, ownFields, ownReview } from './answers.ts';
import { appeal } from './own.ts';
import { atMost, NO_STORE, OF_REVIEW } from './words.ts';

describeInput(queueQuerySchema, {
  status: { description: '`pending`: new reviews and edits that wait. `reported`: and not hidden.' },
  ...{ limit: LIMIT, cursor: CURSOR },
});
describeInput(
  decisionSchema,
  {
    action: { description: '`publish` applies a waiting edit and closes the reports.' },
    reason: { description: 'For `hide` and `hold`, which need one; none of them means "negative".' },
    note: atMost(1000, 'For the other moderators.'),
  },
  { id: 'ModerationDecision' },
);

const userId = z.int().meta({ format: 'int64' });
const state = z
  .record(z.string(), z.unknown())
  .nullable()
  .meta({ description: 'Of the review; null, or less of it, once its author has erased it.' });
const report = z
  .object({
    user_id: userId,
    reason: z.string(),
    note: z.string().nullable(),
    created_at: time,
    resolved_at: time.nullable(),
  })
  .meta({ id: 'ReviewReport' });
const historyEntry = z
  .object({
    actor_id: userId.nullable().meta({ description: 'null: a rule of the shop.' }),
    action: z.string(),
    reason: z.string().nullable(),
    note: z.string().nullable(),
    ...{ before: state, after: state, created_at: time },
  })
  .meta({ id: 'ModerationEntry' });
const moderated = z
  .object({
    ...ownFields,
    report_count: count.meta({ description: 'Reports that nobody has dealt with.' }),
    reports: z.array(report).meta({ description: 'The newest 100, oldest first.' }),
    history: z.array(historyEntry).meta({ description: 'The newest 100, oldest first.' }),
    appeal: appeal.nullable(),
  })
  .meta({ id: 'ModeratedReview' });

const byReason = z.record(z.string(), count);
const byStarsAndReason = z
  .object({ 1: byReason, 2: byReason, 3: byReason, 4: byReason, 5: byReason })
  .meta({ id: 'CountByStarsAndReason' });

const BASE: Pick<RouteDescription, 'tag' | 'access' | 'errors'> = {
  tag: 'Moderation',
  access: 'user',
  errors: ['admins_moderation'],
};
const NONE = { 1: {}, 2: {}, 3: {}, 4: {}, 5: {} };

export const MODERATION: RouteDescriptions = {
  'GET /api/product-reviews/moderation': {
    ...BASE,
    operationId: 'listModerationQueue',
    summary: 'What waits for a moderator, or was kept back, oldest first',
    query: queueQuerySchema,
    answers: {
      200: {
        description: 'A page.',
        schema: pageOf(moderated, 'Oldest first.').meta({ id: 'ModerationPage' }),
        examples: {
          last: {
            items: [
              { ...OWN_REVIEW, status: 'pending', report_count: 0, reports: [], history: [], appeal: null },
            ],
            next_cursor: null,
          },
        },
        caching: NO_STORE,
      },
    },
  },
  'GET /api/product-reviews/moderation/stats': {
    ...BASE,
    operationId: 'getModerationStats',
    summary: 'How many are published by rating, and kept back by rating and reason',
    description: 'Shows that nothing is kept back for its rating.',
    answers: {
      200: {
        description: 'Of all products.',
        schema: z
          .object({ published: byStars, hidden: byStarsAndReason, held: byStarsAndReason })
          .meta({ id: 'ModerationStats' }),
        examples: {
          some: {
            published: { 1: 2, 2: 0, 3: 4, 4: 9, 5: 30 },
            hidden: { ...NONE, 5: { spam: 3 } },
            held: NONE,
          },
        },
        caching: NO_STORE,
      },
    },
  },
  'POST /api/product-reviews/:reviewId/moderation': {
    ...BASE,
    operationId: 'moderateReview',
    summary: 'Decides about a review',
    description: 'Every decision is written down: who, when, before and after.',
    params: OF_REVIEW,
    body: {
      schema: decisionSchema,
      examples: { hide: { action: 'hide', reason: 'spam', note: null }, publish: { action: 'publish' } },
    },
    answers: {
      200: {
        description: 'The review as it is now.',
        schema: z.object({ review: ownReview }).meta({ id: 'DecidedReview' }),
        examples: { hidden: { review: { ...OWN_REVIEW, status: 'hidden', reason: 'spam' } } },
        caching: NO_STORE,
      },
    },
    errors: ['admins_moderation', 'review_not_found', 'review_id_invalid', 'review_not_storable'],
  },
};
