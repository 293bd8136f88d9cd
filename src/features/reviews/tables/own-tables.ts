/** The tables of ours alone, as data. None has a foreign key: the triggers remove what hangs on a review. */

export interface OwnTable {
  /** Type as format_type() has it, and the rest of the column's definition. */
  readonly columns: Readonly<Record<string, readonly [type: string, rest: string]>>;
  readonly primaryKey: string;
  /** Columns of further indexes. */
  readonly indexes: readonly string[];
  /** Everything in it can be computed: if it is not like this it is made anew. Others are mended, and never dropped. */
  readonly isComputed: boolean;
}

const TEXT = ['text', 'NOT NULL'] as const;
const NULLABLE_TEXT = ['text', ''] as const;
const BIGINT = ['bigint', 'NOT NULL'] as const;
/** For columns that came later: such a column is added in an instant, and old releases leave it out. */
const COUNTER = ['integer', 'NOT NULL DEFAULT 0'] as const;
const NOW = ['timestamp with time zone', 'NOT NULL DEFAULT now()'] as const;
const OWN_ID = ['bigint', 'GENERATED ALWAYS AS IDENTITY'] as const;

export const OWN_TABLES: Readonly<Record<string, OwnTable>> = {
  /** Of the reviews that are shown. */
  product_review_stats: {
    columns: {
      product_id: TEXT,
      review_count: ['integer', 'NOT NULL'],
      rating_sum: BIGINT,
      ...{ rating_1: COUNTER, rating_2: COUNTER, rating_3: COUNTER, rating_4: COUNTER, rating_5: COUNTER },
      ...{ verified_count: COUNTER, media_count: COUNTER },
      version: ['bigint', 'NOT NULL DEFAULT 0'],
      /** Notes that count in it already. */
      counted_notes: ['bigint[]', ''],
    },
    ...{ primaryKey: 'product_id', indexes: [], isComputed: true },
  },
  /** What the triggers could not do at once. */
  product_reviews_unsettled: {
    columns: { id: OWN_ID, product_id: TEXT, author_id: NULLABLE_TEXT, change: ['bigint[]', ''] },
    ...{ primaryKey: 'id', indexes: ['product_id'], isComputed: true },
  },
  /** One row while not every product has a note that should have one: those behind this one. */
  product_reviews_unnoted: {
    columns: { only_row: ['boolean', 'NOT NULL DEFAULT true'], after: NULLABLE_TEXT },
    ...{ primaryKey: 'only_row', indexes: [], isComputed: true },
  },
  /** Whose next review of a product is not shown, since a moderator or a word has kept one back: its status. */
  product_review_moderated: {
    columns: { product_id: TEXT, author_id: TEXT, status: TEXT },
    ...{ primaryKey: 'product_id, author_id', indexes: [], isComputed: false },
  },
  /** What the triggers must know of the configuration; the sidecar writes it at its start. */
  product_review_settings: {
    columns: { only_row: ['boolean', 'NOT NULL DEFAULT true'], moderation: NULLABLE_TEXT },
    ...{ primaryKey: 'only_row', indexes: [], isComputed: false },
  },
  product_review_votes: {
    columns: { review_id: BIGINT, user_id: BIGINT, product_id: TEXT, created_at: NOW },
    ...{ primaryKey: 'review_id, user_id', indexes: ['user_id, product_id, review_id'], isComputed: false },
  },
  product_review_reports: {
    columns: {
      ...{ review_id: BIGINT, user_id: BIGINT, reason: TEXT, note: NULLABLE_TEXT, created_at: NOW },
      resolved_at: ['timestamp with time zone', ''],
    },
    ...{ primaryKey: 'review_id, user_id', indexes: ['user_id'], isComputed: false },
  },
  /** Who did what to a review; it stays when the review is deleted. */
  product_review_history: {
    columns: {
      ...{ id: OWN_ID, review_id: BIGINT, product_id: TEXT, actor_id: ['bigint', ''], action: TEXT },
      ...{ reason: NULLABLE_TEXT, note: NULLABLE_TEXT },
      ...{ before: ['jsonb', ''], after: ['jsonb', ''], created_at: NOW },
    },
    ...{ primaryKey: 'id', indexes: ['review_id, id'], isComputed: false },
  },
  product_review_appeals: {
    columns: { review_id: BIGINT, author_id: TEXT, text: TEXT, created_at: NOW },
    ...{ primaryKey: 'review_id', indexes: [], isComputed: false },
  },
  /** When a user's last writes and votes were accepted (write/pace.ts). */
  product_review_pace: {
    columns: { user_id: BIGINT, kind: TEXT, accepted: ['timestamp with time zone[]', 'NOT NULL'] },
    ...{ primaryKey: 'user_id, kind', indexes: [], isComputed: false },
  },
  /** Which reviews show an upload. */
  product_review_media: {
    columns: { upload_id: ['uuid', 'NOT NULL'], review_id: BIGINT },
    ...{ primaryKey: 'upload_id, review_id', indexes: ['review_id'], isComputed: false },
  },
};

/** What hangs on a review and goes with it. */
export const HANGING_TABLES = [
  'product_review_votes',
  'product_review_reports',
  'product_review_appeals',
  'product_review_media',
] as const;

export const columnOf = (table: string, name: string): string => {
  const [type, rest] = OWN_TABLES[table]?.columns[name] ?? ['', ''];
  return `${name} ${type} ${rest}`.trim();
};

/** CREATE TABLE, with its indexes. */
export function createOwnTable(table: string): string {
  const { columns, primaryKey, indexes } = OWN_TABLES[table] as OwnTable;
  const parts = [...Object.keys(columns).map((name) => columnOf(table, name)), `PRIMARY KEY (${primaryKey})`];
  const more = indexes.map((of) => `; CREATE INDEX ON ${table} (${of})`);
  return `CREATE TABLE ${table} (${parts.join(', ')})${more.join('')}`;
}
