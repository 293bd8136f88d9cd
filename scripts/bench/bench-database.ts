/**
 * A PostgreSQL for one contender alone, with the settings that PostgreSQL comes with: it waits for the disk (fsync,
 * synchronous_commit, full_page_writes on). What it costs in CPU counts beside the contender's own.
 */
import { moveTo } from '../lab/cores.ts';
import { createBackendTables, query } from '../lab/database.ts';
import { startEmbeddedPostgres } from '../lab/postgres.ts';
import { cpuWithEnded } from '../lab/proc.ts';
import { makeScratchFolder } from '../lab/scratch-folder.ts';

export interface BenchDatabase extends AsyncDisposable {
  /** postgresql:// */
  readonly url: string;
  /** Of all its processes so far, those that have ended included, µs. */
  cpuUs(): number;
}

/** For the cells of a table. */
export const BENCH_DATABASE =
  'a PostgreSQL 18 of its own with default settings (fsync, synchronous_commit on)';

/** Starts one that has the backend's tables and so many users with ids from 1. @param core of its connections */
export async function startBenchDatabase(core: number | undefined, users: number): Promise<BenchDatabase> {
  const folder = makeScratchFolder('bench-db');
  const account = { user: 'app', password: 'bench', database: 'app' };
  const server = await startEmbeddedPostgres({ dataDir: folder.at('data'), port: 0, ...account });
  // Those that it starts for connections run where it runs.
  moveTo(core, server.pid);
  await createBackendTables(server.url);
  await query(
    server.url,
    `INSERT INTO users (email, name)
     SELECT 'user' || n || '@example.com', 'User ' || n FROM generate_series(6, ${users}) AS n`,
  );
  await query(server.url, 'UPDATE users SET is_blocked = false, is_active = true');
  await query(server.url, 'VACUUM ANALYZE users');
  return {
    url: server.url,
    cpuUs: () => cpuWithEnded(server.pid),
    async [Symbol.asyncDispose]() {
      await server.stop();
      folder.remove();
    },
  };
}
