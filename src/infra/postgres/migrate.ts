/**
 * Brings a schema up to date: Knex's migrator under our own table names (the backend keeps its own migrations in the same
 * database), then what is not as it must be, one process at a time. Knows no table of a feature: those come as a Schema.
 *
 * Each migration is one transaction on one connection: lock, change and record stand or fall together, whatever kills
 * the process, and also behind a pooler that hands out connections per transaction. What takes long comes behind them,
 * in steps (long-work.ts).
 */
import type { Knex } from 'knex';
import type { DatabaseTarget } from '../../config/database-url.ts';
import { refuseHiddenBackend } from './backend-tables.ts';
import { isForbidden } from './failure.ts';
import { createKnex, LONG_STATEMENT_MS } from './knex.ts';
import { createLongWork, createTell, inTurn, type LongWork, oneStep } from './long-work.ts';
import {
  appliedMigrations,
  findAdvice,
  findProblems,
  MIGRATIONS_TABLE,
  type Migration,
  migrationsOf,
  newerMigrations,
  rehearseWriting,
  type Schema,
} from './schema-parts.ts';
import { moveSequences, type Numbered } from './sequences.ts';

export interface MigrateOptions {
  /** Ends it at once, by cutting the connection: what is not finished is as if it had never begun. */
  readonly signal?: AbortSignal;
  /** Repairs also what cannot be seen to be wrong. */
  readonly repair?: boolean;
  /** Is told how far long work is. */
  readonly say?: (progress: string) => void;
  /** Is told which migrations this call has applied, if any, also when what comes behind them fails. */
  readonly onApplied?: (names: readonly string[]) => void;
}

export interface Migrated {
  readonly applied: readonly string[];
  /** What was wrong besides, and no longer is. */
  readonly repaired: readonly string[];
  readonly advice: readonly string[];
}

export interface SchemaStatus {
  readonly applied: readonly string[];
  readonly pending: readonly string[];
  /** Applied by a newer release: what must be is for that one to say. */
  readonly newer: readonly string[];
  readonly problems: readonly string[];
  readonly advice: readonly string[];
}

/**
 * Applies what is missing and puts right what is wrong; safe to run twice and by several processes at once.
 * @throws Error of the database, or a sentence about what cannot be put right
 */
export function migrateDatabase(
  target: DatabaseTarget,
  schema: Schema,
  options: MigrateOptions = {},
): Promise<Migrated> {
  return connected(target, options, async (knex) => {
    await refuseHiddenBackend(knex);
    const applied: string[] = [];
    try {
      for (let names = ['']; names.length > 0; applied.push(...names)) {
        names = await oneStep(knex, options.signal, (trx) => migrateOnce(trx, 'up', schema));
      }
    } finally {
      if (applied.length > 0) options.onApplied?.(applied);
    }
    const newer = await newerMigrations(knex, schema);
    if (newer.length === 0) {
      const { repaired, advice } = await putRight(knex, schema, options);
      // What a release makes anew is not damage.
      return { applied, repaired: applied.length > 0 ? [] : repaired, advice };
    }
    // Expanding only, it left everything that we need; and what it added we would take for wrong.
    if (options.repair) throw new Error(ofNewerRelease(newer));
    return { applied, repaired: [], advice: [] };
  });
}

async function putRight(
  knex: Knex,
  schema: Schema,
  options: MigrateOptions,
): Promise<Pick<Migrated, 'repaired' | 'advice'>> {
  const repaired = await findProblems(knex, schema);
  await inTurnOf(knex, options, async (work) => {
    for (const { repairs = [], longRepair } of schema) {
      for (const repair of repairs) await work.step((trx) => repair(trx, work));
      await longRepair?.(work);
    }
  });
  const left = await findProblems(knex, schema);
  if (left.length > 0) throw new Error(`The database cannot be used as it is: ${left.join(', ')}.`);
  await rehearseWriting(knex, schema);
  return { repaired, advice: await findAdvice(knex, schema) };
}

function inTurnOf<T>(
  knex: Knex,
  { signal, repair = false, say = () => undefined }: MigrateOptions,
  work: (work: LongWork) => Promise<T>,
): Promise<T> {
  const options = { signal, always: repair, tell: createTell(say) };
  return inTurn(knex, options, () => work(createLongWork(knex, options)));
}

/** Other work of that kind, one process at a time. @throws Error of the database */
export function longWork<T>(
  target: DatabaseTarget,
  options: MigrateOptions,
  work: (work: LongWork) => Promise<T>,
): Promise<T> {
  return connected(target, options, (knex) => inTurnOf(knex, options, work));
}

/** Takes back the newest migration, for a way back by hand. @throws Error when a newer release has been there */
export function rollBackDatabase(
  target: DatabaseTarget,
  schema: Schema,
  options: MigrateOptions = {},
): Promise<{ readonly undone: readonly string[] }> {
  return connected(target, options, async (knex) => {
    const newer = await newerMigrations(knex, schema);
    if (newer.length > 0) throw new Error(ofNewerRelease(newer));
    return { undone: await oneStep(knex, options.signal, (trx) => migrateOnce(trx, 'down', schema)) };
  });
}

