/** The reviews as their operator works on them, for npm run reviews: a connection of its own, and statements that may take long. */
import type { Knex } from 'knex';
import type { DatabaseTarget } from '../../../config/database-url.ts';
import { createKnex } from '../../../infra/postgres/knex.ts';
import { type ReviewView, reviewView } from '../view.ts';

/** Connects for one piece of work. @throws Error of the database, e.g. when it was never migrated */
export async function operateReviews<T>(
  target: DatabaseTarget,
  work: (knex: Knex) => Promise<T>,
): Promise<T> {
  const knex = createKnex(target, { poolMax: 1, statements: 'long' });
  try {
    return await work(knex);
  } finally {
    await knex.destroy();
  }
}

/** The view of this database: whoever exports may read for a moment longer what nobody else would have to. */
export async function viewOf(knex: Knex, publicBaseUrl: string | null): Promise<ReviewView> {
  const { rows } = await knex.raw<{ rows: { users: boolean; odd: boolean }[] }>(
    `SELECT to_regclass('users') IS NOT NULL AS users,
            EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'product_reviews'::regclass AND attname = 'created_at'
                       AND atttypid IN ('text'::regtype, 'varchar'::regtype)) AS odd`,
  );
  return reviewView({ hasUsers: rows[0]?.users ?? false, hasOddTimes: rows[0]?.odd ?? false, publicBaseUrl });
}

/** What PostgreSQL said, without the statement that Knex puts before it. */
export function sentenceOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return error instanceof Error && 'severity' in error
    ? message.slice(message.lastIndexOf(' - ') + 1).replace(/^- /, '')
    : message;
}
