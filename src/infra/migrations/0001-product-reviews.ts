/**
 * The table of the earlier Python module, made when it is missing and adopted in place when it is there
 * (docs/decisions/0003-adopting-product-reviews.md). Only nullable columns are added, which changes no row and keeps
 * that module's INSERT of its own six columns working, before and after a rollback. No foreign keys: the backend must
 * be able to delete users and products.
 */
import type { Migration } from '../migrate.ts';

export const productReviews: Migration = {
  name: '0001-product-reviews',

  async up(trx) {
    await trx.raw(`
      CREATE TABLE IF NOT EXISTS product_reviews (
        id bigserial PRIMARY KEY,
        product_id text NOT NULL,
        author_id text NOT NULL,
        author_name text NOT NULL,
        rating integer NOT NULL,
        text text,
        created_at timestamptz NOT NULL DEFAULT now()
      )`);
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
