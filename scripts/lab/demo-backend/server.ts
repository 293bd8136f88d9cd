/**
 * A small stand-in for the FastAPI backend, for development without Python: same paths, same words, same tables. It
 * knows nothing of the sidecar's features.
 */
import { createServer } from 'node:http';
import pg from 'pg';
import { parseDatabaseUrl } from '../../../src/config/database-url.ts';
import { connectionSettings, createConnector } from '../../../src/infra/postgres/connection.ts';
import { listen } from '../ports.ts';
import { createDemoApp } from './app.ts';
import { demoToken } from './auth.ts';
import { createChat } from './chat.ts';
import { BUYER_EMAIL, createDemoTables, hasForeignUsers } from './tables.ts';

export interface DemoBackendOptions {
  /** 0: a free one. */
  readonly port: number;
  readonly host?: string;
  /** As the backend writes it, e.g. postgresql+asyncpg://…; its tables are made when they are missing. */
  readonly databaseUrl: string;
  readonly jwtSecret: string;
  /** Absolute path; uploaded files are kept there. */
  readonly mediaDir: string;
  /** Told of every defect that ended in a 500. */
  readonly report?: (error: unknown) => void;
}

export interface DemoBackend {
  readonly url: string;
  readonly port: number;
  /** A valid token for buyer@demo.com. */
  readonly buyerToken: string;
  /** Open connections are cut. */
  stop(): Promise<void>;
}

/** uvicorn's --timeout-keep-alive: the sidecar has to live with it, so the demo behaves the same. */
const KEEP_ALIVE_MS = 5_000;
const MAX_CONNECTIONS = 5;

/**
 * Makes the tables and the demo's rows, and listens.
 * @throws Error when the port is taken, the database is away, or it is another backend's
 */
export async function startDemoBackend(options: DemoBackendOptions): Promise<DemoBackend> {
  const { jwtSecret, host = '127.0.0.1', report = () => undefined } = options;
  const pool = await openPool(options.databaseUrl);
  // A database that restarts must not end the demo.
  pool.on('error', () => undefined);
  try {
    const buyerId = await prepareDatabase(pool);
    const chat = createChat();
    // Uploads may take as long as they need, as with uvicorn. Node adds a second to its idle limit of its own accord.
    const server = createServer(
      { keepAliveTimeout: KEEP_ALIVE_MS, keepAliveTimeoutBuffer: 0, requestTimeout: 0 },
      createDemoApp({ pool, jwtSecret, mediaDir: options.mediaDir, report }),
    );
    server.on('upgrade', chat.accept);
    const port = await listen(server, options.port, host);
    return {
      url: `http://${host}:${port}`,
      port,
      buyerToken: demoToken(buyerId, jwtSecret),
      async stop() {
        chat.closeAll();
        const closed = new Promise((resolve) => server.close(resolve));
        server.closeAllConnections();
        await closed;
        await pool.end();
      },
    };
  } catch (error) {
    await pool.end();
    throw error;
  }
}

/** Whether a database belongs to another backend, so that the demo must not be started on it. */
export async function belongsToAnotherBackend(databaseUrl: string): Promise<boolean> {
  const client = await createConnector(parseDatabaseUrl(databaseUrl)).open();
  try {
    return await hasForeignUsers(client);
  } finally {
    await client.end();
  }
}

/** The first connection finds out which host it is and whether there is TLS to be had, where the URL leaves that open. */
async function openPool(databaseUrl: string): Promise<pg.Pool> {
  const target = parseDatabaseUrl(databaseUrl);
  const first = await createConnector(target).open();
  await first.end();
  const { host, port } = first;
  const settings = await connectionSettings({ ...target, host, port }, Boolean(first.ssl));
  return new pg.Pool({ ...settings, max: MAX_CONNECTIONS });
}

/** @returns id of the demo buyer */
async function prepareDatabase(pool: pg.Pool): Promise<number> {
  const client = await pool.connect();
  try {
    await createDemoTables(client);
    const found = await client.query<{ id: number }>('SELECT id FROM users WHERE email = $1', [BUYER_EMAIL]);
    return found.rows[0]?.id ?? 0;
  } finally {
    client.release();
  }
}
