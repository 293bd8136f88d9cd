/**
 * The table of the earlier Python module, made when it is missing and adopted in place when it is there
 * (docs/decisions/0003-adopting-product-reviews.md). Only nullable columns are added, which changes no row and keeps
 * that module's INSERT of its own six columns working, before and after a rollback. No foreign keys: the backend must
 * be able to delete users and products.
 */
import type { Knex } from 'knex';
import type { Migration } from '../postgres/migrate.ts';

export const productReviews: Migration = {
  name: '0001-product-reviews',

  async up(trx) {
    const { rows } = await trx.raw(`SELECT to_regclass('product_reviews') IS NOT NULL AS "isThere"`);
    if (rows[0].isThere) await refuseForeignTypes(trx);
    else for (const sql of CREATE) await trx.raw(sql);
    await trx.raw(`
      ALTER TABLE product_reviews
        ADD COLUMN IF NOT EXISTS edited_at timestamptz,
        ADD COLUMN IF NOT EXISTS superseded_at timestamptz`);
  },

  /** Rows stay, also in a table that we made: they are the users'. */
  async down(trx) {
    await trx.raw(
      'ALTER TABLE product_reviews DROP COLUMN IF EXISTS edited_at, DROP COLUMN IF EXISTS superseded_at',
    );
  },
};

/** The index is the one that the old module reads by, should it come back. */
const CREATE = [
  `CREATE TABLE product_reviews (
     id bigserial PRIMARY KEY,
     product_id text NOT NULL,
     author_id text NOT NULL,
     author_name text NOT NULL,
     rating integer NOT NULL,
     text text,
     created_at timestamptz NOT NULL DEFAULT now()
   )`,
  'CREATE INDEX product_reviews_product ON product_reviews (product_id, id)',
];

const TEXT = ['text', 'character varying'];
const ACCEPTED_TYPES: Readonly<Record<string, readonly string[]>> = {
  id: ['bigint', 'integer'],
  product_id: TEXT,
  author_id: TEXT,
  author_name: TEXT,
  rating: ['integer', 'smallint'],
  text: TEXT,
};

/** With other types our triggers would make the old module's INSERT fail; better no reviews than that. */
async function refuseForeignTypes(trx: Knex.Transaction): Promise<void> {
  const { rows } = await trx.raw<{ rows: { name: string; type: string }[] }>(
    `SELECT attname AS name, format_type(atttypid, NULL) AS type
       FROM pg_attribute
      WHERE attrelid = 'product_reviews'::regclass AND attnum > 0 AND NOT attisdropped`,
  );
  const types = new Map(rows.map(({ name, type }) => [name, type]));
  const problems = Object.entries(ACCEPTED_TYPES)
    .filter(([name, accepted]) => !accepted.includes(types.get(name) ?? ''))
    .map(([name, accepted]) => `${name} is ${types.get(name) ?? 'missing'} instead of ${accepted[0]}`);
  if (problems.length > 0) {
    throw new Error(
      `The table product_reviews cannot be adopted, nothing was changed: ${problems.join(', ')}.`,
    );
  }
}
