/**
 * What the outbox is told of a review: its public view, its status, and who did it. Written in the transaction of the
 * change, by who holds the review's row, so that the events of a review have the order of its changes.
 */
import type { Knex } from 'knex';
import type { ReviewView } from './view.ts';

export type ReviewEventType = `review.${
  | 'created'
  | 'updated'
  | 'deleted'
  | 'published'
  | 'held'
  | 'hidden'
  | 'replied'
  | 'reported'}`;

/** What this needs of the feature events (features/events/writer.ts), handed over by the composition root. */
export interface EventSink {
  insertFrom(select: string): string;
}

export interface ReviewEvents {
  /** Of one review, as it is now. @throws Error of the database */
  record(
    trx: Knex.Transaction,
    view: ReviewView,
    event: { readonly reviewId: string; readonly type: ReviewEventType; readonly actorId: number },
  ): Promise<void>;
  /**
   * Text for a CTE: an event for each row of product_reviews that a relation holds, such as the rows that a statement
   * changes or deletes. One parameter: the actor's id.
   */
  insertOf(view: ReviewView, type: ReviewEventType, relation: string): string;
}

/** SQL: the data of an event, of a row `r`. Needs the view's `joinAuthor`. @param actor SQL: an id, or JSON text */
export const eventData = (view: ReviewView, actor: string) => `
             ('{"product_id":' || to_json(r.product_id)::text || ',"review":' || ${view.publicJson} || ',"status":"'
               || coalesce(r.status, 'published') || '","actor_id":' || ${actor} || '}')::json`;

export function createReviewEvents(sink: EventSink): ReviewEvents {
  const insertOf: ReviewEvents['insertOf'] = (view, type, relation) =>
    sink.insertFrom(`
      SELECT 'review:' || r.id, '${type}',
             ${eventData(view, '?::bigint')}, clock_timestamp()
        FROM ${relation} AS r ${view.joinAuthor}`);
  return {
    insertOf,
    async record(trx, view, { reviewId, type, actorId }) {
      await trx.raw(insertOf(view, type, '(SELECT * FROM product_reviews WHERE id = ?)'), [
        actorId,
        reviewId,
      ]);
    },
  };
}
