/** The statements that run the functions (functions.ts): one for each, its answer a row with the review as JSON. */
import { forWelcomeUser } from '../../../infra/user-directory.ts';
import { type EventSink, eventData } from '../review-events.ts';
import type { ReviewView } from '../view.ts';
import type { Action } from './perform.ts';

/** With the types of their functions, in which each parameter is named once: so Knex's ? can stand for $1, $2 … */
const CALLS: Readonly<Record<Action['name'], string>> = {
  write: 'write($1::text, $2::bigint, $3::text, $4::jsonb, $5::jsonb)',
  withdraw: 'withdraw($1::text, $2::bigint, $3::jsonb)',
  vote: 'vote($1::bigint, $2::text, $3::bigint, $4::jsonb)',
  report: 'report($1::bigint, $2::text, $3::bigint, $4::jsonb)',
  appeal: 'appeal($1::bigint, $2::bigint, $3::jsonb)',
  reply: 'reply($1::bigint, $2::text, $3::bigint, $4::jsonb)',
};

/**
 * The author is $1, who has not been looked at, and is named as infra/user-directory.ts would name him. A collation that the name
 * has would be that of the whole function.
 */
const NAME = `coalesce(nullif(btrim(person.name, E' \\t\\n\\r\\f\\v'), ''), 'User ' || $1) COLLATE "default"`;
const WRITE_AS_NAMED = `write($2::text, $1::bigint, ${NAME}, $3::jsonb, $4::jsonb)`;

/**
 * The row that the function gives back is made a row again, so that view.ts can read it: the statement itself does not see what
 * the function has changed. Its events are written in the same statement.
 */
const behindCall = (sink: EventSink, view: ReviewView, json: Action['json']) => `
  told AS (${sink.insertFrom(`
    SELECT 'review:' || r.id, listed.event ->> 'type', ${eventData(view, "(listed.event -> 'actor')::text")}, clock_timestamp()
      FROM done
     CROSS JOIN LATERAL jsonb_array_elements(done.answer -> 'events') WITH ORDINALITY AS listed (event, place)
     CROSS JOIN LATERAL jsonb_populate_record(NULL::product_reviews, nullif(done.answer -> 'review', 'null')) AS r ${view.joinAuthor}
     ORDER BY listed.place`)})
  SELECT (done.answer - '{review,events}'::text[])::text AS answer,
         coalesce(r.status, 'published') AS status, CASE WHEN r.id IS NOT NULL THEN ${view[json]} END AS review
    FROM done
   CROSS JOIN LATERAL jsonb_populate_record(NULL::product_reviews, nullif(done.answer -> 'review', 'null')) AS r ${view.joinAuthor}`;

export interface Statements {
  of(view: ReviewView, action: Pick<Action, 'name' | 'json'>): string;
  /** `write`, for `RunForUser`. */
  writeAsNamed(view: ReviewView): string;
}

export function createStatements(sink: EventSink): Statements {
  const made = new WeakMap<ReviewView, Map<string, string>>();
  const once = (view: ReviewView, key: string, make: () => string) => {
    const ofView = made.get(view) ?? new Map<string, string>();
    made.set(view, ofView);
    const text = ofView.get(key) ?? make();
    ofView.set(key, text);
    return text;
  };
  const done = (call: string) => `done AS MATERIALIZED (SELECT product_review_${call} AS answer`;
  return {
    of: (view, { name, json }) =>
      once(view, name, () => `WITH ${done(CALLS[name])}),${behindCall(sink, view, json)}`),
    writeAsNamed: (view) =>
      once(view, 'as named', () =>
        forWelcomeUser(`, ${done(WRITE_AS_NAMED)} FROM person),${behindCall(sink, view, 'ownJson')}`),
      ),
  };
}
