/** What becomes of the row when an author writes: a new one, or another version of it. */
import { SHOWN_AT_ONCE } from '../tables/triggers/current.ts';
import { event } from './sql.ts';

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
export const ADD = `
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
      ELSIF is_kept_back THEN
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

export const EDIT = `
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
