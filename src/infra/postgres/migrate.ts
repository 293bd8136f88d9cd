/**
 * Brings the schema up to date: Knex's migrator with the list in migrations/, under our own table names (the backend
 * keeps its own migrations in the same database), one process at a time.
 *
 * Each migration is one transaction on one connection: lock, change and record stand or fall together, whatever kills
 * the process, and also behind a pooler that hands out connections per transaction.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Knex } from 'knex';
import type { DatabaseTarget } from '../../config/database-url.ts';
import { refuseHiddenBackend } from './backend-tables.ts';
import { createKnex, LONG_STATEMENT_MS } from './knex.ts';

export interface Migration {
  /** Never changes once released: it is what the migrations table remembers. */
  readonly name: string;
  /** Runs in a transaction of its own. */
  up(trx: Knex.Transaction): Promise<void>;
  down(trx: Knex.Transaction): Promise<void>;
}

export interface MigrateOptions {
  /** Ends it at once, by cutting the connection: what is not finished is as if it had never begun. */
  readonly signal?: AbortSignal;
}

const TABLE = 'gogomarket_sidecar_migrations';
/** Any number, as long as nobody else uses it: the advisory lock that makes migrating processes take turns. */
const ADVISORY_LOCK = 7_206_150_331;
const TURN_POLL_MS = 200;
/**
 * DDL that waits for a busy table makes every later query wait behind it; better to step aside and come again
 * (https://www.postgresql.org/docs/current/explicit-locking.html).
 */
const LOCK_TIMEOUT_MS = 2_000;
const LOCK_TRIES = 15;
const LOCK_NOT_AVAILABLE = '55P03';

/** Applies what is missing; safe to run twice and by several processes at once. @throws Error of the database */
export function migrateDatabase(
  target: DatabaseTarget,
  migrations: readonly Migration[],
  options: MigrateOptions = {},
): Promise<{ readonly applied: readonly string[] }> {
  return connected(target, options, async (knex) => {
    await refuseHiddenBackend(knex);
    const applied: string[] = [];
    for (;;) {
      const names = await oneStep(knex, options, (trx) => trx.migrate.up(migratorConfig(migrations)));
      if (names.length === 0) return { applied };
      applied.push(...names);
    }
  });
}

/** Takes back the newest migration, for a way back by hand. */
export function rollBackDatabase(
  target: DatabaseTarget,
  migrations: readonly Migration[],
  options: MigrateOptions = {},
): Promise<{ readonly undone: readonly string[] }> {
  return connected(target, options, async (knex) => ({
    undone: await oneStep(knex, options, (trx) => trx.migrate.down(migratorConfig(migrations))),
  }));
}

/** Which are applied and which are not, without changing anything. */
export function migrationStatus(
  target: DatabaseTarget,
  migrations: readonly Migration[],
): Promise<{ readonly applied: readonly string[]; readonly pending: readonly string[] }> {
  return connected(target, {}, async (knex) => {
    const there = await knex.schema.hasTable(TABLE);
    const rows: { name: string }[] = there ? await knex(TABLE).select('name').orderBy('id') : [];
    const applied = rows.map((row) => row.name);
    return { applied, pending: migrations.map(({ name }) => name).filter((name) => !applied.includes(name)) };
  });
}

async function connected<T>(
  target: DatabaseTarget,
  { signal }: MigrateOptions,
  work: (knex: Knex) => Promise<T>,
): Promise<T> {
  const knex = createKnex(target, { poolMax: 1, statements: 'long', ...(signal ? { signal } : {}) });
  try {
    return await work(knex);
  } finally {
    await knex.destroy();
  }
}

/** At most one migration, in one transaction; again when a lock was not to be had. @returns its name, if there was one */
async function oneStep(
  knex: Knex,
  { signal }: MigrateOptions,
  migrate: (trx: Knex.Transaction) => Promise<unknown>,
): Promise<string[]> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await knex.transaction(async (trx) => {
        await takeTurn(trx, signal);
        await trx.raw(
          `SET LOCAL lock_timeout = ${LOCK_TIMEOUT_MS}; SET LOCAL statement_timeout = ${LONG_STATEMENT_MS}`,
        );
        const [, names] = (await migrate(trx)) as [batch: number, names: string[]];
        return names;
      });
    } catch (error) {
      const locked = error instanceof Error && 'code' in error && error.code === LOCK_NOT_AVAILABLE;
      if (!locked || attempt === LOCK_TRIES) throw error;
      await sleep(200 * attempt, undefined, { signal });
    }
  }
}

/**
 * Asks again and again instead of waiting in the server, which would not notice that we are gone. Belongs to the
 * transaction: a session's lock would outlive us at a pooler.
 */
async function takeTurn(trx: Knex.Transaction, signal?: AbortSignal): Promise<void> {
  const sql = 'SELECT pg_try_advisory_xact_lock(?) AS taken';
  while (!(await trx.raw<{ rows: { taken: boolean }[] }>(sql, [ADVISORY_LOCK])).rows[0]?.taken) {
    await sleep(TURN_POLL_MS, undefined, { signal });
  }
}

const migratorConfig = (migrations: readonly Migration[]): Knex.MigratorConfig => ({
  tableName: TABLE,
  disableMigrationsListValidation: true,
  migrationSource: {
    getMigrations: async () => [...migrations],
    getMigrationName: ({ name }: Migration) => name,
    getMigration: async ({ up, down }: Migration) => ({
      up: (trx: Knex) => up(trx as Knex.Transaction),
      down: (trx: Knex) => down(trx as Knex.Transaction),
    }),
  },
});
