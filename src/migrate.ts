/**
 * The process that migrates the database and exits (Procfile: release). The running sidecar does the same beside its
 * work (MIGRATE_ON_START), so this is for those who want it before the start.
 */
import { ConfigError, parseSetting } from './config/config.ts';
import type { DatabaseTarget } from './config/database-url.ts';
import { keepOwnEnvironment } from './config/environment.ts';
import { migrations } from './infra/migrations/index.ts';
import { migrateDatabase, migrationStatus, rollBackDatabase } from './infra/postgres/migrate.ts';

const HELP = `Usage: node src/migrate.ts [--status | --down] [--help]

Brings the sidecar's tables in DATABASE_URL up to date. Safe to run twice and by several processes at once.

  --status   list what is applied and what is not; changes nothing
  --down     take back the newest migration (reviews stay; see docs/operations.md)
  --help     this text

Exit status: 0 done, 1 the database refused, 2 unknown argument, 78 DATABASE_URL is missing or malformed.
`;

const EX_CONFIG = 78;

async function main(args: readonly string[]): Promise<void> {
  const [action = '--up', ...rest] = args;
  if (action === '--help' || action === '-h') {
    process.stdout.write(HELP);
  } else if (rest.length > 0 || !['--up', '--status', '--down'].includes(action)) {
    fail(2, HELP);
  } else {
    const target = readTarget();
    if (target !== undefined) await act(action, target);
  }
}

async function act(action: string, target: DatabaseTarget): Promise<void> {
  keepOwnEnvironment(process.env);
  if (action === '--status') {
    const { applied, pending } = await migrationStatus(target, migrations);
    print([...applied.map((name) => `applied  ${name}`), ...pending.map((name) => `pending  ${name}`)]);
  } else if (action === '--down') {
    const { undone } = await rollBackDatabase(target, migrations);
    print(undone.length === 0 ? ['Nothing to take back.'] : undone.map((name) => `taken back  ${name}`));
  } else {
    const { applied } = await migrateDatabase(target, migrations);
    print(applied.length === 0 ? ['The database is up to date.'] : applied.map((name) => `applied  ${name}`));
  }
}

function readTarget(): DatabaseTarget | undefined {
  try {
    return parseSetting(process.env, 'DATABASE_URL');
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    fail(EX_CONFIG, error.message);
    return undefined;
  }
}

function print(lines: readonly string[]): void {
  process.stdout.write(`${lines.join('\n')}\n`);
}

function fail(status: number, text: string): void {
  process.stderr.write(`${text}\n`);
  process.exitCode = status;
}

main(process.argv.slice(2)).catch((error) => {
  fail(1, `The migration failed: ${error instanceof Error ? error.message : String(error)}`);
});
