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
import { type Fill, startEmbeddedPostgres } from './postgres.ts';
import { makeScratchFolder } from './scratch-folder.ts';

export interface TestDatabaseOptions {
  readonly tls?: boolean;
  /** Whether what was acknowledged is there after a kill. */
  readonly durable?: boolean;
  /** Folder with the programs of an installed PostgreSQL, to run that one. */
  readonly installed?: string;
  /** What the database begins with that is there from the start. */
  readonly fill?: Fill;
}

/** Nothing listens there: for what needs no database (port 9 is discard, never served on loopback). */
export const NO_DATABASE = 'postgresql://app:app@127.0.0.1:9/none';

const PASSWORD = 'p#ss@w%rd';

/** Of another database on the same server. */
export const urlOf = (url: string, database: string): string =>
  Object.assign(new URL(url), { pathname: `/${database}` }).href;

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
  fill,
}: TestDatabaseOptions = {}) {
  const folder = makeScratchFolder('test-db', durable && existsSync(MEMORY) ? MEMORY : tmpdir());
  const certificate = tls ? await makeCertificate(folder.path) : null;
  // PostgreSQL reads a key only when it belongs to the user that it runs as.
  if (certificate && process.getuid?.() === 0) chownSync(certificate.keyPath, 65_534, 65_534);
  const options = {
    ...{ dataDir: folder.at('data'), port: await freePort(), user: 'app', password: PASSWORD },
    // There in every cluster: to make another one costs as much CPU as all else at the start.
    ...{ database: 'postgres', throwaway: !durable, ...(certificate ? { tls: certificate } : {}) },
    ...(installed === undefined ? {} : { installed }),
    ...(fill === undefined ? {} : { fill }),
  };
  let server = await startEmbeddedPostgres(options);
  let count = 0;
  const filled = new Map<Fill, Promise<string>>();
  const fillOne = async (fill: Fill) => {
    const url = await createDatabase();
    await fill(url);
    return url;
  };
  /** Makes a new database; its URL. It is empty, or a copy of one that `fill` has filled (and left), which is done once. */
  async function createDatabase(fill?: Fill): Promise<string> {
    if (fill !== undefined && !filled.has(fill)) filled.set(fill, fillOne(fill));
    const original = fill && (await filled.get(fill));
    count += 1;
    const name = `test_${count}`;
    const template = original === undefined ? 'template1' : new URL(original).pathname.slice(1);
    // Half the work of the other strategy. Before PostgreSQL 15 it had no name.
    const [isNamed] = await query(
      server.url,
      "SELECT WHERE current_setting('server_version_num')::integer >= 150000",
    );
    const strategy = isNamed === undefined ? '' : ' STRATEGY FILE_COPY';
    await query(server.url, `CREATE DATABASE ${name} TEMPLATE ${template}${strategy}`);
    return urlOf(server.url, name);
  }
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
    createDatabase,
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

/** By URL. To open a connection costs a hundred times what a short statement does. */
const pools = new Map<string, pg.Pool>();

/** Of the sessions to come, or of databases that nobody may be connected to. */
const ENDS_SESSIONS = /\b(ALTER|CREATE|DROP) (DATABASE|ROLE|SYSTEM)\b/;

/** Runs SQL on a connection that nobody else uses, and that knows nothing of who used it before. */
export async function query<Row extends pg.QueryResultRow>(
  url: string,
  sql: string,
  values: unknown[] = [],
): Promise<Row[]> {
  const endsSessions = ENDS_SESSIONS.test(sql);
  if (endsSessions) for (const known of [...pools.keys()]) endPool(known);
  const client = await newSession(url);
  try {
    return (await client.query<Row>(sql, values)).rows;
  } finally {
    // A transaction that is still open ends with its connection.
    client.release(client.getTransactionStatus() !== 'I');
    if (endsSessions) endPool(url);
  }
}

async function newSession(url: string): Promise<pg.PoolClient> {
  const client = await poolOf(url).connect();
  try {
    await client.query('DISCARD ALL');
    return client;
  } catch {
    // Its server has been stopped meanwhile, and may be back.
    client.release(true);
    endPool(url);
    return poolOf(url).connect();
  }
}

function poolOf(url: string): pg.Pool {
  const known = pools.get(url);
  if (known !== undefined) return known;
  const pool = new pg.Pool({
    connectionString: url,
    max: Number.POSITIVE_INFINITY,
    allowExitOnIdle: true,
  });
  // Without a listener the end of a connection that nobody uses would end the process.
  pool.on('error', () => undefined);
  pools.set(url, pool);
  return pool;
}

/** Its connections end once nobody uses them. */
function endPool(url: string): void {
  void pools.get(url)?.end();
  pools.delete(url);
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
