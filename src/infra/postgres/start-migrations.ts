/**
 * Brings the schema up to date beside a running sidecar: forwarding never waits for it, and a database that is down at
 * start is migrated when it comes back.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { DatabaseTarget } from '../../config/database-url.ts';
import type { Log } from '../logger.ts';
import { migrateDatabase } from './migrate.ts';
import type { Schema } from './schema-parts.ts';

const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 15_000;

/** Tries until everything is there and right; `stop()` ends a step in progress as well, which changes nothing then. */
export function startMigrations(target: DatabaseTarget, schema: Schema, log: Log): { stop(): Promise<void> } {
  const stopping = new AbortController();
  const done = run(target, schema, log, stopping.signal);
  return {
    stop() {
      stopping.abort();
      return done;
    },
  };
}

async function run(target: DatabaseTarget, schema: Schema, log: Log, signal: AbortSignal): Promise<void> {
  for (let delayMs = FIRST_RETRY_MS; !signal.aborted; delayMs = Math.min(delayMs * 2, LONGEST_RETRY_MS)) {
    try {
      const { repaired, advice } = await migrateDatabase(target, schema, {
        signal,
        say: (progress) => log.info({ progress }, 'the database is being brought up to date'),
        onApplied: (applied) => log.info({ applied }, 'database migrated'),
      });
      if (repaired.length > 0) log.warn({ repaired }, 'database repaired');
      if (advice.length > 0) log.warn({ advice }, 'the database can be used, within limits');
      return;
    } catch (error) {
      if (signal.aborted) return;
      log.warn({ err: error, retryInMs: delayMs }, 'the database cannot be migrated yet');
      await sleep(delayMs, undefined, { signal }).catch(() => undefined);
    }
  }
}
