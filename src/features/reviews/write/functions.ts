/** In the database: what an author does to a review, and what of it others need as well. */
import { SHOWN_AT_ONCE } from '../tables/function-bodies.ts';
import type { WantedFunction } from '../tables/functions.ts';
import { PACE_FUNCTIONS } from './pace.ts';
import {
  action,
  answer,
  event,
  FIND_SELLER,
  IS_UNSETTLED,
  noteHold,
  refuseIf,
  refuseTaken,
  START,
  takePace,
} from './sql.ts';

/** The stored name is for the old module, which may have made room for a short one only. */
const STORE_NAME = `
      BEGIN
        review.author_name := author_name;
      EXCEPTION WHEN string_data_right_truncation THEN
        review.author_name := left(author_name, (SELECT atttypmod - 4 FROM pg_attribute
           WHERE attrelid = 'product_reviews'::regclass AND attname = 'author_name'));
      END;`;

/** From jsonb to the record, whose columns may have other types than ours: an assignment converts, or says what is too long. */
const APPLY_CONTENT = `
      review.rating := content ->> 'rating';
      review.text := content ->> 'text';
      review.title := content ->> 'title';
      review.media := nullif(content -> 'media', 'null');`;

/** `+00:00`, not `Z`: created_at may be text, and Python before 3.11 cannot read `Z` back. */
const ISO_NOW = `to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"+00:00"')`;

const INSERTED = [
  ...['product_id', 'author_id', 'author_name', 'rating', 'text', 'created_at', 'title', 'media'],
  ...['status', 'status_reason', 'verified', 'display_short', 'superseded_at'],
];
const insert = (column: string, value: string, overriding: string) => `
        INSERT INTO product_reviews AS r (${INSERTED.join(', ')}${column})
        ${overriding} VALUES (${INSERTED.map((name) => `review.${name}`).join(', ')}${value}) RETURNING * INTO review;`;

/** With an id of its own, as a rehearsal has it, no id of the sequence is used up. */
const ADD = `
      review.product_id := product;
      review.author_id := author;
      ${STORE_NAME}
      review.created_at := ${ISO_NOW};
      review.verified := is_bought;
      review.display_short := rules -> 'display_short';
      ${APPLY_CONTENT}
      IF is_blocked THEN
        review.status := 'held';
        review.status_reason := 'blocked_words';
      ELSIF EXISTS (SELECT FROM product_review_moderated AS known
                     WHERE known.product_id = product AND known.author_id = author::text) THEN
        review.status := 'held';
      ELSE
        -- Not left to the trigger, whose setting may be another sidecar's.
        review.status := CASE WHEN rules ->> 'moderation' = 'pre' THEN 'pending' ELSE 'published' END;
      END IF;
      review.superseded_at := CASE WHEN review.status = 'published' THEN '${SHOWN_AT_ONCE}' ELSE now() END;
      IF rules -> 'id' IS NULL THEN
        ${insert('', '', '')}
      ELSE
        ${insert(', id', `, (rules ->> 'id')::bigint`, 'OVERRIDING SYSTEM VALUE')}
      END IF;
      events := ${event('created', 'author')};`;

const EDITED = ['rating', 'text', 'title', 'media', 'pending_edit', 'status', 'status_reason'];
const FLAGS = ['verified', 'display_short'];
const state = (row: string) =>
  [...EDITED.map((name) => `${row}.${name}`), ...FLAGS.map((name) => `coalesce(${row}.${name}, false)`)].join(
    ', ',
  );
const assignments = [...EDITED, ...FLAGS, 'author_name', 'edited_at'].map(
  (name) => `${name} = review.${name}`,
);

const EDIT = `
      review := former;
      ${STORE_NAME}
      review.verified := is_bought;
      review.display_short := coalesce((rules -> 'display_short')::boolean, former.display_short);
      IF was = 'published' AND rules ->> 'moderation' = 'pre' AND NOT is_blocked THEN
        review.pending_edit := nullif(content, stored);
      ELSE
        ${APPLY_CONTENT}
        review.pending_edit := NULL;
        IF content <> stored THEN
          review.edited_at := clock_timestamp();
        END IF;
        IF is_blocked AND was IN ('published', 'pending') THEN
          review.status := 'held';
          review.status_reason := 'blocked_words';
        END IF;
      END IF;
      IF (${state('review')}) IS DISTINCT FROM (${state('former')}) THEN
        UPDATE product_reviews AS r SET ${assignments.join(', ')} WHERE r.id = former.id RETURNING * INTO review;
        events := ${event('updated', 'author')};
      END IF;`;

/**
 * The author's one review is the newest, whatever its status: a second look sees one that was committed while the first
 * waited for a row that is gone now.
 */
const LOCK_FORMER = `
    FOR look IN 1..2 LOOP
      SELECT * INTO former FROM product_reviews AS r
       WHERE r.product_id = product AND r.author_id = author::text AND r.rating IS NOT NULL
       ORDER BY r.id DESC LIMIT 1 FOR UPDATE;
      EXIT WHEN FOUND;
    END LOOP;`;

/** What is not settled yet would take the place of this review afterwards. */
const REFUSE_UNSETTLED = refuseIf(IS_UNSETTLED, 'unsettled');

/**
 * `judged` are the texts that `blocked` is about, if there are blocked words: which ones an edit leaves as they are is known here
 * only. What is blocked already is so with any other text beside it.
 */
