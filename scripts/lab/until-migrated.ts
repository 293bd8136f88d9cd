/**
 * Migrations, and what comes behind them, run beside the sidecar; a test that needs the tables waits until all is there.
 */
import { parseDatabaseUrl } from '../../src/config/database-url.ts';
import { schemaStatus } from '../../src/infra/postgres/migrate.ts';
import { schema } from '../../src/schema.ts';
import { until } from './programs.ts';

export const untilMigrated = (url: string): Promise<void> =>
  until(
    'the migrations',
    () =>
      schemaStatus(parseDatabaseUrl(url), schema).then(
        ({ pending, problems }) => pending.length + problems.length === 0,
        () => false,
      ),
    { everyMs: 50 },
  );
