/**
 * A real PostgreSQL with data that is thrown away: new empty databases, SQL on them, the backend's tables. It can be
 * killed, frozen and started again.
 */
import { chownSync, existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import pg from 'pg';
import { type DatabaseTarget, parseDatabaseUrl } from '../../src/config/database-url.ts';
import { createDatabase, type Database } from '../../src/infra/postgres/database.ts';
import { makeCertificate } from './certificate.ts';
import { freePort } from './ports.ts';
import { startEmbeddedPostgres } from './postgres.ts';
import { makeScratchFolder } from './scratch-folder.ts';

export interface TestDatabaseOptions {
  readonly tls?: boolean;
  /** Whether what was acknowledged is there after a kill. */
  readonly durable?: boolean;
  /** Folder with the programs of an installed PostgreSQL, to run that one. */
  readonly installed?: string;
}

/** Nothing listens there: for what needs no database (port 9 is discard, never served on loopback). */
export const NO_DATABASE = 'postgresql://app:app@127.0.0.1:9/none';

const PASSWORD = 'p#ss@w%rd';
/**
 * Memory outlives a killed process as well as a disk does, and after a kill PostgreSQL waits for every file of its to
 * be written through, which takes seconds on a disk.
 */
const MEMORY = '/dev/shm';

export type TestDatabaseServer = Awaited<ReturnType<typeof startTestDatabase>>;

export async function startTestDatabase({
  tls = false,
  durable = false,
  installed,
}: TestDatabaseOptions = {}) {
  const folder = makeScratchFolder('test-db', durable && existsSync(MEMORY) ? MEMORY : tmpdir());
  const certificate = tls ? await makeCertificate(folder.path) : null;
  // PostgreSQL reads a key only when it belongs to the user that it runs as.
  if (certificate && process.getuid?.() === 0) chownSync(certificate.keyPath, 65_534, 65_534);
  const options = {
    ...{ dataDir: folder.at('data'), port: await freePort(), user: 'app', password: PASSWORD },
    ...{ database: 'first', throwaway: !durable, ...(certificate ? { tls: certificate } : {}) },
    ...(installed === undefined ? {} : { installed }),
  };
  let server = await startEmbeddedPostgres(options);
  let count = 0;
  const stop = async () => {
    server.signalAll('SIGCONT');
    await server.stop();
    folder.remove();
  };
  return {
    port: server.port,
    get pid() {
      return server.pid;
    },
    /** postgresql:// URL of a database that is there from the start. */
    url: server.url,
    /** PEM file of the certificate's issuer, when started with TLS. */
    caPath: certificate?.caPath ?? null,
    /** Makes a new, empty database; its URL. */
    async createDatabase() {
      count += 1;
      const name = `test_${count}`;
      await query(server.url, `CREATE DATABASE ${name}`);
      return server.url.replace(/\/first$/, `/${name}`);
    },
    /** SIGKILL for the server and all its processes, as when the machine loses power. */
    kill: () => server.kill(),
    /** Resolves when it accepts connections again, on the same port. */
    async start() {
      server = await startEmbeddedPostgres(options);
    },
    /** SIGSTOP for all of them: connections stay open, and nothing answers. */
    freeze: () => server.signalAll('SIGSTOP'),
    /** SIGCONT. */
    thaw: () => server.signalAll('SIGCONT'),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** Our own way to a database, for one piece of work. */
export async function usingDatabase<T>(
  target: DatabaseTarget | string,
  work: (database: Database) => Promise<T>,
  { poolMax = 2 } = {},
): Promise<T> {
  const database = createDatabase(typeof target === 'string' ? parseDatabaseUrl(target) : target, {
    poolMax,
  });
  try {
    return await work(database);
  } finally {
    await database.close();
  }
}

/** Runs SQL on a connection of its own. */
export async function query<Row extends pg.QueryResultRow>(
  url: string,
  sql: string,
  values: unknown[] = [],
): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const result = await client.query<Row>(sql, values);
    return result.rows;
  } finally {
    await client.end();
  }
}

/**
 * The backend's tables as docs/contract.md, 4 has them. Users: 1 Anna (buyer), 2 Boris (seller), 3 blocked, 4 inactive,
 * 5 Vera; products 1 to 3.
 */
export async function createBackendTables(url: string): Promise<void> {
  await query(
    url,
    `CREATE TABLE users (
       id serial PRIMARY KEY, email text UNIQUE, name text, role text NOT NULL DEFAULT 'buyer', avatar_url text,
       is_active boolean DEFAULT true, is_blocked boolean DEFAULT false, hashed_password text);
     CREATE TABLE products (
       id serial PRIMARY KEY, seller_id integer REFERENCES users (id), name text, price numeric, image_url text);
     CREATE TABLE orders (
       id serial PRIMARY KEY, buyer_id integer REFERENCES users (id), seller_id integer REFERENCES users (id),
       status text DEFAULT 'pending', created_at timestamptz DEFAULT now());
     CREATE TABLE order_items (
       order_id integer REFERENCES orders (id), product_id integer REFERENCES products (id), quantity integer, price numeric);
     INSERT INTO users (email, name, role, avatar_url, is_active, is_blocked) VALUES
       ('buyer@demo.com', 'Anna', 'buyer', 'https://example.com/anna.png', true, false),
       ('seller@demo.com', 'Boris', 'seller', NULL, true, false),
       ('blocked@demo.com', 'Gleb', 'buyer', NULL, true, true),
       ('inactive@demo.com', 'Dina', 'buyer', NULL, false, false),
       ('vera@demo.com', 'Vera', 'buyer', NULL, true, false);
     INSERT INTO products (seller_id, name, price) VALUES (2, 'Lamp', 10), (2, 'Chair', 20), (2, 'Table', 30);`,
  );
}
