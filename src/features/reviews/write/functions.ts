/** In the database: what an author does to a review, and what of it others need as well. */
import { turnOf } from '../tables/triggers/turns.ts';
import type { WantedFunction } from '../tables/wanted-function.ts';
import { ADD, EDIT } from './add-and-edit.ts';
import { PACE_FUNCTIONS } from './pace.ts';
import {
  action,
  answer,
  event,
  FIND_SELLER,
  IS_UNSETTLED,
  noteHold,
  PRODUCT_NUMBER,
  refuseIf,
  refuseTaken,
  START,
  takePace,
} from './sql.ts';

/** As a condition it is computed; with PERFORM, or by its function, it would be a statement or two. */
const TAKE_TURN = `
    IF pg_advisory_xact_lock(${turnOf('product', 'author::text')}) IS NULL THEN
    END IF;`;

/** Both in one statement: to begin one costs as much as either look. */
const LOOK_BACK = `
    SELECT EXISTS (SELECT FROM product_reviews AS r
                    WHERE r.product_id = product AND r.author_id = author::text AND r.rating IS NOT NULL),
           EXISTS (SELECT FROM product_review_moderated AS known
                    WHERE known.product_id = product AND known.author_id = author::text)
      INTO has_former, is_kept_back;`;

/**
 * The author's one review is the newest, whatever its status: a second look sees one that was committed while the first
 * waited for a row that is gone now.
 */
const LOCK_FORMER = `
    IF has_former THEN
      FOR look IN 1..2 LOOP
        SELECT * INTO former FROM product_reviews AS r
         WHERE r.product_id = product AND r.author_id = author::text AND r.rating IS NOT NULL
         ORDER BY r.id DESC LIMIT 1 FOR UPDATE;
        EXIT WHEN FOUND;
      END LOOP;
    END IF;`;

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
    has_former boolean;
    is_kept_back boolean;
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
    ${TAKE_TURN}
    ${LOOK_BACK}
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

/**
 * DELETE P/me: all rows of the author, or an older one of the earlier module's would come to the fore. Repeated it is the same.
 * What a trigger of the backend's keeps all the same, as one does that only marks rows, is not deleted: then nothing is.
 */
const WITHDRAW = `
  DECLARE
    wait integer;
    review product_reviews;
    doomed bigint[];
  BEGIN
    ${START}
    ${REFUSE_UNSETTLED}
    ${takePace('write', 'author')}
    doomed := ARRAY(SELECT r.id FROM product_reviews AS r WHERE r.product_id = product AND r.author_id = author::text);
    WITH gone AS (
      DELETE FROM product_reviews AS r WHERE r.product_id = product AND r.author_id = author::text RETURNING *)
    SELECT * INTO review FROM gone WHERE gone.rating IS NOT NULL ORDER BY gone.id DESC LIMIT 1;
    IF EXISTS (SELECT FROM product_reviews AS r
                WHERE r.id = ANY (doomed) AND r.product_id = product AND r.author_id = author::text) THEN
      RAISE EXCEPTION 'a trigger of product_reviews that is not ours keeps the row in';
    END IF;
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
    IF to_regclass('orders') IS NULL OR to_regclass('order_items') IS NULL OR $1 !~ '${PRODUCT_NUMBER}' THEN
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
      SELECT DISTINCT (listed.file ->> 'upload_id')::uuid
        FROM product_reviews AS r
       CROSS JOIN LATERAL jsonb_array_elements(
               coalesce(r.media, '[]') || coalesce(nullif(r.pending_edit -> 'media', 'null'), '[]')) AS listed (file)
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
