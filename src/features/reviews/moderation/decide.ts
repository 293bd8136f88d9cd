/**
 * What a moderator does to a review: one transaction that changes it, writes down who did what (the row before and after)
 * and tells of it. Which row of its author is shown afterwards, and the figures, are the triggers' work.
 */
import type { Knex } from 'knex';
import { AppError } from '../../../errors.ts';
import type { Database, RunOptions } from '../../../infra/postgres/database.ts';
import { retriedOnce, undoneByTrigger, whatItMeans } from '../database-refusal.ts';
import type { ReviewEvents, ReviewEventType } from '../review-events.ts';
import type { ReviewView, ReviewViews } from '../view.ts';
import type { Action, Decision } from './schema.ts';

export interface DecideOptions {
  readonly database: Database;
  readonly views: ReviewViews;
  readonly events: ReviewEvents;
}

/** @returns the review as admins see it, JSON text @throws AppError 404, 422 an old table cannot hold an edit, 503 */
export type Decide = (
  reviewId: string,
  actorId: number,
  decision: Decision,
  options: RunOptions,
) => Promise<string>;

export function createDecide({ database, views, events }: DecideOptions): Decide {
  return (reviewId, actorId, decision, options) =>
    views
      .using(
        (view) =>
          retriedOnce(() =>
            database.transaction(async (trx) => {
              for (const id of await underDecision(trx, reviewId, decision.action)) {
                const change = await makeChange(trx, id, actorId, decision);
                const type = eventOf(decision.action, change);
                if (type !== null) await events.record(trx, view, { reviewId: id, type, actorId });
              }
              const [row] = await rowsOf<{ json: string }>(trx, ownSql(view), [reviewId]);
              if (row === undefined) throw new AppError('review_not_found');
              return row.json;
            }, options),
          ),
        options,
      )
      .catch((error) => {
        throw whatItMeans(error);
      });
}

/** What the history keeps of a review. */
interface State {
  readonly status: string;
  readonly incentivized: boolean;
  readonly pending_edit: object | null;
}

interface Change {
  readonly before: State;
  readonly after: State;
}

/**
 * What keeps a review back is about its author and product: what of theirs is shown in its place, because the old module wrote it
 * a moment before, is kept back with it, as it would have been a moment later (tables/triggers/current.ts). Takes the author's turn,
 * before any row (the author may be editing it). @returns ids
 */
async function underDecision(trx: Knex.Transaction, reviewId: string, action: Action): Promise<string[]> {
  const [owner] = await rowsOf<Owner>(trx, OWNER, [reviewId]);
  if (owner === undefined) throw new AppError('review_not_found');
  await trx.raw(TAKE_TURN, [owner.product_id, owner.author_id]);
  if (action !== 'hide' && action !== 'hold') return [reviewId];
  const shown = await rowsOf<{ id: string }>(trx, SHOWN_INSTEAD, [
    owner.product_id,
    owner.author_id,
    reviewId,
  ]);
  return [reviewId, ...shown.map(({ id }) => id)];
}

async function makeChange(
  trx: Knex.Transaction,
  reviewId: string,
  actorId: number,
  { action, reason, note }: Decision,
): Promise<Change> {
  const [owner] = await rowsOf<Owner>(trx, OWNER, [reviewId]);
  if (owner === undefined) throw new AppError('review_not_found');
  const [before] = await rowsOf<{ state: State }>(trx, `${STATE_OF} FOR UPDATE`, [reviewId]);
  if (before === undefined) throw new AppError('review_not_found');
  const changed = `UPDATE product_reviews AS r SET ${CHANGES[action]} WHERE r.id = ? RETURNING ${STATE} AS state`;
  const [after] = await rowsOf<{ state: State }>(trx, changed, [
    ...(action === 'hide' || action === 'hold' ? [reason] : []),
    reviewId,
  ]);
  if (after === undefined) throw undoneByTrigger('has kept the row as it was');
  if (before.state.status !== after.state.status)
    await remember(trx, owner, after.state.status === 'published' ? null : after.state.status);
  if (action === 'publish') await trx.raw(RESOLVE_REPORTS, [reviewId]);
  if (action === 'publish' || action === 'discard_edit') await trx.raw(KEEP_USED_MEDIA, [reviewId]);
  const change = { before: before.state, after: after.state };
  await trx.raw(WRITE_DOWN, [
    ...[reviewId, owner.product_id, actorId, action, reason, note],
    ...[JSON.stringify(change.before), JSON.stringify(change.after)],
  ]);
  return change;
}

