/** What an admin sends to the moderation of reviews. */
import { z } from 'zod';
import { breaks, isError } from '../../../words/messages.ts';
import { idPageFields } from '../id-page.ts';
import { optionalText } from '../plain-text.ts';

export const QUEUES = ['pending', 'held', 'hidden', 'reported'] as const;
export type Queue = (typeof QUEUES)[number];

/** Why a review is kept back: there is none that means "negative" (16 CFR 465.7; docs/operations.md, Moderation). */
export const REASONS = ['spam', 'offensive', 'off_topic', 'fake', 'privacy', 'legal', 'other'] as const;

const ACTIONS = [
  'publish',
  'hide',
  'hold',
  'discard_edit',
  'mark_incentivized',
  'unmark_incentivized',
] as const;
export type Action = (typeof ACTIONS)[number];

const MAX_NOTE_LENGTH = 1000;

export const queueQuerySchema = z.object({
  status: z.enum(QUEUES, { error: breaks('one_of', { allowed: QUEUES }) }),
  ...idPageFields,
});

const needsReason = (action: Action) => action === 'hide' || action === 'hold';

/** Unknown fields are ignored: clients may be newer than we are. */
export const decisionSchema = z
  .object(
    {
      action: z.enum(ACTIONS, { error: breaks('one_of', { allowed: ACTIONS }) }),
      reason: z
        .enum(REASONS, { error: breaks('one_of', { allowed: REASONS }) })
        .nullish()
        .transform((reason) => reason ?? null),
      /** For the other moderators. */
      note: optionalText(MAX_NOTE_LENGTH)
        .optional()
        .transform((note) => note ?? null),
    },
    { error: isError('not_an_object') },
  )
  .refine(({ action, reason }) => reason !== null || !needsReason(action), {
    error: breaks('reason_needed', { allowed: REASONS }),
    path: ['reason'],
  })
  .refine(({ action, reason }) => reason === null || needsReason(action), {
    error: breaks('reason_not_wanted'),
    path: ['reason'],
  });

export type Decision = z.infer<typeof decisionSchema>;
