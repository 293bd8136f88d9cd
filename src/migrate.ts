/**
 * The process that migrates the database and exits (Procfile: release). The running sidecar does the same beside its
 * work (MIGRATE_ON_START), so this is for those who want it before the start.
 */

import type { DatabaseTarget } from './config/database-url.ts';
import { keepOwnEnvironment } from './config/environment.ts';
import { ConfigError, parseSetting } from './config/read-settings.ts';
import { migrateDatabase, rollBackDatabase, schemaStatus } from './infra/postgres/migrate.ts';
import { schema } from './schema.ts';

const HELP = `Usage: node src/migrate.ts [--status | --repair | --down] [--help]

Brings the sidecar's tables in DATABASE_URL up to date and puts right what is missing or wrong in them. Safe to run
twice and by several processes at once.

  --status   list what is applied, what is not and what is wrong; changes nothing
  --repair   also compute anew which reviews are current, and their counts and averages (after a restored backup)
  --down     take back the newest migration (reviews stay; see docs/operations.md)
  --help     this text

Exit status: 0 done, 1 the database refused, 2 unknown argument, 3 --status found something wrong,
78 DATABASE_URL is missing or malformed.
`;

const EX_CONFIG = 78;
const EX_WRONG = 3;
/** Of the longest usual label. */
const WIDTH = 'applied'.length;

async function main(args: readonly string[]): Promise<void> {
  const [action = '--up', ...rest] = args;
  if (action === '--help' || action === '-h') {
    process.stdout.write(HELP);
  } else if (rest.length > 0 || !['--up', '--status', '--repair', '--down'].includes(action)) {
    fail(2, `Unknown argument ${rest[0] ?? action}.\n\n${HELP}`);
  } else {
    const target = readTarget();
    if (target !== undefined) await act(action, target);
  }
}

async function act(action: string, target: DatabaseTarget): Promise<void> {
  keepOwnEnvironment(process.env);
  if (action === '--status') {
    await showStatus(target);
  } else if (action === '--down') {
    const { undone } = await rollBackDatabase(target, schema);
    print(undone.length === 0 ? ['Nothing to take back.'] : labelled('taken back', undone));
  } else {
    const repair = action === '--repair';
    const { applied, repaired, advice } = await migrateDatabase(target, schema, {
      repair,
      say: (progress) => process.stderr.write(`${progress}\n`),
    });
    const done = [...labelled('applied', applied), ...labelled('repaired', repaired)];
    if (done.length === 0) done.push(repair ? 'Everything is right.' : 'The database is up to date.');
    print([...done, ...labelled('note', advice)]);
  }
}

async function showStatus(target: DatabaseTarget): Promise<void> {
  const { applied, pending, newer, problems, advice } = await schemaStatus(target, schema);
  print([
    ...labelled(
      'applied',
      applied.map((name) => (newer.includes(name) ? `${name} (by a newer release)` : name)),
    ),
    ...labelled('pending', pending),
    // What is yet to be made is missing, in dozens of lines.
    ...labelled('wrong', pending.length > 0 ? summed(problems) : problems),
    ...labelled('note', advice),
  ]);
  if (problems.length > 0) process.exitCode = EX_WRONG;
}

const summed = ({ length }: readonly string[]) =>
  length === 0
    ? []
    : [`${length} parts are missing or of another release, as long as migrations are pending`];

const labelled = (label: string, lines: readonly string[]) =>
  lines.map((line) => `${label.padEnd(WIDTH)}  ${line}`);

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

const args = process.argv.slice(2);
main(args).catch((error) => {
  const what = args[0] === '--status' ? 'The status cannot be told' : 'The migration failed';
  fail(1, `${what}: ${error instanceof Error ? error.message : String(error)}`);
});
