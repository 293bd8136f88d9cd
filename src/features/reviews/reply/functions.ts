/** In the database: the seller's reply. Whoever sells the product today may; what another seller wrote is replaced by a new one. */
import {
  action,
  answer,
  event,
  FIND_SELLER,
  findShown,
  refuseIf,
  refuseTaken,
  START,
  takePace,
} from '../write/sql.ts';

/** `rules.text` is null when there is to be none. */
const REPLY = `
  DECLARE
    wait integer;
    seller bigint;
    review product_reviews;
    wording jsonb := nullif(rules -> 'text', 'null');
    reply jsonb;
    moment text := to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"');
    events jsonb := '[]';
  BEGIN
    ${START}
    IF NOT (rules -> 'standalone')::boolean THEN
      ${FIND_SELLER}
    END IF;
    ${refuseIf('seller IS DISTINCT FROM replier', 'not_the_seller')}
    ${takePace('write', 'replier')}
    ${findShown('FOR UPDATE')}
    ${refuseTaken('write', 'replier', 'review.id IS NULL', 'not_found')}
    reply := CASE
      WHEN wording IS NULL THEN NULL
      WHEN (review.reply ->> 'author_id')::bigint IS DISTINCT FROM replier THEN
        jsonb_build_object('text', wording, 'created_at', moment, 'edited_at', NULL, 'author_id', replier)
      WHEN review.reply -> 'text' = wording THEN review.reply
      ELSE review.reply || jsonb_build_object('text', wording, 'edited_at', moment)
    END;
    IF reply IS DISTINCT FROM review.reply THEN
      UPDATE product_reviews AS r SET reply = reply WHERE r.id = wanted RETURNING * INTO review;
      events := ${event('replied', 'replier')};
    END IF;
    ${answer('events')}
  END`;

export const REPLY_FUNCTIONS = [
  action('reply', { wanted: 'bigint', product: 'text', replier: 'bigint', rules: 'jsonb' }, REPLY),
];