/** What is applied, what is not and what is wrong, without changing anything. */
export function schemaStatus(
  target: DatabaseTarget,
  schema: Schema,
  options: Pick<MigrateOptions, 'signal'> = {},
): Promise<SchemaStatus> {
  return connected(target, options, async (knex) => {
    const applied = await appliedMigrations(knex);
    const newer = await newerMigrations(knex, schema);
    return {
      applied,
      newer,
      pending: migrationsOf(schema)
        .map(({ name }) => name)
        .filter((name) => !applied.includes(name)),
      problems: newer.length > 0 ? [] : await findProblems(knex, schema),
      advice: await findAdvice(knex, schema),
    };
  });
}

/** One transaction that may take minutes. @param end `rollback` to see what it would do */
export function longTransaction<T>(
  target: DatabaseTarget,
  end: 'commit' | 'rollback',
  work: (trx: Knex.Transaction) => Promise<T>,
): Promise<T> {
  return connected(target, {}, async (knex) => {
    const trx = await knex.transaction();
    try {
      await trx.raw(`SET LOCAL statement_timeout = ${LONG_STATEMENT_MS}`);
      const result = await work(trx);
      await trx[end]();
      return result;
    } finally {
      // Open still, after an error: its connection would never come back, and destroy() wait for it.
      if (!trx.isCompleted()) await trx.rollback();
    }
  });
}

const ofNewerRelease = (names: readonly string[]) =>
  `A newer release has brought this database up to date (${names.join(', ')}): use that one.`;

async function connected<T>(
  target: DatabaseTarget,
  { signal }: MigrateOptions,
  work: (knex: Knex) => Promise<T>,
): Promise<T> {
  const options = { poolMax: 2, statements: 'long', ...(signal ? { signal } : {}) } as const;
  let knex = createKnex(target, options);
  try {
    const { name, isNewEnough, hasTransactionLimit } = await serverVersion(knex);
    if (!isNewEnough)
      throw new Error(
        `The sidecar needs PostgreSQL ${LEAST_SERVER} or newer, and this is ${name}: nothing was changed.`,
      );
    // An index may take longer to make.
    if (hasTransactionLimit) {
      await knex.destroy();
      knex = createKnex(target, { ...options, session: { transaction_timeout: '0' } });
    }
    return await work(knex);
  } catch (error) {
    throw withRemedy(error, target.user);
  } finally {
    await knex.destroy();
  }
}

/** Of a right that is lacking: who can give it, and how. PostgreSQL 15 took CREATE on public away from everybody. */
function withRemedy(error: unknown, role: string): unknown {
  if (!isForbidden(error)) return error;
  // Knex puts the statement in front.
  const reason = error.message.split(' - ').at(-1) ?? '';
  const schema = /for schema (\S+)/.exec(reason)?.[1];
  const remedy =
    schema === undefined
      ? `npm run migrate with the role that owns it, or make ${role} a member of that one`
      : `GRANT CREATE ON SCHEMA ${schema} TO ${role}`;
  return new Error(`The role ${role} may not change the database: ${reason} (${remedy}).`, { cause: error });
}

/** The oldest that our SQL works on: before it some of the migrations run, and others do not. */
const LEAST_SERVER = 13;

/** Which PostgreSQL it is, whether our SQL works on it, and whether the role or the database limits transactions (from 17 on). */
export async function serverVersion(
  knex: Knex,
): Promise<{ name: string; isNewEnough: boolean; hasTransactionLimit: boolean }> {
  const { rows } = await knex.raw<{ rows: { name: string; number: number; limit: string | null }[] }>(
    `SELECT current_setting('server_version') AS name, current_setting('server_version_num')::integer AS number,
            nullif(current_setting('transaction_timeout', true), '0') AS limit`,
  );
  const { name = '', number = 0, limit = null } = rows[0] ?? {};
  return { name, isNewEnough: number >= LEAST_SERVER * 10_000, hasTransactionLimit: limit !== null };
}

const RECORD: Numbered = { table: MIGRATIONS_TABLE, column: 'id' };

async function mendRecord(trx: Knex.Transaction): Promise<void> {
  const { rows } = await trx.raw<{ rows: { there: boolean }[] }>(
    'SELECT to_regclass(?) IS NOT NULL AS there',
    [MIGRATIONS_TABLE],
  );
  if (!rows[0]?.there) return;
  await moveSequences(trx, [RECORD]);
}

/** At most one migration. @returns its name, if there was one */
async function migrateOnce(trx: Knex.Transaction, way: 'up' | 'down', schema: Schema): Promise<string[]> {
  await mendRecord(trx);
  const [, names] = (await trx.migrate[way](migratorConfig(migrationsOf(schema)))) as [
    batch: number,
    names: string[],
  ];
  return names;
}

const migratorConfig = (migrations: readonly Migration[]): Knex.MigratorConfig => ({
  tableName: MIGRATIONS_TABLE,
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
