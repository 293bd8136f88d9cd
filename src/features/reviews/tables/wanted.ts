/**
 * What must be in the database, as data: the migrations make it, the checks compare with it. Whoever changes anything
 * here or in functions.ts adds a migration (review-tables.ts): by its name an older release knows that a newer one has
 * been there.
 */

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

/** And ours. */
export const OUR_COLUMNS: readonly string[] = ['edited_at', 'superseded_at'];

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

/**
 * Only nullable columns, which changes no row and keeps the old module's INSERT of its own working. A row that comes
 * without our triggers (a session with session_replication_role = replica) is superseded until the next repair: two
 * current ones would be refused by the unique index.
 */
export const ADD_COLUMNS = `
  ALTER TABLE product_reviews
    ADD COLUMN IF NOT EXISTS edited_at timestamptz,
    ADD COLUMN IF NOT EXISTS superseded_at timestamptz;
  ALTER TABLE product_reviews
    ALTER COLUMN edited_at DROP NOT NULL,
    ALTER COLUMN superseded_at DROP NOT NULL,
    ALTER COLUMN superseded_at SET DEFAULT now()`;

/** Tables of ours alone. One that is not like this is made anew: nothing in it cannot be computed. */
export const OWN_TABLES: Readonly<
  Record<string, { readonly create: string; readonly columns: Readonly<Record<string, string>> }>
> = {
  product_review_stats: {
    create: `
      CREATE TABLE product_review_stats (
        product_id text PRIMARY KEY,
        review_count integer NOT NULL,
        rating_sum bigint NOT NULL
      )`,
    columns: { product_id: 'text', review_count: 'integer', rating_sum: 'bigint' },
  },
  product_reviews_unsettled: {
    create: `
      CREATE TABLE product_reviews_unsettled (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        product_id text NOT NULL,
        author_id text
      );
      CREATE INDEX ON product_reviews_unsettled (product_id)`,
    columns: { id: 'bigint', product_id: 'text', author_id: 'text' },
  },
};

export interface WantedIndex {
  readonly table: string;
  /** Its name, unless something else has it already; null: it comes with its table. */
  readonly name: string | null;
  /** As pg_get_indexdef() has it behind USING, after UNIQUE if it is. */
  readonly definition: string;
}

/**
 * The first of product_reviews is the order in which a page is read: by an expression that no other index has. With
 * `id` itself PostgreSQL may prefer to walk the primary key backwards until it has met a page's worth of the product's
 * rows, which for an older product is the whole table. The second finds an author's newest row, the third makes two
 * current rows impossible. It comes last: without statistics PostgreSQL takes the youngest of those that look alike.
 */
export const INDEXES: readonly WantedIndex[] = [
  {
    table: 'product_reviews',
    name: 'product_reviews_current_page',
    definition: 'btree (product_id, ((id + 0)) DESC) WHERE (superseded_at IS NULL)',
  },
  {
    table: 'product_reviews',
    name: 'product_reviews_author',
    definition: 'btree (product_id, author_id, id)',
  },
  {
    table: 'product_reviews',
    name: 'product_reviews_current',
    definition: 'UNIQUE btree (product_id, author_id) WHERE (superseded_at IS NULL)',
  },
  { table: 'product_review_stats', name: null, definition: 'UNIQUE btree (product_id)' },
  { table: 'product_reviews_unsettled', name: null, definition: 'btree (product_id)' },
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
  // A restore of data alone brings the stats as well as the reviews, from which the triggers make them again.
  `CREATE TRIGGER product_review_stats_ignore BEFORE INSERT ON product_review_stats FOR EACH ROW WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION product_review_stats_ignore()`,
];

/** CREATE TRIGGER name … */
export const nameOf = (trigger: string): string => trigger.split(' ', 3)[2] ?? '';

/** Of earlier releases. */
export const FORMER_TRIGGERS: readonly string[] = ['product_reviews_hold_moved'];

/** What the sidecar's role does itself; the rest is done by the functions, as their owner. */
export const RIGHTS: readonly (readonly [right: string, table: string])[] = [
  ['SELECT', 'product_reviews'],
  ['INSERT', 'product_reviews'],
  ['UPDATE', 'product_reviews'],
  ['SELECT', 'product_review_stats'],
  ['SELECT', 'product_reviews_unsettled'],
  ['DELETE', 'product_reviews_unsettled'],
];
