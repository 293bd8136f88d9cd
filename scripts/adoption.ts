/** Measures how an old module's table of any size is adopted while that module reads and writes. */
import { parseArgs } from 'node:util';
import { parseDatabaseUrl } from '../src/config/database-url.ts';
import { findDrift } from '../src/features/reviews/tables/figures.ts';
import { longTransaction, schemaStatus } from '../src/infra/postgres/migrate.ts';
import { schema } from '../src/schema.ts';
import { adoptBeside } from './adoption/adopt.ts';
import { makeOldTable, startOldModule } from './adoption/old-module.ts';
import { query, startTestDatabase } from './lab/database.ts';
import { endBySignals, numberFrom, readCommandLine } from './lib/command-line.ts';

const HELP = `Usage: node scripts/adoption.ts [--rows N] [--hot N] [--kills N] [--help]

Makes a table of the former reviews module in a PostgreSQL of its own, adopts it with src/migrate.ts while six connections read
and write reviews, and tells how long each of them had to wait. The table needs about 1 GB of disk for each 1,000,000 rows.

  --rows N    reviews (default 5000000)
  --hot N     of these for one product (default 500000)
  --kills N   how often migrate is killed before it may finish, after 2 s, 4 s, 6 s, … (default 3)
  --help      this text

Exit status: 0 everything is right and nobody waited longer than 2 s, 1 otherwise, 2 unknown argument.
`;

const LONGEST_MS = 2_000;

function parseOptions() {
  const { values } = parseArgs({
    options: {
      rows: { type: 'string', default: '5000000' },
      hot: { type: 'string', default: '500000' },
      kills: { type: 'string', default: '3' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  const { help, rows, hot, kills } = values;
  return {
    help,
    rows: numberFrom('--rows', rows, { least: 100 }),
    hotRows: numberFrom('--hot', hot, { least: 1, most: Number(rows) }),
    kills: numberFrom('--kills', kills, { most: 1_000 }),
  };
}

async function main(): Promise<void> {
  const options = readCommandLine(HELP, parseOptions);
  if (options === null) return;
  endBySignals();
  const say = (line: string) => process.stdout.write(`${line}\n`);
  await using server = await startTestDatabase();
  const url = await server.createDatabase();
  const products = Math.ceil(options.rows / 50);
  say(`making ${options.rows} reviews of ${products} products`);
  await makeOldTable(url, options);
  const before = startOldModule(url, { products });
  await new Promise((done) => setTimeout(done, 5_000));
  say(`without us ${JSON.stringify(await before.stop())}`);
  const load = startOldModule(url, { products });
  const killAfterMs = Array.from({ length: options.kills }, (_, n) => 2_000 * (n + 1));
  const adoption = await adoptBeside(url, killAfterMs, say);
  const waits = await load.stop();
  const { problems } = await schemaStatus(parseDatabaseUrl(url), schema);
  const drift = await longTransaction(parseDatabaseUrl(url), 'rollback', findDrift);
  const [{ notes } = { notes: 0 }] = await query<{ notes: number }>(
    url,
    'SELECT count(*)::integer AS notes FROM product_reviews_unsettled',
  );
  say(JSON.stringify({ ...adoption, ...waits, problems, drift, notes }));
  const isRight = problems.length + drift.reviews + drift.products === 0;
  const longestMs = Math.max(waits.reads.longestMs, waits.writes.longestMs);
  process.exitCode = isRight && longestMs <= LONGEST_MS ? 0 : 1;
}

await main();
