/**
 * Whether a table of the backend's may be missing. Only a developer's own database, which no backend shares, does without
 * them: then every token's user is active and every id is a product. A table that a restore has not brought back yet, that
 * is in a schema outside the search path, or that the role may not see, must not look like that.
 */
import type { Knex } from 'knex';
import type { Database, RunOptions } from './database.ts';
import { isUndefinedTable } from './failure.ts';
import type { Migration } from './schema-parts.ts';

/** In any schema, since to_regclass() finds only what the search path leads to and the role may use. */
const tablesCalled = (...names: readonly string[]) => `
  FROM pg_catalog.pg_class
 WHERE relname IN (${names.map((name) => `'${name}'`).join(', ')})
   AND relkind IN ('r', 'p', 'v', 'm', 'f') AND relpersistence <> 't'`;
const IS_WITHOUT_BACKEND = `NOT EXISTS (SELECT ${tablesCalled('users', 'products', 'orders', 'order_items')})`;

/**
 * Remembers for good that a database has been the backend's. One row; without it, too, the database is not a standalone
 * one, so that an empty or lost table opens nothing.
 */
export const backendTablesRecord: Migration = {
  name: '0003-standalone-database',

  async up(trx) {
    await trx.raw(`
      CREATE TABLE IF NOT EXISTS gogomarket_sidecar_database (
        only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
        is_standalone boolean NOT NULL
      )`);
    // What it remembers stays, should the record of the migrations be lost.
    await trx.raw(
      `INSERT INTO gogomarket_sidecar_database (is_standalone) SELECT ${IS_WITHOUT_BACKEND} ON CONFLICT DO NOTHING`,
    );
  },

  async down(trx) {
    await trx.raw('DROP TABLE IF EXISTS gogomarket_sidecar_database');
  },
};

/** No table of the backend's is there, and none has ever been. @throws AppError 503 */
export async function isStandalone(database: Database, options?: RunOptions): Promise<boolean> {
  const sql = `SELECT is_standalone AND ${IS_WITHOUT_BACKEND} AS yes FROM gogomarket_sidecar_database`;
  try {
    const { rows } = await database.run((knex) => knex.raw<{ rows: { yes: boolean }[] }>(sql), options);
    return rows[0]?.yes ?? false;
  } catch (error) {
    if (isUndefinedTable(error)) return false;
    throw error;
  }
}

/**
 * Our tables belong beside the backend's: made elsewhere they would be adopted or missed by the next change of the path.
 * @throws Error with a sentence when its users are out of the search path's reach
 */
export async function refuseHiddenBackend(knex: Knex): Promise<void> {
  const { rows } = await knex.raw<{ rows: { schema: string; visible: boolean }[] }>(
    `SELECT relnamespace::regnamespace::text AS schema, pg_table_is_visible(oid) AS visible ${tablesCalled('users')}`,
  );
  if (rows.length === 0 || rows.some(({ visible }) => visible)) return;
  throw new Error(
    `The table users is in ${rows.map(({ schema }) => schema).join(' and ')}, where the search path does not lead, or the role lacks USAGE: nothing was changed.`,
  );
}

/** To be called when the backend's tables have been seen: should they vanish, the database is no standalone one. */
export async function rememberBackend(database: Database): Promise<void> {
  await database.run((knex) =>
    knex.raw('UPDATE gogomarket_sidecar_database SET is_standalone = false WHERE is_standalone'),
  );
}
