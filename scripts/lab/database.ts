/**
 * A real PostgreSQL for one test file: started in `before`, a new empty database per test that asks for one.
 */
import { chmod, chown, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { createDatabase, type Database } from '../../src/infra/database.ts';
import { type DatabaseTarget, parseDatabaseUrl } from '../../src/infra/database-url.ts';
import { makeCertificate } from './certificate.ts';
import { startEmbeddedPostgres } from './postgres.ts';

export interface TestDatabaseServer {
  readonly port: number;
  readonly pid: number;
  /** postgresql:// URL of a database that is there from the start. */
  readonly url: string;
  /** PEM file of the certificate's issuer, when started with TLS. */
  readonly caPath: string | null;
  /** Makes a new, empty database; its URL. */
  createDatabase(): Promise<string>;
  stop(): Promise<void>;
}

/** Nothing listens there: for what needs no database (port 9 is discard, never served on loopback). */
export const NO_DATABASE = 'postgresql://app:app@127.0.0.1:9/none';

const PASSWORD = 'p#ss@w%rd';

export async function startTestDatabase(options: { tls?: boolean } = {}): Promise<TestDatabaseServer> {
  const folder = await mkdtemp(join(tmpdir(), 'sidecar-test-db-'));
  await chmod(folder, 0o755);
  const certificate = options.tls ? await makeCertificate(folder) : null;
  // PostgreSQL reads a key only when it belongs to the user that it runs as.
  if (certificate && process.getuid?.() === 0) await chown(certificate.keyPath, 65_534, 65_534);
  // So that 'exit' runs, which stops the server, also when the test runner loses its patience.
  if (process.listenerCount('SIGTERM') === 0) process.once('SIGTERM', () => process.exit(143));
  const server = await startEmbeddedPostgres({
    dataDir: join(folder, 'data'),
    port: 0,
    user: 'app',
    password: PASSWORD,
    database: 'first',
    throwaway: true,
    ...(certificate ? { tls: { certPath: certificate.certPath, keyPath: certificate.keyPath } } : {}),
  });
  let count = 0;
  return {
    port: server.port,
    pid: server.pid,
    url: server.url,
    caPath: certificate?.caPath ?? null,
    async createDatabase() {
      count += 1;
      const name = `test_${count}`;
      await query(server.url, `CREATE DATABASE ${name}`);
      return server.url.replace(/\/first$/, `/${name}`);
    },
    async stop() {
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Our own way to a database, for one piece of work. */
export async function usingDatabase<T>(
  target: DatabaseTarget | string,
  work: (database: Database) => Promise<T>,
): Promise<T> {
  const database = createDatabase(typeof target === 'string' ? parseDatabaseUrl(target) : target, {
    poolMax: 2,
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
 * The backend's tables as contract section 4 has them. Users: 1 Anna (buyer), 2 Boris (seller), 3 blocked, 4 inactive,
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
