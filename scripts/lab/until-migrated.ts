/**
 * Migrations run beside the sidecar; a test that needs the tables waits for them.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { migrations } from '../../src/infra/migrations/index.ts';
import { query } from './database.ts';

const PATIENCE_MS = 20_000;

export async function untilMigrated(url: string): Promise<void> {
  const giveUpAt = Date.now() + PATIENCE_MS;
  while (Date.now() < giveUpAt) {
    const rows = await query<{ n: string }>(
      url,
      'SELECT count(*) AS n FROM gogomarket_sidecar_migrations',
    ).catch(() => []);
    if (Number(rows[0]?.n) === migrations.length) return;
    await sleep(50);
  }
  throw new Error('the migrations did not run');
}
