/** Runs what sql.ts describes, and answers with the review as its reader may see it: one statement, one round trip. */
import type { Knex } from 'knex';
import { AppError } from '../../../errors.ts';
import type { Database, RunOptions } from '../../../infra/postgres/database.ts';
import type { RunForUser } from '../../../infra/user-directory.ts';
import { retriedOnce, undoneByTrigger, whatItMeans } from '../database-refusal.ts';
import type { EventSink } from '../review-events.ts';
import type { ReviewView, ReviewViews } from '../view.ts';
import { refusalOf } from './refusals.ts';
import { createStatements } from './statements.ts';

type Value = string | number | null;

export interface Action {
  /** Of its function, product_review_… */
  readonly name: 'write' | 'withdraw' | 'vote' | 'report' | 'appeal' | 'reply';
  /** Who reads the answer: the author, or somebody else. */
  readonly json: 'ownJson' | 'publicJson';
  /** All but the last, which are the rules. Called when `first` is through. */
  readonly values: () => readonly Value[];
  readonly rules: Readonly<Record<string, unknown>>;
  /** What has to be done in the same transaction, before anything of a review is locked. */
  readonly first?: ((trx: Knex.Transaction) => Promise<void>) | undefined;
  /** Rules about the texts of the whole review, of which the author may have sent a part. */
  readonly judge?: ((content: Texts) => Readonly<Record<string, unknown>>) | undefined;
}

export interface Texts {
  readonly title: string | null;
  readonly text: string | null;
}

export interface Outcome {
  /** JSON text; null when it is gone, or was never there. */
  readonly review: string | null;
  readonly status: string;
  /** Of its product: a row of product_review_stats. */
  readonly stats: Readonly<Record<string, unknown>> | null;
  readonly helpful_count: number | null;
}

/** @throws AppError what the function refuses, 422 what the database cannot hold, 503 */
export type Perform = (productId: string, action: Action, options?: RunOptions) => Promise<Outcome>;

/**
 * A review, or an edit, by somebody who has not been looked at, which is done in the same round trip. null: nothing was done; look at
 * him, and `Perform` it. @throws as `Perform`
 */
export type PerformAsNamed = (
  userId: number,
  values: readonly [productId: string, change: string],
  rules: Action['rules'],
  untilMs: number,
) => Promise<Outcome | null>;

export interface PerformOptions {
  readonly database: Database;
  readonly views: ReviewViews;
  readonly sink: EventSink;
}

interface Row {
  /** The function's, without the review and its events, as JSON text: one column is less work for everybody than six. */
  readonly answer: string;
  readonly review: string | null;
  readonly status: string;
}

interface Answer extends Outcome {
  readonly refusal: string | null;
  readonly retry_after: number | null;
  /** Of the refusal `unjudged`. */
  readonly content: Texts | null;
}

const NOTHING = { refusal: null, retry_after: null, content: null, stats: null, helpful_count: null };

const toAnswer = ({ answer, review, status }: Row): Answer => ({
  ...NOTHING,
  ...JSON.parse(answer),
  review,
  status,
});

export function createPerform({ database, views, sink }: PerformOptions): Perform {
  const statements = createStatements(sink);
  /** Of a pooler that lets nobody set the level of a session, in front of a database with another one. */
  let isOtherLevel = false;

  async function attempt(
    view: ReviewView,
    action: Action,
    options?: RunOptions,
  ): Promise<Answer | undefined> {
    const text = statements.of(view, action);
    const { first, judge } = action;
    const values = (rules = action.rules) => [
      ...action.values(),
      JSON.stringify({ ...rules, standalone: isStandalone(view) }),
    ];
    if (first === undefined && !isOtherLevel) {
      const name = `review_${action.name}`;
      const rows = await database.query<Row>({ name, text, values: values() }, options);
      const [answer] = rows.map(toAnswer);
      if (answer?.refusal !== 'unjudged') return answer;
    }
    return database.transaction(async (trx) => {
      await first?.(trx);
      const ask = async (rules?: Action['rules']) => {
        const { rows } = await trx.raw<{ rows: Row[] }>(text.replace(/\$\d/g, '?'), values(rules));
        return rows.map(toAnswer)[0];
      };
      const answer = await ask();
      // The review is locked by now, so this is what is written.
      return answer?.content && judge ? ask({ ...action.rules, ...judge(answer.content) }) : answer;
    }, options);
  }

  async function untilDecided(productId: string, action: Action, options?: RunOptions): Promise<Answer> {
    for (let left = MAX_ATTEMPTS; left > 0; left -= 1) {
      const answer = await retriedOnce(() => views.using((view) => attempt(view, action, options), options));
      if (answer?.refusal === 'isolation') isOtherLevel = true;
      else if (answer?.refusal === 'unsettled') await settle(database, productId, options);
      else if (answer !== undefined) return answer;
    }
    throw new AppError('busy', {
      cause: new Error(`others keep product_review_${action.name}() from its turn`),
    });
  }

  return async (productId, action, options) => {
    try {
      const answer = await untilDecided(productId, action, options);
      if (answer.refusal !== null) throw refusalOf(answer.refusal, answer.retry_after);
      if (action.name === 'write' || action.name === 'reply') refuseNothing(answer);
      return answer;
    } catch (error) {
      throw whatItMeans(error);
    }
  };
}

/** A row that is not there after it was written: a trigger of somebody else's has kept it out. @throws AppError 503 */
function refuseNothing({ review }: Outcome): void {
  if (review === null) throw undoneByTrigger('has kept the row out');
}

/** Whoever writes at a stricter level may leave something to settle between ours and our next attempt, again and again. */
const MAX_ATTEMPTS = 10;

/** The view of a database without the backend's tables does without users (view.ts). */
const isStandalone = (view: ReviewView) => view.joinAuthor === '';

/** Works off what the triggers have noted. */
const settle = (database: Database, productId: string, options?: RunOptions) =>
  retriedOnce(() =>
    database.transaction(
      (trx) => trx.raw('DELETE FROM product_reviews_unsettled WHERE product_id = ?', [productId]),
      options,
    ),
  );

/** These take more than one statement. */
const LEFT_TO_PERFORM = new Set(['isolation', 'unsettled', 'unjudged']);

export function createPerformAsNamed(
  { views, sink }: Omit<PerformOptions, 'database'>,
  runForUser: RunForUser,
): PerformAsNamed {
  const statements = createStatements(sink);
  return async (userId, values, rules, untilMs) => {
    const run = async (view: ReviewView) => {
      // Without the backend's tables there is nobody to be looked at.
      if (isStandalone(view)) return [];
      const text = statements.writeAsNamed(view);
      const given = [userId, ...values, JSON.stringify({ ...rules, standalone: false })];
      return runForUser<Row>({ name: 'review_as_named', text, values: given }, untilMs);
    };
    try {
      const [row] = await retriedOnce(() => views.using(run, { untilMs }));
      const answer = row && toAnswer(row);
      if (answer === undefined || LEFT_TO_PERFORM.has(answer.refusal ?? '')) return null;
      if (answer.refusal !== null) throw refusalOf(answer.refusal, answer.retry_after);
      refuseNothing(answer);
      return answer;
    } catch (error) {
      throw whatItMeans(error);
    }
  };
}
