/** The reviews in the database: out of it, into it, and what is kept about them put right. */
import { parseArgs } from 'node:util';
import type { Knex } from 'knex';
import type { DatabaseTarget } from '../src/config/database-url.ts';
import { ConfigError, parseSetting } from '../src/config/read-settings.ts';
import { operateReviews, sentenceOf } from '../src/features/reviews/operator/connect.ts';
import { exportReviews } from '../src/features/reviews/operator/export.ts';
import { refreshVerified } from '../src/features/reviews/operator/refresh-verified.ts';
import { recountEverything } from '../src/features/reviews/tables/adoption.ts';
import { type Drift, findDrift } from '../src/features/reviews/tables/figures.ts';
import { isUndefinedTable } from '../src/infra/postgres/failure.ts';
import { longTransaction, longWork } from '../src/infra/postgres/migrate.ts';
import { fail, readCommandLine } from './lib/command-line.ts';
import { readDatabaseTarget } from './lib/database-target.ts';
import { importFile } from './reviews/import-file.ts';

const HELP = `Usage: npm run reviews -- COMMAND [options]

On the reviews in DATABASE_URL, beside running sidecars.

  export [--product ID] [--since TIME] > reviews.ndjson
             one review a line, as its author sees it, and display_name; older ones that a newer one has replaced, too.
             --product ID   only of this product
             --since TIME   only those written or edited since, e.g. 2026-01-31 or 2026-01-31T12:00:00Z (UTC)
             With S3_PUBLIC_BASE_URL pictures have their URLs.
  import FILE [--dry-run]
             writes what such a file has. What is there stays as it is, and a line that is there is passed over: after
             an interruption begin again. So is one that is older than what its author has written about the product
             since. Ids are kept unless another review has them, or has to be the newer one. A line that cannot be
             taken is listed with its number, and the others go on. Votes, reports and events are not imported.
             --dry-run      only tells what would happen
  stats [--check]
             compares which reviews are shown, their votes, and the figures of every product with the reviews themselves, and puts
             right what differs. Reading and writing go on meanwhile.
             --check        only tells what differs
  refresh-verified
             asks anew, for every review, whether its author has a delivered order of the product

  --help     this text

Exit status: 0 done, 1 the database or the file refused, 2 wrong arguments, 3 import: some lines were not taken, stats
--check: something differs, 78 DATABASE_URL is missing or malformed.
`;

const EX_DIFFERS = 3;
const EX_CONFIG = 78;
const COMMANDS = ['export', 'import', 'stats', 'refresh-verified'] as const;
type Command = (typeof COMMANDS)[number];
/** Which options each command has. */
const OPTIONS: Readonly<Record<Command, readonly string[]>> = {
  export: ['product', 'since'],
  import: ['dry-run'],
  stats: ['check'],
  'refresh-verified': [],
};

async function main(): Promise<void> {
  const options = readCommandLine(HELP, parseOptions);
  if (options === null) return;
  const publicBaseUrl = options.command === 'export' ? readPublicBaseUrl() : null;
  const target = readDatabaseTarget();
  if (target === null) return;
  const { command, file, product: productId, since } = options;
  try {
    if (command === 'stats') await compare(target, options.check);
    else
      await operateReviews(target, async (knex) => {
        if (command === 'export') await exportAll(knex, { productId, since, publicBaseUrl });
        else if (command === 'import') await importAll(knex, file, options['dry-run']);
        else await refresh(knex);
      });
  } catch (error) {
    const remedy = isUndefinedTable(error) ? '. Has npm run migrate run?' : '';
    fail(1, `${FAILURES[command]}: ${sentenceOf(error)}${remedy}`);
  }
}

const FAILURES: Readonly<Record<Command, string>> = {
  export: 'The export failed',
  import: 'The import ended early; begun again it goes on from there',
  stats: 'The rebuild failed',
  'refresh-verified': 'Not all reviews were looked at',
};

