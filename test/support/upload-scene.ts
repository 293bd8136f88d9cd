/** Several sidecars on one database and one object store, for the tests of uploads. */
import { after, before } from 'node:test';
import { query, startTestDatabase, type TestDatabaseServer } from '../../scripts/lab/database.ts';
import { startTestObjectStore, storageEnv } from '../../scripts/lab/throwaway-object-store.ts';
import { type ApiRequest, api, untilReady } from './api.ts';
import { allTables } from './sidecar-with-database.ts';
import { startSidecar, type TestSidecar } from './start-sidecar.ts';

export interface UploadScene {
  readonly server: TestDatabaseServer;
  readonly store: Awaited<ReturnType<typeof startTestObjectStore>>;
  readonly url: string;
  /** A sidecar on them; stopped after the tests. */
  sidecar(env?: Record<string, string>): Promise<TestSidecar>;
  /** For the uploads of a user so much time has passed: nobody has to wait for it. */
  letTimePass(user: number, interval: string): Promise<unknown>;
  sql<Row extends Record<string, unknown>>(sql: string, values?: unknown[]): Promise<Row[]>;
}

/** Starts both before the file's tests. @param use is handed them before the first test */
export function uploadScene(use: (scene: UploadScene) => void | Promise<void>): void {
  const stops: (() => Promise<void>)[] = [];
  before(async () => {
    const server = await startTestDatabase({ fill: allTables });
    stops.push(server.stop);
    const store = await startTestObjectStore();
    stops.push(store.stop);
    const { url } = server;
    // Many of them in one test share a server's hundred connections.
    const base = { DATABASE_URL: url, DATABASE_POOL_MAX: '6' };
    const sidecar = async (env: Record<string, string> = {}) => {
      const isMigrated = env.DATABASE_URL === undefined;
      const made = await startSidecar({
        ...{ ...base, ...(isMigrated ? { MIGRATE_ON_START: 'false' } : {}) },
        ...{ ...storageEnv(store.config), ...env },
      });
      stops.push(made.stop);
      // One with another database is the test's own matter: that may be away.
      if (isMigrated) await untilReady(made);
      return made;
    };
    const letTimePass = (user: number, interval: string) => query(url, agedBy(user, interval));
    await use({ server, store, url, sidecar, letTimePass, sql: (sql, values) => query(url, sql, values) });
  });
  after(async () => {
    for (const stop of stops.toReversed()) await stop();
  });
}

/** Without the trigger: nothing becomes of the uploads by that. */
const agedBy = (user: number, interval: string) => {
  const times = ['created_at', 'expires_at', 'settles_at', 'due_at', 'finished_at'];
  const earlier = (columns: string[]) =>
    columns.map((column) => `${column} = ${column} - interval '${interval}'`).join(', ');
  return `SET session_replication_role = replica;
    UPDATE sidecar_uploads SET ${earlier(times)} WHERE user_id = ${user};
    UPDATE sidecar_upload_usage SET ${earlier(['swept_until'])} WHERE user_id = ${user}`;
};

export const IMAGE = { kind: 'product_image', filename: 'a.png', content_type: 'image/png', size_bytes: 10 };

/** POST /api/uploads. */
export const issue = (sidecar: Pick<TestSidecar, 'url'>, json: unknown, user = 1, request: ApiRequest = {}) =>
  api('POST', `${sidecar.url}/api/uploads`, { user, json, ...request });