const REFUSE_UNJUDGED = `
      IF NOT is_blocked AND jsonb_build_object('title', content -> 'title', 'text', content -> 'text') <> rules -> 'judged' THEN
        PERFORM product_review_pace_return(author, 'write', (rules ->> 'per_minute')::integer);
        RETURN jsonb_build_object('refusal', 'unjudged', 'content', content);
      END IF;`;

/** POST and PATCH. `change` has those of rating, text, title, media that are given. */
const WRITE = `
  DECLARE
    seller bigint;
    is_bought boolean;
    is_blocked boolean := coalesce((rules -> 'blocked')::boolean, false);
    wait integer;
    former product_reviews;
    review product_reviews;
    was text;
    stored jsonb;
    content jsonb := change;
    events jsonb := '[]';
  BEGIN
    ${START}
    IF NOT (rules -> 'standalone')::boolean THEN
      ${FIND_SELLER}
      ${refuseIf('NOT FOUND', 'product_not_found')}
      ${refuseIf('seller = author', 'own_product')}
    END IF;
    is_bought := product_review_bought(product, author);
    ${refuseIf(`NOT is_bought AND (rules -> 'require_purchase')::boolean`, 'purchase_required')}
    ${REFUSE_UNSETTLED}
    ${takePace('write', 'author')}
    PERFORM pg_advisory_xact_lock(product_review_turn(product, author::text));
    ${LOCK_FORMER}
    IF former.id IS NOT NULL THEN
      was := coalesce(former.status, 'published');
      stored := jsonb_build_object('rating', former.rating, 'text', former.text, 'title', former.title, 'media', former.media);
      content := coalesce(former.pending_edit, stored) || change;
      ${REFUSE_UNJUDGED}
      ${EDIT}
    ELSE
      ${refuseTaken('write', 'author', `(rules -> 'must_exist')::boolean`, 'no_review')}
      ${ADD}
    END IF;
    IF review.status = 'held' AND coalesce(was, '') NOT IN ('held', 'hidden') THEN
      IF is_blocked THEN
        ${noteHold('blocked_words', 'was')}
      END IF;
      events := events || ${event('held', 'NULL')};
    END IF;
    IF review.media IS DISTINCT FROM former.media OR review.pending_edit IS DISTINCT FROM former.pending_edit THEN
      PERFORM product_review_keep_media(review.id);
    END IF;
    ${answer('events')}
  END`;

/** DELETE P/me: all rows of the author, or an older one of the earlier module's would come to the fore. Repeated it is the same. */
const WITHDRAW = `
  DECLARE
    wait integer;
    review product_reviews;
  BEGIN
    ${START}
    ${REFUSE_UNSETTLED}
    ${takePace('write', 'author')}
    WITH gone AS (
      DELETE FROM product_reviews AS r WHERE r.product_id = product AND r.author_id = author::text RETURNING *)
    SELECT * INTO review FROM gone WHERE gone.rating IS NOT NULL ORDER BY gone.id DESC LIMIT 1;
    ${answer(`CASE WHEN review.id IS NULL THEN '[]' ELSE ${event('deleted', 'author')} END`)}
  END`;

const plain = {
  language: 'plpgsql',
  immutable: false,
  definer: false,
  settings: {},
  isOfCaller: true,
} as const;

export const WRITE_FUNCTIONS: readonly WantedFunction[] = [
  ...PACE_FUNCTIONS,
  {
    ...plain,
    /** An order of the buyer with the product that was delivered. */
    signature: 'product_review_bought(text,bigint)',
    parameters: 'product text, buyer bigint',
    returns: 'boolean',
    body: `
  BEGIN
    IF to_regclass('orders') IS NULL OR to_regclass('order_items') IS NULL OR $1 !~ '^[1-9][0-9]{0,9}$' THEN
      RETURN false;
    END IF;
    RETURN EXISTS (SELECT FROM orders JOIN order_items ON order_items.order_id = orders.id
                    WHERE orders.buyer_id = $2 AND orders.status::text = 'delivered' AND order_items.product_id = $1::bigint);
  END`,
  },
  {
    ...plain,
    /** Which uploads a review refers to: those that it shows, and those of an edit that waits. */
    signature: 'product_review_keep_media(bigint)',
    parameters: 'review bigint',
    returns: 'void',
    body: `
  DECLARE
    wanted uuid[] := ARRAY(
      SELECT DISTINCT (file ->> 'upload_id')::uuid
        FROM product_reviews AS r
       CROSS JOIN LATERAL jsonb_array_elements(
               coalesce(r.media, '[]') || coalesce(nullif(r.pending_edit -> 'media', 'null'), '[]')) AS file
       WHERE r.id = $1);
  BEGIN
    DELETE FROM product_review_media AS media WHERE media.review_id = $1 AND media.upload_id <> ALL (wanted);
    INSERT INTO product_review_media (upload_id, review_id) SELECT upload, $1 FROM unnest(wanted) AS upload
        ON CONFLICT DO NOTHING;
  END`,
  },
  action(
    'write',
    { product: 'text', author: 'bigint', author_name: 'text', change: 'jsonb', rules: 'jsonb' },
    WRITE,
  ),
  action('withdraw', { product: 'text', author: 'bigint', rules: 'jsonb' }, WITHDRAW),
];
