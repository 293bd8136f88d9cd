/**
 * What we have in the database, as the migrating (migrate.ts) and the checks see it: parts, one for each feature, and what
 * can be asked of them. Knows no table itself but the record of the migrations.
 */
import type { Knex } from 'knex';
import type { LongWork } from './long-work.ts';

export interface Migration {
  /** Never changes once released: it is what the migrations table remembers. */
  readonly name: string;
  /** Runs in a transaction of its own. */
  up(trx: Knex.Transaction): Promise<void>;
  down(trx: Knex.Transaction): Promise<void>;
}

/** What one feature has in the database. A schema is several of them. */
export interface SchemaPart {
  /** Oldest first. */
  readonly migrations: readonly Migration[];
  /**
   * Run behind the migrations, each in a transaction of its own: a database may lack what they made (a restored
   * backup). With `always` also when nothing can be seen to be wrong.
   */
  readonly repairs?: readonly ((trx: Knex.Transaction, options: { always: boolean }) => Promise<void>)[];
  /** The same for what may take long, while others read and write. Behind the repairs. */
  longRepair?(work: LongWork): Promise<void>;
  /**
   * What is not as it must be, in sentences. Reads the catalogs, changes nothing, costs a few milliseconds. A part that
   * does not look is right when its migrations have run.
   */
  findProblems?(knex: Knex): Promise<readonly string[]>;
  /** What works, though not as far as it should. */
  findAdvice?(knex: Knex): Promise<readonly string[]>;
  /** Writes as a request would; the caller takes it back. @throws Error of the database that refuses it */
  rehearse?(trx: Knex.Transaction): Promise<void>;
}

export type Schema = readonly SchemaPart[];

/** Where the record of what has been applied is. */
export const MIGRATIONS_TABLE = 'gogomarket_sidecar_migrations';

/** @throws Error with a sentence when the role may not read them */
export async function appliedMigrations(knex: Knex): Promise<string[]> {
  const { rows: found } = await knex.raw<{ rows: { readable: boolean | null; role: string }[] }>(
    `SELECT has_table_privilege(to_regclass(?), 'SELECT') AS readable, current_user AS role`,
    [MIGRATIONS_TABLE],
  );
  const { readable, role } = found[0] ?? { readable: null, role: '' };
  if (readable === null) return [];
  if (!readable) throw new Error(`GRANT SELECT ON ${MIGRATIONS_TABLE} TO ${role}: it may not read that`);
  const rows: { name: string }[] = await knex(MIGRATIONS_TABLE).select('name').orderBy('id');
  return rows.map(({ name }) => name);
}

export async function newerMigrations(knex: Knex, schema: Schema): Promise<string[]> {
  const known = new Set(migrationsOf(schema).map(({ name }) => name));
  return (await appliedMigrations(knex)).filter((name) => !known.has(name));
}

/** All of a schema's, in the order in which they run. */
export const migrationsOf = (schema: Schema): readonly Migration[] =>
  schema.flatMap(({ migrations }) => migrations);

export async function findProblems(knex: Knex, schema: Schema): Promise<string[]> {
  const applied = await appliedMigrations(knex);
  const found: string[] = [];
  for (const part of schema) {
    const pending = part.migrations.filter(({ name }) => !applied.includes(name));
    found.push(
      ...(part.findProblems === undefined
        ? pending.map(({ name }) => `the migration ${name} has not run`)
        : await part.findProblems(knex)),
    );
  }
  return found;
}

export async function findAdvice(knex: Knex, schema: Schema): Promise<string[]> {
  const found: string[] = [];
  for (const part of schema) found.push(...((await part.findAdvice?.(knex)) ?? []));
  return found;
}

/** What is wrong with the schema; nothing where a newer release has been. @throws Error of the database */
export async function schemaProblems(knex: Knex, schema: Schema): Promise<readonly string[]> {
  const problems = await findProblems(knex, schema);
  return problems.length > 0 && (await newerMigrations(knex, schema)).length > 0 ? [] : problems;
}

/** @throws Error with the database's reason for refusing it */
export async function rehearseWriting(knex: Knex, schema: Schema): Promise<void> {
  const done = new Error('rehearsed');
  await knex
    .transaction(async (trx) => {
      for (const part of schema) await part.rehearse?.(trx);
      throw done;
    })
    .catch((error) => {
      if (error === done) return;
      // Knex puts the statement in front.
      const reason = String(error.message).split(' - ').at(-1);
      throw new Error(`The database refuses what a request would write: ${reason}`, { cause: error });
    });
}
