/**
 * What must be in the database, as data: the migrations make it, the checks compare with it. Whoever changes anything
 * here or in functions.ts adds a migration (review-tables.ts): by its name an older release knows that a newer one has
 * been there.
 */
import { OWN_TABLES } from './own-tables.ts';

const TEXT = ['text', 'character varying'];
const TIME = ['timestamp with time zone', 'timestamp without time zone'];

export interface WantedColumn {
  /** As format_type() names them; the first is the one to recommend. */
  readonly types: readonly string[];
  /** Of a varchar(n): the longest that we write ourselves. */
  readonly minLength?: number;
}

/** `+00:00` and milliseconds, as the store writes it. */
const TIME_LENGTH = 29;
const MAX_TITLE_LENGTH = 120;
/** An integer of the backend's. */
const ID_LENGTH = 10;

/**
 * The old module's columns. With other types reviews would fail, so a table that has them is not adopted. Nothing of
 * them is ever changed.
 */
export const OLD_COLUMNS: Readonly<Record<string, WantedColumn>> = {
  id: { types: ['bigint', 'integer'] },
  product_id: { types: TEXT, minLength: ID_LENGTH },
  author_id: { types: TEXT, minLength: ID_LENGTH },
  author_name: { types: TEXT },
  rating: { types: ['integer', 'smallint', 'bigint'] },
  text: { types: TEXT },
  created_at: { types: [...TIME, ...TEXT], minLength: TIME_LENGTH },
};

/** And ours. Null is what an old row means: published, never edited, without title, media, votes, reports, reply. */
export const OUR_COLUMNS: Readonly<Record<string, WantedColumn>> = {
  edited_at: { types: ['timestamp with time zone'] },
  /** Null: the review is shown. */
  superseded_at: { types: ['timestamp with time zone'] },
  title: { types: TEXT, minLength: MAX_TITLE_LENGTH },
  status: { types: TEXT, minLength: 'published'.length },
  status_reason: { types: TEXT, minLength: 'off_topic'.length },
  verified: { types: ['boolean'] },
  incentivized: { types: ['boolean'] },
  display_short: { types: ['boolean'] },
  media: { types: ['jsonb'] },
  helpful_count: { types: ['integer'] },
  report_count: { types: ['integer'] },
  reply: { types: ['jsonb'] },
  pending_edit: { types: ['jsonb'] },
};

/** The index is the one that the old module reads by, should it come back. */
export const CREATE_REVIEWS = `
  CREATE TABLE product_reviews (
    id bigserial PRIMARY KEY,
    product_id text NOT NULL,
    author_id text NOT NULL,
    author_name text NOT NULL,
    rating integer NOT NULL,
    text text,
    created_at timestamptz NOT NULL DEFAULT now()
  );
  CREATE INDEX product_reviews_product ON product_reviews (product_id, id)`;

const eachColumn = (sql: (name: string, type: string) => string) =>
  Object.entries(OUR_COLUMNS)
    .map(([name, { types }]) => sql(name, types[0] ?? ''))
    .join(', ');

/**
 * Only nullable columns, which changes no row and keeps the old module's INSERT of its own working. A row that comes
 * without our triggers (a session with session_replication_role = replica) is superseded until the next repair: two
 * current ones would be refused by the unique index.
 */
export const ADD_COLUMNS = `
  ALTER TABLE product_reviews
    ${eachColumn((name, type) => `ADD COLUMN IF NOT EXISTS ${name} ${type}`)};
  ALTER TABLE product_reviews
    ${eachColumn((name) => `ALTER COLUMN ${name} DROP NOT NULL`)},
    ALTER COLUMN superseded_at SET DEFAULT now()`;

export interface WantedIndex {
  readonly table: string;
  /** Its name, unless something else has it already; null: it comes with its table. */
  readonly name: string | null;
  /** As pg_get_indexdef() has it behind USING, after UNIQUE if it is; in one line, and without casts. */
  readonly definition: string;
}

const reviews = (name: string, definition: string): WantedIndex => ({
  table: 'product_reviews',
  name,
  definition,
});
/** what-counts.ts, as PostgreSQL prints it. */
const CLASS =
  '(((LEAST(5, GREATEST(1, rating)) + CASE WHEN verified THEN 8 ELSE 0 END) + CASE WHEN (media IS NULL) THEN 0 ELSE 16 END))';
const HELPFUL = 'COALESCE(helpful_count, 0) DESC, ((id + 0)) DESC';
const SHOWN = 'WHERE (superseded_at IS NULL)';

/**
 * Those of pages order by an expression that no other index has. With `id` itself PostgreSQL may prefer to walk the
 * primary key backwards until it has met a page's worth of the product's rows, which for an older product is the whole
 * table. The unique one makes two shown rows impossible. It comes last of the shown ones: without statistics PostgreSQL
 * takes the youngest of those that look alike.
 */
