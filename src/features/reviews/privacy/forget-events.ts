/**
 * What the outbox says of a user who has everything erased: sent events are kept for some days, those that nobody has taken for
 * good (docs/decisions/0029-what-is-left-of-an-erased-author.md). The ids stay, so that receivers know what is gone.
 */
import type { Knex } from 'knex';

/** What this needs of the feature events (features/events/rewrite.ts), handed over by the composition root. */
export type RewriteEvents = (
  trx: Knex.Transaction,
  rewriting: {
    readonly where: (outbox: string) => string;
    readonly data: string;
    readonly values: readonly (string | readonly string[])[];
  },
) => Promise<void>;

/** By their indexes (features/events/tables.ts). */
const IS_OF_REVIEW = `type LIKE 'review.%'`;
const AUTHOR = `(data -> 'review' ->> 'author_id')`;
const ACTOR = `(data ->> 'actor_id')`;
const BY_SOMEBODY = `type IN ('review.reported', 'review.replied')`;

const WITHOUT_WORDS = `jsonb_set(data, '{review}', (data -> 'review') ||
  '{"author_name": "Deleted user", "author_avatar_url": null, "title": null, "text": null, "media": [], "reply": null}')`;
const WITHOUT_REPLY = `jsonb_set(data, '{review,reply}', 'null')`;
const WITHOUT_ACTOR = `jsonb_set(data, '{actor_id}', 'null')`;

/** What a seller has replied, wherever it is quoted. @param reviews to which the replies were */
export async function forgetReplies(
  rewrite: RewriteEvents,
  trx: Knex.Transaction,
  reviews: readonly { readonly id: string; readonly author_id: string }[],
): Promise<void> {
  if (reviews.length === 0) return;
  await rewrite(trx, {
    where: () =>
      `${IS_OF_REVIEW} AND (${AUTHOR}, subject) IN (SELECT * FROM unnest(?::text[], ?::text[]) AS replied)`,
    data: WITHOUT_REPLY,
    values: [reviews.map((review) => review.author_id), reviews.map(({ id }) => `review:${id}`)],
  });
}

/** All else: also of reviews, replies and reports that the user has taken back before. */
export async function forgetUser(
  rewrite: RewriteEvents,
  trx: Knex.Transaction,
  userId: string,
): Promise<void> {
  await rewrite(trx, {
    where: () => `${IS_OF_REVIEW} AND ${AUTHOR} = ?`,
    data: WITHOUT_WORDS,
    values: [userId],
  });
  await rewrite(trx, {
    where: (outbox) => `${IS_OF_REVIEW} AND (${AUTHOR}, subject) IN (
      SELECT ${AUTHOR}, subject FROM ${outbox} WHERE ${BY_SOMEBODY} AND ${ACTOR} = ? AND type = 'review.replied')`,
    data: WITHOUT_REPLY,
    values: [userId],
  });
  await rewrite(trx, {
    where: () => `${BY_SOMEBODY} AND ${ACTOR} = ?`,
    data: WITHOUT_ACTOR,
    values: [userId],
  });
}
