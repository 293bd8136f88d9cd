/**
 * Migrations run beside the sidecar; a test that needs the tables waits for them.
 */
import { migrationsOf } from '../../src/infra/postgres/schema-parts.ts';
import { schema } from '../../src/schema.ts';
import { query } from './database.ts';
import { until } from './programs.ts';

const COUNT = 'SELECT count(*)::integer AS n FROM gogomarket_sidecar_migrations';

export const untilMigrated = (url: string): Promise<void> =>
  until('the migrations', async () => {
    const rows = await query<{ n: number }>(url, COUNT).catch(() => []);
    return rows[0]?.n === migrationsOf(schema).length;
  });