export const INDEXES: readonly WantedIndex[] = [
  // Of a table that was copied back: whoever made it has a primary key.
  reviews('product_reviews_id', 'UNIQUE btree (id)'),
  reviews('product_reviews_author', 'btree (product_id, author_id, id)'),
  reviews('product_reviews_of_author', 'btree (author_id, id)'),
  reviews('product_reviews_class_page', `btree (product_id, ${CLASS}, ((id + 0)) DESC) ${SHOWN}`),
  reviews('product_reviews_helpful_page', `btree (product_id, ${HELPFUL}) ${SHOWN}`),
  reviews('product_reviews_class_helpful_page', `btree (product_id, ${CLASS}, ${HELPFUL}) ${SHOWN}`),
  reviews(
    'product_reviews_moderation',
    `btree (status, id) WHERE (status = ANY (ARRAY['pending', 'held', 'hidden']))`,
  ),
  reviews('product_reviews_pending_edits', 'btree (id) WHERE (pending_edit IS NOT NULL)'),
  reviews('product_reviews_reported', 'btree (id) WHERE (report_count > 0)'),
  reviews('product_reviews_replies', `btree (((reply ->> 'author_id')), id) WHERE (reply IS NOT NULL)`),
  reviews('product_reviews_current_page', `btree (product_id, ((id + 0)) DESC) ${SHOWN}`),
  reviews('product_reviews_current', `UNIQUE btree (product_id, author_id) ${SHOWN}`),
  ...Object.entries(OWN_TABLES).flatMap(([table, { primaryKey, indexes }]) => [
    { table, name: null, definition: `UNIQUE btree (${primaryKey})` },
    ...indexes.map((columns) => ({ table, name: null, definition: `btree (${columns})` })),
  ]),
];

/**
 * As pg_get_triggerdef() has them, without the schema. None names a column, in a condition or behind OF: PostgreSQL
 * would refuse the backend's migrations to alter its type.
 */
export const TRIGGERS: readonly string[] = [
  `CREATE TRIGGER product_reviews_hold BEFORE INSERT OR UPDATE ON product_reviews FOR EACH ROW EXECUTE FUNCTION product_reviews_hold()`,
  `CREATE TRIGGER product_reviews_take_turns BEFORE DELETE ON product_reviews FOR EACH STATEMENT EXECUTE FUNCTION product_reviews_take_turns()`,
  `CREATE TRIGGER product_reviews_after_insert AFTER INSERT ON product_reviews REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION product_reviews_after_insert()`,
  `CREATE TRIGGER product_reviews_after_update AFTER UPDATE ON product_reviews REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION product_reviews_after_update()`,
  `CREATE TRIGGER product_reviews_after_delete AFTER DELETE ON product_reviews REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION product_reviews_after_delete()`,
  `CREATE TRIGGER product_reviews_after_truncate AFTER TRUNCATE ON product_reviews FOR EACH STATEMENT EXECUTE FUNCTION product_reviews_after_truncate()`,
  `CREATE TRIGGER product_reviews_settle AFTER DELETE ON product_reviews_unsettled REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION product_reviews_settle()`,
  `CREATE TRIGGER product_review_votes_added AFTER INSERT ON product_review_votes REFERENCING NEW TABLE AS changed_votes FOR EACH STATEMENT EXECUTE FUNCTION product_review_votes_count()`,
  `CREATE TRIGGER product_review_votes_removed AFTER DELETE ON product_review_votes REFERENCING OLD TABLE AS changed_votes FOR EACH STATEMENT EXECUTE FUNCTION product_review_votes_count()`,
  `CREATE TRIGGER product_reviews_unsettled_whole BEFORE INSERT ON product_reviews_unsettled FOR EACH ROW WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION product_reviews_unsettled_whole()`,
  // A restore of data alone brings the stats as well as the reviews, from which the triggers make them again.
  `CREATE TRIGGER product_review_stats_ignore BEFORE INSERT ON product_review_stats FOR EACH ROW WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION product_review_stats_ignore()`,
];

/** CREATE TRIGGER name … */
export const nameOf = (trigger: string): string => trigger.split(' ', 3)[2] ?? '';

/** … ON table … */
export const tableOf = (trigger: string): string => / ON (\w+)/.exec(trigger)?.[1] ?? '';

/** Of earlier releases. */
export const FORMER_TRIGGERS: readonly string[] = ['product_reviews_hold_moved'];

const EVERYTHING = ['SELECT', 'INSERT', 'UPDATE', 'DELETE'];

/** What the sidecar's role does itself; the rest is done by the functions, as their owner. */
export const RIGHTS: readonly (readonly [right: string, table: string])[] = [
  ...EVERYTHING.map((right) => [right, 'product_reviews'] as const),
  ['SELECT', 'product_review_stats'],
  ['SELECT', 'product_reviews_unsettled'],
  ['DELETE', 'product_reviews_unsettled'],
  ...Object.entries(OWN_TABLES)
    .filter(([, { isComputed }]) => !isComputed)
    .flatMap(([table]) => EVERYTHING.map((right) => [right, table] as const)),
];
