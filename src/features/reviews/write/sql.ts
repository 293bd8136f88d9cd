/**
 * What the functions of reviews are made of: what people do to reviews, each one function in the database, one round trip, in
 * which everything is decided behind the locks that it depends on (docs/decisions/0026-review-writes-are-functions.md).
 *
 * They answer with a jsonb: `refusal`, and nothing has been changed; or `review`, the row as it is now, `stats`, those of its
 * product, and `events`, in their order. All of them, and the triggers, take locks in one order: a user's pace → the turn of an
 * author → a review → the stats.
 */
import { VARIABLES_FIRST, type WantedFunction } from '../tables/wanted-function.ts';

/** Planned once: with arrays and texts for parameters PostgreSQL would plan most of our statements anew each time. */
const GENERIC = { plan_cache_mode: 'force_generic_plan' };

/** @param parameters their names and types; `rules` are settings and what belongs to the one kind of write */
export const action = (
  name: string,
  parameters: Readonly<Record<string, string>>,
  body: string,
): WantedFunction => ({
  signature: `product_review_${name}(${Object.values(parameters).join(',')})`,
  parameters: Object.entries(parameters)
    .map((parameter) => parameter.join(' '))
    .join(', '),
  ...{ returns: 'jsonb', language: 'plpgsql', immutable: false, definer: false, settings: GENERIC },
  // It reads the backend's tables, which need not be where ours are.
  isOfCaller: true,
  body: VARIABLES_FIRST + body,
});

/** Statements must see what was committed while they waited for a lock. */
export const START = `
    IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
      RETURN '{"refusal": "isolation"}';
    END IF;`;

export const refuseIf = (condition: string, refusal: string) => `
    IF ${condition} THEN
      RETURN '{"refusal": "${refusal}"}';
    END IF;`;

/** Counts it, behind the user's other requests: so it is the first of all locks. @param kind of what is counted */
export const takePace = (kind: 'write' | 'vote', user: string) => `
    wait := product_review_pace_take(${user}, '${kind}', (rules ->> 'per_minute')::integer);
    IF wait IS NOT NULL THEN
      RETURN jsonb_build_object('refusal', 'rate_limited', 'retry_after', wait);
    END IF;`;

/** What was refused does not count. */
export const refuseTaken = (kind: 'write' | 'vote', user: string, condition: string, refusal: string) => `
    IF ${condition} THEN
      PERFORM product_review_pace_return(${user}, '${kind}', (rules ->> 'per_minute')::integer);
      RETURN '{"refusal": "${refusal}"}';
    END IF;`;

/** What products.id may be: a bigserial, or numbers made of a time, are a bigint. */
export const PRODUCT_NUMBER = '^[1-9][0-9]{0,17}$';

/** The product's seller; NULL, and not FOUND, when there is no such product. A column that is missing is null in `absent`. */
export const FIND_SELLER = `
    SELECT found.seller_id INTO seller
      FROM (SELECT NULL::bigint AS seller_id) AS absent
     CROSS JOIN LATERAL (SELECT seller_id FROM products
            WHERE products.id = CASE WHEN product ~ '${PRODUCT_NUMBER}' THEN product::bigint END) AS found;`;

/** A review that everybody sees. */
export const findShown = (lock: string) => `
    SELECT * INTO review FROM product_reviews AS r
     WHERE r.id = wanted AND r.product_id = product AND r.superseded_at IS NULL ${lock};`;

export const event = (type: string, actor: string) =>
  `jsonb_build_array(jsonb_build_object('type', 'review.${type}', 'actor', ${actor}))`;

/** A hold that no person has decided on. @param was SQL */
export const noteHold = (reason: string, was: string) => `
      INSERT INTO product_review_history (review_id, product_id, action, reason, before, after)
      VALUES (review.id, product, 'hold', '${reason}', jsonb_build_object('status', ${was}), '{"status": "held"}');`;

/** Are there notes on the product that the triggers could not work off at once (tables/functions.ts)? */
export const IS_UNSETTLED =
  'EXISTS (SELECT FROM product_reviews_unsettled AS note WHERE note.product_id = product)';

/** @param events jsonb */
export const answer = (events: string) => `
    IF ${IS_UNSETTLED} THEN
      DELETE FROM product_reviews_unsettled AS note WHERE note.product_id = product;
    END IF;
    RETURN jsonb_build_object('review', to_jsonb(review), 'events', ${events},
      'stats', (SELECT to_jsonb(stats) FROM product_review_stats AS stats WHERE stats.product_id = product));`;