/** Files of reviews have no URL without it. */
function readPublicBaseUrl(): string | null {
  return process.env.S3_PUBLIC_BASE_URL ? (parseSetting(process.env, 'S3_PUBLIC_BASE_URL') ?? null) : null;
}

async function exportAll(knex: Knex, options: Parameters<typeof exportReviews>[1]): Promise<void> {
  for await (const line of exportReviews(knex, options)) {
    if (!process.stdout.write(`${line}\n`))
      await new Promise((drained) => process.stdout.once('drain', drained));
  }
}

async function importAll(knex: Knex, file: string, dryRun: boolean): Promise<void> {
  const { kept, renumbered, known, refused } = await importFile(knex, file, { dryRun, out: process.stderr });
  const verb = dryRun ? 'would be' : 'were';
  process.stdout.write(
    `${kept + renumbered} reviews ${verb} added${renumbered > 0 ? `, ${renumbered} of them with a new id` : ''}; ${known} are there already; ${refused} lines ${dryRun ? 'cannot be' : 'were not'} taken.\n`,
  );
  if (refused > 0) process.exitCode = EX_DIFFERS;
}

async function refresh(knex: Knex): Promise<void> {
  const { verified, unverified } = await refreshVerified(knex);
  process.stdout.write(`${verified} reviews are verified now that were not, ${unverified} no longer.\n`);
}

async function compare(target: DatabaseTarget, onlyCheck: boolean): Promise<void> {
  const drift = await longTransaction(target, 'rollback', findDrift);
  if (!onlyCheck && drift.reviews + drift.products > 0)
    await longWork(target, { say: (progress) => process.stderr.write(`${progress}\n`) }, recountEverything);
  report(drift, onlyCheck);
}

function report({ reviews, products }: Drift, onlyChecked: boolean): void {
  if (reviews + products === 0) {
    process.stdout.write('Everything agrees with the reviews.\n');
    return;
  }
  const what = `${reviews} reviews were wrongly current or superseded, the figures of ${products} products were wrong`;
  process.stdout.write(onlyChecked ? `${what}.\n` : `${what}; all are right now.\n`);
  if (onlyChecked) process.exitCode = EX_DIFFERS;
}

function parseOptions() {
  const { values, positionals, tokens } = parseArgs({
    allowPositionals: true,
    tokens: true,
    options: {
      product: { type: 'string' },
      since: { type: 'string' },
      'dry-run': { type: 'boolean', default: false },
      check: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  const [given, ...files] = positionals;
  const command = COMMANDS.find((known) => known === given) ?? 'stats';
  if (values.help) return { ...values, command, file: '', since: undefined };
  if (command !== given) throw new Error(`The command must be one of ${COMMANDS.join(', ')}.`);
  const foreign = tokens.find((token) => token.kind === 'option' && !OPTIONS[command].includes(token.name));
  if (foreign?.kind === 'option') throw new Error(`${command} has no option --${foreign.name}.`);
  if (files.length !== (command === 'import' ? 1 : 0))
    throw new Error(command === 'import' ? 'import needs one file.' : `${command} takes no file.`);
  return { ...values, command, file: files[0] ?? '', since: timeFrom(values.since) };
}

/** @throws Error with a sentence */
function timeFrom(text: string | undefined): Date | undefined {
  if (text === undefined) return undefined;
  const isTime = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?)?$/.test(text);
  const date = new Date(/T.*(Z|[+-]\d\d:\d\d)$/.test(text) || !text.includes('T') ? text : `${text}Z`);
  if (!isTime || Number.isNaN(date.getTime()) || !isDay(text.slice(0, 10)))
    throw new Error('--since must be a date or a time, e.g. 2026-01-31T12:00:00Z.');
  return date;
}

/** Date takes 30 February for 1 March. */
const isDay = (day: string) => new Date(day).toISOString().startsWith(day);

// `| head` has read enough.
process.stdout.on('error', () => process.exit(0));
main().catch((error) => {
  if (!(error instanceof ConfigError)) throw error;
  fail(EX_CONFIG, error.message);
});