interface Owner {
  readonly product_id: string;
  readonly author_id: string;
}

/**
 * What becomes of this author's next review. The triggers do the same for every writer, but only note what has to be
 * settled when a lock is not to be had, as during an import; and what was decided here must not be lost.
 */
async function remember(
  trx: Knex.Transaction,
  { product_id, author_id }: Owner,
  status: string | null,
): Promise<void> {
  if (status === null) await trx.raw(FORGET, [product_id, author_id]);
  else await trx.raw(REMEMBER, [product_id, author_id, status]);
}

/** null: nothing that anybody outside can see. */
function eventOf(action: Action, { before, after }: Change): ReviewEventType | null {
  if (before.status !== after.status) return STATUS_EVENTS[action] ?? null;
  const hasNewContent = action === 'publish' && before.pending_edit !== null;
  return hasNewContent || before.incentivized !== after.incentivized ? 'review.updated' : null;
}

const STATUS_EVENTS: Readonly<Partial<Record<Action, ReviewEventType>>> = {
  publish: 'review.published',
  hide: 'review.hidden',
  hold: 'review.held',
};

const OWNER = 'SELECT product_id::text, author_id::text FROM product_reviews WHERE id = ?';
const SHOWN_INSTEAD = `SELECT id::text FROM product_reviews
   WHERE product_id = ? AND author_id = ? AND superseded_at IS NULL AND id > ?`;
const TAKE_TURN = 'SELECT pg_advisory_xact_lock(product_review_turn(?, ?))';

const STATE = `json_build_object(
    'status', coalesce(r.status, 'published'), 'reason', r.status_reason, 'rating', r.rating, 'title', r.title,
    'text', r.text, 'media', r.media, 'incentivized', coalesce(r.incentivized, false), 'pending_edit', r.pending_edit,
    'report_count', coalesce(r.report_count, 0))`;
const STATE_OF = `SELECT ${STATE} AS state FROM product_reviews AS r WHERE r.id = ?`;

/** A column as the waiting edit has it; as it is without one. */
const edited = (column: string, value: string) =>
  `${column} = CASE WHEN jsonb_exists(pending_edit, '${column}') THEN ${value} ELSE ${column} END`;

const CHANGES: Readonly<Record<Action, string>> = {
  publish: `status = 'published', status_reason = NULL, report_count = NULL, pending_edit = NULL,
    edited_at = CASE WHEN pending_edit IS NULL THEN edited_at ELSE now() END,
    ${edited('rating', `(pending_edit ->> 'rating')::integer`)}, ${edited('title', `pending_edit ->> 'title'`)},
    ${edited('text', `pending_edit ->> 'text'`)},
    ${edited('media', `nullif(nullif(pending_edit -> 'media', 'null'), '[]')`)}`,
  hide: `status = 'hidden', status_reason = ?`,
  hold: `status = 'held', status_reason = ?`,
  discard_edit: 'pending_edit = NULL',
  mark_incentivized: 'incentivized = true',
  unmark_incentivized: 'incentivized = NULL',
};

const FORGET = 'DELETE FROM product_review_moderated WHERE product_id = ? AND author_id = ?';
const REMEMBER = `
  INSERT INTO product_review_moderated AS known (product_id, author_id, status) VALUES (?, ?, ?)
      ON CONFLICT (product_id, author_id) DO UPDATE SET status = excluded.status
   WHERE known.status <> excluded.status`;

const RESOLVE_REPORTS =
  'UPDATE product_review_reports SET resolved_at = now() WHERE review_id = ? AND resolved_at IS NULL';

/** Uploads that the review shows no more may be deleted again (write/functions.ts). */
const KEEP_USED_MEDIA = 'SELECT product_review_keep_media(?::bigint)';

const WRITE_DOWN = `
  INSERT INTO product_review_history (review_id, product_id, actor_id, action, reason, note, before, after)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?)`;

const ownSql = ({ ownJson, joinAuthor }: ReviewView) =>
  `SELECT ${ownJson} AS json FROM product_reviews AS r ${joinAuthor} WHERE r.id = ?`;

const rowsOf = async <Row>(trx: Knex.Transaction, sql: string, values: readonly (string | null)[]) =>
  (await trx.raw<{ rows: Row[] }>(sql, values)).rows;
