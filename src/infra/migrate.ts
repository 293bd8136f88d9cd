/**
 * Brings the schema up to date: Knex's migrator with the list in migrations/, under our own table names (the backend
 * keeps its own migrations in the same database), one process at a time.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Knex } from 'knex';
import { connectionSettings } from './database-connection.ts';
import { createKnex } from './database-knex.ts';
import type { DatabaseTarget } from './database-url.ts';

export interface Migration {
  /** Never changes once released: it is what the migrations table remembers. */
  readonly name: string;
  /** Runs in a transaction of its own. */
  up(trx: Knex.Transaction): Promise<void>;
  down(trx: Knex.Transaction): Promise<void>;
}

const TABLE = 'gogomarket_sidecar_migrations';
/** Any number, as long as nobody else uses it: the advisory lock that makes migrating processes take turns. */
const ADVISORY_LOCK = 7_206_150_331;
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
): Promise<{ readonly applied: readonly string[] }> {
  return exclusively(target, async (knex, config) => {
    const [, applied] = (await retryingLocks(() => knex.migrate.latest(config(migrations)))) as [
      number,
      string[],
    ];
    return { applied };
  });
}

/** Takes back the newest migration, for a way back by hand. */
export function rollBackDatabase(
  target: DatabaseTarget,
  migrations: readonly Migration[],
): Promise<{ readonly undone: readonly string[] }> {
  return exclusively(target, async (knex, config) => {
    const [, undone] = (await retryingLocks(() => knex.migrate.down(config(migrations)))) as [
      number,
      string[],
    ];
    return { undone };
  });
}

/** Which are applied and which are not, without changing anything. */
export async function migrationStatus(
  target: DatabaseTarget,
  migrations: readonly Migration[],
): Promise<{ readonly applied: readonly string[]; readonly pending: readonly string[] }> {
  const knex = await createKnex(target, { poolMax: 1 });
  try {
    const there = await knex.schema.hasTable(TABLE);
    const rows: { name: string }[] = there ? await knex(TABLE).select('name').orderBy('id') : [];
    const applied = rows.map((row) => row.name);
    return { applied, pending: migrations.map(({ name }) => name).filter((name) => !applied.includes(name)) };
  } finally {
    await knex.destroy();
  }
}

type ConfigOf = (migrations: readonly Migration[]) => Knex.MigratorConfig;

/** A session-level lock on a connection of its own: Knex's lock table would make the second process fail, not wait. */
async function exclusively<T>(
  target: DatabaseTarget,
  work: (knex: Knex, config: ConfigOf) => Promise<T>,
): Promise<T> {
  const { default: pg } = await import('pg');
  const holder = new pg.Client(await connectionSettings(target));
  // Without a listener a lost connection would end the process; the query in progress fails anyway.
  holder.on('error', () => undefined);
  const knex = await createKnex(target, { poolMax: 2, statementTimeoutMs: 0 });
  try {
    await holder.connect();
    await holder.query('SELECT pg_advisory_lock($1)', [ADVISORY_LOCK]);
    return await work(knex, migratorConfig);
  } finally {
    await knex.destroy();
    await holder.end().catch(() => undefined);
  }
}

const migratorConfig: ConfigOf = (migrations) => ({
  tableName: TABLE,
  disableMigrationsListValidation: true,
  migrationSource: {
    getMigrations: async () => [...migrations],
    getMigrationName: (migration: Migration) => migration.name,
    getMigration: async (migration: Migration) => ({
      up: (trx: Knex) => withLockTimeout(trx, migration.up),
      down: (trx: Knex) => withLockTimeout(trx, migration.down),
    }),
  },
});

async function withLockTimeout(trx: Knex, step: (trx: Knex.Transaction) => Promise<void>): Promise<void> {
  await trx.raw(`SET LOCAL lock_timeout = ${LOCK_TIMEOUT_MS}`);
  await step(trx as Knex.Transaction);
}

async function retryingLocks<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      const locked = error instanceof Error && 'code' in error && error.code === LOCK_NOT_AVAILABLE;
      if (!locked || attempt === LOCK_TRIES) throw error;
      await sleep(200 * attempt);
    }
  }
}
