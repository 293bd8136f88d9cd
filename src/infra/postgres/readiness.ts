/**
 * Would the routes that need the database work now? What /readyz calls ready must serve, whoever made the tables and
 * whatever has happened to them since.
 */
import type { Log } from '../logger.ts';
import { createReadinessCheck } from '../readiness-check.ts';
import type { Database, RunOptions } from './database.ts';
import { rehearseWriting, type Schema, schemaProblems } from './schema-parts.ts';

export interface ReadinessOptions {
  readonly database: Database;
  readonly schema: Schema;
  /** Reads what requests read. @throws when it cannot */
  readonly probe: (options: RunOptions) => Promise<void>;
  readonly log: Log;
}

const TIMEOUT_MS = 2_000;

/**
 * Each time the catalogs and the probe; until it has once succeeded also a write that is taken back. Says why not in the
 * log, once for each reason. @returns a check that never throws
 */
export function createDatabaseReadiness({
  database,
  schema,
  probe,
  log,
}: ReadinessOptions): () => Promise<boolean> {
  let rehearsed = false;

  const obstacle = async (): Promise<string> => {
    const options = { untilMs: performance.now() + TIMEOUT_MS };
    const problems = await database.run((knex) => schemaProblems(knex, schema), options);
    if (problems.length > 0) return problems.join('; ');
    await probe(options);
    if (!rehearsed) await database.run((knex) => rehearseWriting(knex, schema), options);
    rehearsed = true;
    return '';
  };

  return createReadinessCheck('database', obstacle, log);
}
