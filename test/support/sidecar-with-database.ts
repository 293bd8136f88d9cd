/** A sidecar on a database of its own, with the backend's tables and ours, for the tests of one file. */
import { after, before } from 'node:test';
import {
  createBackendTables,
  startTestDatabase,
  type TestDatabaseServer,
} from '../../scripts/lab/database.ts';
import { parseDatabaseUrl } from '../../src/config/database-url.ts';
import { migrateDatabase } from '../../src/infra/postgres/migrate.ts';
import { schema } from '../../src/schema.ts';
import { untilReady } from './api.ts';
import { startSidecar, type TestSidecar } from './start-sidecar.ts';

export interface SidecarWithDatabase {
  readonly server: TestDatabaseServer;
  /** postgresql:// URL of the sidecar's database. */
  readonly url: string;
  readonly sidecar: TestSidecar;
}

/** The backend's tables and ours. For `fill`: it is done once for all files. */
export async function allTables(url: string): Promise<void> {
  await createBackendTables(url);
  await migrateDatabase(parseDatabaseUrl(url), schema);
}

/**
 * Starts both before the file's tests and stops them after. Migrated before the sidecar starts: at the end of its own
 * migration it rehearses what is written, beside the first test, and a TRUNCATE of the tables may not meet that.
 * @param use is handed them before the first test
 * @param env more settings of the sidecar
 */
export function sidecarWithDatabase(
  use: (started: SidecarWithDatabase) => unknown,
  env: Record<string, string> = {},
): void {
  const parts = new AsyncDisposableStack();
  before(async () => {
    const server = parts.use(await startTestDatabase({ fill: allTables }));
    const { url } = server;
    const sidecar = await startSidecar({ DATABASE_URL: url, MIGRATE_ON_START: 'false', ...env });
    parts.defer(sidecar.stop);
    await untilReady(sidecar);
    await use({ server, url, sidecar });
  });
  after(() => parts.disposeAsync());
}
