/**
 * Named sets: the whole database as it is, and the files of the object store. Only of the embedded ones, which are thrown away
 * without a second thought. A set is a database beside the one in use (`CREATE DATABASE … TEMPLATE`): every row, id and count
 * as it was, in the time that copying the files takes.
 */
import { existsSync } from 'node:fs';
import { cp, mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { parseDatabaseUrl } from '../../../src/config/database-url.ts';
import { migrateDatabase } from '../../../src/infra/postgres/migrate.ts';
import { schema } from '../../../src/schema.ts';
import { createDemoTables } from '../../lab/demo-backend/tables.ts';

export interface SetFacts {
  readonly name: string;
  /** Of its database. */
  readonly bytes: number;
}

export interface DemoSets {
  list(): Promise<SetFacts[]>;
  /** What is there now becomes a set; one of that name is replaced. @throws Error with a sentence */
  save(name: string): Promise<void>;
  /** A set becomes what is there; what was there is gone. @throws Error with a sentence */
  load(name: string): Promise<void>;
  remove(name: string): Promise<void>;
  /** As after the first start. */
  reset(): Promise<void>;
}

export interface SetsOptions {
  readonly databaseUrl: string;
  /** Of the embedded object store; null: another one, which is left alone. */
  readonly objects: string | null;
  /** Where the files of sets are. */
  readonly folder: string;
}

const PREFIX = 'set_';
const COMING = 'coming';
const NAME = /^[a-z0-9][a-z0-9-]{0,30}$/;
/** The object store's own place for what is under way. */
const UNDER_WAY = 'partial';

export function createSets({ databaseUrl, objects, folder }: SetsOptions): DemoSets {
  const own = new URL(databaseUrl).pathname.slice(1);
  const urlOf = (database: string) => Object.assign(new URL(databaseUrl), { pathname: `/${database}` }).href;
  /** From outside of the database in use. */
  const admin = async <T>(
    work: (run: (sql: string, values?: string[]) => Promise<pg.QueryResult>) => Promise<T>,
  ) => {
    const client = new pg.Client({ connectionString: urlOf('postgres') });
    await client.connect();
    try {
      return await work((sql, values) => client.query(sql, values));
    } finally {
      await client.end();
    }
  };
  const quoted = (name: string) => `"${name}"`;

  /** A database takes the place of the one in use: at no moment is there none to come back to. */
  const putInPlace = (coming: string) =>
    admin(async (run) => {
      await run(`DROP DATABASE IF EXISTS ${quoted(own)} WITH (FORCE)`);
      await run(`ALTER DATABASE ${quoted(coming)} RENAME TO ${quoted(own)}`);
    });

  return {
    list: () =>
      admin(async (run) => {
        const { rows } = await run(
          `SELECT substr(datname, ${PREFIX.length + 1}) AS name, pg_database_size(oid)::float8 AS bytes
             FROM pg_database WHERE starts_with(datname, $1) ORDER BY datname`,
          [PREFIX],
        );
        return rows;
      }),
    async save(name) {
      const database = PREFIX + checked(name);
      await admin(async (run) => {
        await run(`DROP DATABASE IF EXISTS ${quoted(database)}`);
        await closeFor(run, own, () => run(`CREATE DATABASE ${quoted(database)} TEMPLATE ${quoted(own)}`));
      });
      await replaceFiles(objects, join(folder, name));
    },
    async load(name) {
      const database = PREFIX + checked(name);
      await admin(async (run) => {
        const { rowCount } = await run('SELECT FROM pg_database WHERE datname = $1', [database]);
        if (rowCount === 0) throw new Error(`There is no set "${name}".`);
        await run(`DROP DATABASE IF EXISTS ${quoted(COMING)}`);
        await run(`CREATE DATABASE ${quoted(COMING)} TEMPLATE ${quoted(database)}`);
      });
      await putInPlace(COMING);
      // A release since may have added something.
      await migrateDatabase(parseDatabaseUrl(databaseUrl), schema);
      if (existsSync(join(folder, name))) await replaceFiles(join(folder, name), objects);
    },
    async remove(name) {
      await admin((run) => run(`DROP DATABASE IF EXISTS ${quoted(PREFIX + checked(name))}`));
      await rm(join(folder, name), { recursive: true, force: true });
    },
    async reset() {
      await admin(async (run) => {
        await run(`DROP DATABASE IF EXISTS ${quoted(COMING)}`);
        await run(`CREATE DATABASE ${quoted(COMING)} TEMPLATE template0`);
      });
      await migrateDatabase(parseDatabaseUrl(urlOf(COMING)), schema);
      await makeDemoTables(urlOf(COMING));
      await putInPlace(COMING);
      if (objects !== null) await emptyFolder(objects);
    },
  };
}

function checked(name: string): string {
  if (NAME.test(name)) return name;
  throw new Error('The name of a set is of a-z, 0-9 and hyphens, at most 31 of them.');
}

type Run = (sql: string, values?: string[]) => Promise<pg.QueryResult>;

/** Nobody may be connected to what is copied. Who was connects again afterwards; for a moment they are told 503. */
async function closeFor(run: Run, database: string, work: () => Promise<unknown>): Promise<void> {
  await run(`ALTER DATABASE "${database}" WITH ALLOW_CONNECTIONS false`);
  try {
    await run('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1', [database]);
    await work();
  } finally {
    await run(`ALTER DATABASE "${database}" WITH ALLOW_CONNECTIONS true`);
  }
}

async function makeDemoTables(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await createDemoTables(client);
  } finally {
    await client.end();
  }
}

async function replaceFiles(from: string | null, to: string | null): Promise<void> {
  if (from === null || to === null) return;
  await mkdir(to, { recursive: true });
  await emptyFolder(to);
  for (const name of await readdir(from))
    if (name !== UNDER_WAY) await cp(join(from, name), join(to, name), { recursive: true });
}

async function emptyFolder(folder: string): Promise<void> {
  for (const name of await readdir(folder))
    if (name !== UNDER_WAY) {
      // Folders of the store's own stay, since it looks for them.
      const path = join(folder, name);
      await rm(path, { recursive: true, force: true });
      if (KEPT_FOLDERS.has(name)) await mkdir(path);
    }
}

const KEPT_FOLDERS = new Set(['multiparts']);
