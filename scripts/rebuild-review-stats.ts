/**
 * Computes which reviews are current, and the count and sum of every product, anew from the reviews themselves. The
 * triggers keep them exact; this is for a database that was restored or edited with the triggers switched off.
 */
import { parseArgs } from 'node:util';
import type { Drift } from '../src/features/reviews/tables/figures.ts';
import { rebuild } from '../src/features/reviews/tables/repair.ts';
import { longTransaction } from '../src/infra/postgres/migrate.ts';
import { fail, readCommandLine, readDatabaseTarget } from './lib/command-line.ts';

const HELP = `Usage: node scripts/rebuild-review-stats.ts [--check] [--help]

Compares the review counts and averages in DATABASE_URL with the reviews themselves and puts right what differs.
Reading goes on meanwhile; whoever writes a review waits for it. Safe to run at any time, and twice.

  --check   only report what differs
  --help    this text

Exit status: 0 all in order (or put in order), 1 the database refused, 2 unknown argument,
3 --check found differences, 78 DATABASE_URL is missing or malformed.
`;

const EX_DIFFERS = 3;

async function main(): Promise<void> {
  const options = readCommandLine(HELP, parseOptions);
  if (options === null) return;
  const target = readDatabaseTarget();
  if (target === null) return;
  // What a rebuild would do, and then not do it: the two can never disagree.
  const drift = await longTransaction(target, options.check ? 'rollback' : 'commit', rebuild);
  process.stdout.write(`${describe(drift, options.check)}\n`);
  if (options.check && drift.products + drift.reviews > 0) process.exitCode = EX_DIFFERS;
}

function describe({ reviews, products }: Drift, onlyChecked: boolean): string {
  if (reviews + products === 0) return 'Everything agrees with the reviews.';
  const what = `${reviews} reviews were wrongly current or superseded, the figures of ${products} products were wrong`;
  return onlyChecked ? `${what}.` : `${what}; all are right now.`;
}

const parseOptions = () =>
  parseArgs({
    options: {
      check: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  }).values;

main().catch((error) => {
  fail(
    1,
    `The rebuild failed and changed nothing: ${error instanceof Error ? error.message : String(error)}`,
  );
});
